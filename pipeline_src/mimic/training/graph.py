"""Work that is done over and over on the same tensors: a CUDA graph on a GPU, a plain call elsewhere.

A step of a small net is some seventy kernels of a few microseconds each; started one by one from Python the
card waits most of the time. As a graph they are started by one call.
"""

import gc

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
        All that `function` changes; put back after each call that warms up.
    generator : torch.Generator or None
        Of the random numbers that it draws; put back likewise.
    warm_up : callable, optional
        What is called to warm up: a part of `function` that calls all its kernels. All of it when None.
    """

    def __init__(self, function, device, state, generator=None, warm_up=None):
        self.function, self.device, self.state = function, device, list(state)
        self.generator, self.warm_up = generator, warm_up or function
        self._replay = None

    def __call__(self):
        if not self.device.graphs:
            self.function()
            return
        if self._replay is None:
            self._warm_up()
            self._replay = self._capture()
        self._replay()

    @torch.no_grad()
    def _warm_up(self):
        kept = [tensor.detach().clone() for tensor in self.state]
        random_state = None if self.generator is None else self.generator.get_state()
        for _ in range(_N_WARM_UP):
            with torch.enable_grad():
                self.warm_up()
            # Each time: the next call must not begin where this one ended, beyond the end of an epoch.
            for tensor, value in zip(self.state, kept, strict=True):
                tensor.copy_(value)
        if random_state is not None:
            self.generator.set_state(random_state)

    def _capture(self):
        """Function that does the work from now on."""
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream(self.device.torch_device)
        # A graph that is destroyed while another is captured would spoil it.
        collects = gc.isenabled()
        gc.disable()
        try:
            # thread_local: the thread that loads the next epoch may go on allocating meanwhile.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self.function()
        finally:
            if collects:
                gc.enable()
        return graph.replay
