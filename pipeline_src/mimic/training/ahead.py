"""The next epoch is loaded while the GPU trains on the current one."""

import concurrent.futures
import contextlib

import torch


class Ahead:
    """A `load_epoch` that is one epoch ahead of its caller; a context manager, which ends its thread.

    One thread reads, so that files and buffers behind `load_epoch` have one user; on a GPU in a stream of its
    own, so that copies and kernels overlap with training. Two epochs are in memory at most.

    Parameters
    ----------
    load_epoch : callable, int -> tuple of tensor
        On the device.
    device : mimic.training.devices.Device
    n_epochs : int
        Nothing is loaded beyond this many.
    """

    def __init__(self, load_epoch, device, n_epochs):
        self.load_epoch, self.n_epochs = load_epoch, n_epochs
        on_gpu = device.torch_device.type == "cuda"
        self._stream = torch.cuda.Stream(device.torch_device) if on_gpu else None
        if on_gpu:
            # What `load_epoch` reads may still be on its way.
            self._stream.wait_stream(torch.cuda.current_stream(device.torch_device))
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "epochs")
        self._next = (None, None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __call__(self, epoch):
        number, loading = self._next
        if number != epoch:
            loading = self._thread.submit(self._load, epoch)
        tensors, loaded = loading.result()
        self._next = (None, None)
        if epoch + 1 < self.n_epochs:
            self._next = (epoch + 1, self._thread.submit(self._load, epoch + 1))
        if loaded is not None:
            stream = torch.cuda.current_stream()
            stream.wait_event(loaded)
            for tensor in tensors:
                # Its memory is given back to the stream that loaded it, but not before this one is done.
                tensor.record_stream(stream)
        return tensors

    def _load(self, epoch):
        with contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            tensors = self.load_epoch(epoch)
        return tensors, None if self._stream is None else self._stream.record_event()


def loaded_ahead(load_epoch, device, n_epochs):
    """Context whose value is `load_epoch`, one epoch ahead on a GPU.

    On a processor the epoch at hand needs all its cores, and memory for one is enough.
    """
    if device.torch_device.type == "cuda":
        return Ahead(load_epoch, device, n_epochs)
    return contextlib.nullcontext(load_epoch)
