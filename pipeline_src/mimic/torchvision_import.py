"""Import of torchvision, also where its compiled operators do not fit the installed torch.

A registry's torchvision is compiled against one build of torch; beside another one (a CPU build, say) its
operators do not load, and ``import torchvision`` stops at "operator torchvision::nms does not exist": it
describes two operators that nothing declared. Declaring their schemas is all that datasets, transforms and
models need; the operators themselves stay absent.
"""

import importlib
import sys

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared = None  # a Library undoes its declarations when it is collected


def import_torchvision(submodule=""):
    """Torchvision, or one of its submodules.

    Parameters
    ----------
    submodule : str
        For example ``datasets.mnist``.

    Returns
    -------
    module
    """
    global _declared
    name = f"torchvision.{submodule}" if submodule else "torchvision"
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error) or _declared is not None:
            raise
    import torch

    # The failed import leaves submodules behind that a second one would take for whole.
    for module in [key for key in sys.modules if key.partition(".")[0] == "torchvision"]:
        del sys.modules[module]
    _declared = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        _declared.define(schema)
    return importlib.import_module(name)
