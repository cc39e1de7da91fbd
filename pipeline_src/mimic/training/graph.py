"""Work that is done over and over on the same tensors: a CUDA graph on a GPU, a plain call elsewhere.

A step of a small net is some seventy kernels of a few microseconds each; started one by one from Python the
card waits most of the time. As a graph they are started by one call.
"""

import torch

_N_WARM_UP = 3  # libraries choose and load their kernels in the first calls, which cannot be captured


class Replayable:
    """A function without arguments or result that reads and writes tensors at fixed addresses.

    Parameters
    ----------
    function : callable
        Waits for nothing on the device and allocates only what it drops again.
    device : mimic.training.devices.Device
        Captures where `graphs` is set; then call it in a stream that is not the default one.
    state : sequence of tensor
        All that `function` changes; put back after the calls that warm up.
    """

    def __init__(self, function, device, state):
        self.function, self.device, self.state = function, device, list(state)
        self._graph = None

    def __call__(self):
        if not self.device.graphs:
            self.function()
            return
        if self._graph is None:
            self._capture()
        self._graph.replay()

    @torch.no_grad()
    def _put_back(self, kept):
        for tensor, value in zip(self.state, kept, strict=True):
            tensor.copy_(value)

    def _capture(self):
        kept = [tensor.detach().clone() for tensor in self.state]
        for _ in range(_N_WARM_UP):
            self.function()
        self._put_back(kept)
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream(self.device.torch_device)
        # thread_local: the thread that loads the next epoch may go on allocating meanwhile.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self.function()
        self._graph = graph
