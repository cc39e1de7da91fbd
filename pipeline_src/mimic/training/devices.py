"""Where a net runs and in which arithmetic: one code path for CPU and GPU."""

from dataclasses import dataclass, replace

import torch

from mimic.allocator import keep_memory


@dataclass(frozen=True)
class Device:
    """A torch device with the arithmetic chosen for it.

    Parameters
    ----------
    torch_device : torch.device
    dtype : torch.dtype
        Of forward and backward (autocast where it is bfloat16); weights and optimiser stay float32.
    channels_last : bool
        Memory format of images and convolution weights.
    prepares : bool
        Standardise a whole epoch at once, in `dtype`, rather than each batch; 40,000 images take 245 MB in
        bfloat16.
    graphs : bool
        Capture what is repeated as CUDA graphs; needs a GPU and `prepares`, whose buffers do not move.
    alignment : int
        Convolutions work on multiples of so many channels, see `mimic.models.net.Conv2d`.
    """

    torch_device: torch.device
    dtype: torch.dtype
    channels_last: bool
    prepares: bool = False
    graphs: bool = False
    alignment: int = 1

    def autocast(self):
        """Context in which forward passes run."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self.torch_device.type, self.dtype, enabled=enabled, cache_enabled=True)

    def suited_to(self, net):
        """The same device; without channels_last for a net that has no convolution to gain from it."""
        has_convolution = any(isinstance(module, torch.nn.Conv2d) for module in net.modules())
        return self if has_convolution else replace(self, channels_last=False)

    def place(self, net):
        """The net on the device, in the memory format and alignment."""
        for module in net.modules():
            if hasattr(module, "alignment"):
                module.alignment = self.alignment
        net = net.to(self.torch_device)
        return net.to(memory_format=torch.channels_last) if self.channels_last else net

    def format(self, images):
        """Float images in the memory format."""
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images

    def describe(self):
        """A few words for a log."""
        name = str(self.dtype).removeprefix("torch.")
        return f"{self.torch_device}, {name}, channels_last {'on' if self.channels_last else 'off'}"


def gains_from_bfloat16(torch_device):
    """Whether the processor has instructions for bfloat16 (measured gain: about twofold on both kinds)."""
    if torch_device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_device(precision, channels_last, threads=None):
    """The GPU where there is one, else the CPU.

    Parameters
    ----------
    precision : str
        ``auto``, ``float32`` or ``bfloat16``; ``auto`` is bfloat16 where the processor gains from it.
    channels_last : str
        ``auto``, ``on`` or ``off``; ``auto`` follows bfloat16.
    threads : int, optional
        CPU threads; results are the same bytes for the same number of threads.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    keep_memory()
    torch_device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bfloat16 = precision == "bfloat16" or (precision == "auto" and gains_from_bfloat16(torch_device))
    last = channels_last == "on" or (channels_last == "auto" and bfloat16)
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    if torch_device.type == "cpu":
        return Device(torch_device, dtype, last)
    # By default convolutions "in float32" round to TF32, ten bits.
    torch.backends.cudnn.allow_tf32 = bfloat16
    # Tensor cores take channels in groups of eight.
    return Device(torch_device, dtype, last, prepares=True, graphs=True, alignment=8 if bfloat16 else 1)
