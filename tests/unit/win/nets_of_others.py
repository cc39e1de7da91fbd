"""Small nets of a user's own, some of which a pair cannot be merged into."""

import torch
from torch import nn


class Blocks(nn.Module):
    """Two convolutional blocks and a classifier; `after` stands between the blocks."""

    def __init__(self, width=4, after=None, second=None, n_classes=3):
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.after = nn.Identity() if after is None else after
        self.two = nn.Sequential(
            nn.Conv2d(width, width, 3, stride=2, padding=1) if second is None else second, nn.ReLU()
        )
        self.pool, self.head = nn.AdaptiveAvgPool2d(2), nn.Linear(4 * width, n_classes)

    def forward(self, images):
        x = self.two(self.after(self.one(images)))
        return self.head(torch.flatten(self.pool(x), 1))


class Residual(nn.Module):
    """The second block adds its input to what it computes from it."""

    def __init__(self, width=4):
        super().__init__()
        self.one = nn.Conv2d(3, width, 3, padding=1)
        self.two = _Skip(width)
        self.head = nn.Linear(width, 3)

    def forward(self, images):
        return self.head(self.two(self.one(images)).mean((2, 3)))


class _Skip(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + torch.relu(self.conv(x))


class Mlp(nn.Module):
    """Blocks of vectors."""

    def __init__(self, width=6, n_classes=3):
        super().__init__()
        self.one = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, width), nn.ReLU())
        self.two = nn.Sequential(nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, n_classes)

    def forward(self, images):
        return self.head(self.two(self.one(images)))


class Reused(nn.Module):
    """The layer after the first block is called again later."""

    def __init__(self, width=4):
        super().__init__()
        self.one, self.shared = nn.Linear(3, width), nn.Linear(width, width)
        self.two, self.head = nn.ReLU(), nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.two(self.shared(torch.relu(self.shared(self.one(x))))))
