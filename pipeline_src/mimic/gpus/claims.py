"""How much memory a job will need on a GPU, before it is there.

Computed from what the code allocates, with float32 throughout, and **not measured on a GPU**: see that an
estimate is too small by a job that runs out of memory (it says what it had claimed), too large by
``nvidia-smi`` beside ``mimic gpus``. ``MIMIC_CLAIM_MB`` replaces it.
"""

_MB = 1_000_000
_IMAGE_BYTES = 3 * 32 * 32
_FLOAT_BYTES = 4
_CONTEXT_MB = 900  # CUDA itself, the libraries' kernels and workspaces: 500 to 1,000 on cards in use today
_WEIGHTS = 6  # weights, gradient, momentum, the best epoch's, in bfloat16, kept while a graph is warmed
_KEPT = 3  # of each activation: before and after ReLU, and its gradient
_GRAPHS = 3  # each captured graph has memory of its own: eight steps, one step, the step that ends an epoch
_EVALUATED = 2500  # images a forward pass of the validation, see `mimic.training.engine`
_RENDERED_AT_ONCE = 2048  # images, see `mimic.augment.render`
_RENDERER_COPIES = 16  # of a chunk in float32: planes, crops, their products with the splines
_ROUNDED_UP = 1.2  # blocks of the allocator that are not full


def _images_mb(n_uint8=0, n_float=0):
    return (n_uint8 + n_float * _FLOAT_BYTES) * _IMAGE_BYTES / _MB


def _renderer_mb():
    return _images_mb(n_float=_RENDERED_AT_ONCE * _RENDERER_COPIES)


def _claim(megabytes):
    return round(_CONTEXT_MB + _ROUNDED_UP * megabytes)


def training_claim_mb(n_parameters, n_activations, batch_size, images):
    """MB of a training whose net, data and captured graphs lie on the GPU.

    Parameters
    ----------
    n_parameters : int
    n_activations : int
        Values a forward pass gives for an image, over all layers.
    batch_size : int
    images : dict of str to uint8 array, shape (n, 3, 32, 32)
        By split; an epoch has as many as ``train``.

    Returns
    -------
    int
    """
    n_images, n_train = sum(len(split) for split in images.values()), len(images["train"])
    # The epoch at hand standardised, itself, and the next, which is loaded meanwhile.
    data = _images_mb(n_images + 2 * n_train, n_train) + _renderer_mb()
    weights = _WEIGHTS * n_parameters * _FLOAT_BYTES / _MB
    activations = (_GRAPHS * _KEPT * batch_size + _EVALUATED) * n_activations * _FLOAT_BYTES / _MB
    return _claim(data + weights + activations)


def labelling_claim_mb(n_parameters, n_activations, batch_size, n_train):
    """MB of labelling epochs by nets.

    Parameters
    ----------
    n_parameters : int
        Of all nets.
    n_activations : int
        Of the largest one, see `training_claim_mb`.
    batch_size, n_train : int
    """
    data = _images_mb(2 * n_train) + _renderer_mb()
    weights = 2 * n_parameters * _FLOAT_BYTES / _MB
    return _claim(data + weights + batch_size * n_activations * _FLOAT_BYTES / _MB)


def rendering_claim_mb(n_train):
    """MB of rendering epochs of so many images."""
    return _claim(_images_mb(2 * n_train) + _renderer_mb())
