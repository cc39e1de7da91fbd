"""Dropout whose draws cost little on a processor."""

import torch
from torch import nn

_STEPS = 2**16


class Dropout(nn.Dropout):
    """As torch's, from its global generator; on a processor with 16 random bits a value.

    torch draws every value of a mask on its own there, which is a twentieth of the training of a teacher;
    64 bits at once serve four values. The rate is rounded to 1/65,536, and what is kept is scaled for the
    rounded rate, so that the mean stays, to the rounding of the values' type. On a GPU it is torch's kernel.
    """

    def forward(self, values):
        if not self.training or values.device.type != "cpu":
            return super().forward(values)
        dropped = min(
            round(self.p * _STEPS), _STEPS - 1
        )  # what is scaled by 1 / (1 - rate) needs a rate below 1
        n = values.numel()
        # Masks lie in memory as the values do, channels last or not.
        dense = values.is_contiguous() or values.is_contiguous(memory_format=torch.channels_last)
        values = values if dense else values.contiguous()
        bits = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        bits = bits[:n].as_strided(values.shape, values.stride())
        kept = (bits >= dropped - _STEPS // 2).to(values.dtype)
        return values * kept.mul_(_STEPS / (_STEPS - dropped))
