"""Small networks, each with something that a pass must get right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two convolutions with BatchNorm around a skip connection, then pool and classify."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(8)
        self.first = nn.Conv2d(8, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem_norm(self.stem(x)))
        x = F.relu(self.second(F.relu(self.first(x))) + x)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Branches(nn.Module):
    """Two branches with different kernels, concatenated by channel, then flattened channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(2, 3, 1)
        self.wide = nn.Conv2d(2, 5, 3, padding=1)
        self.head = nn.Linear(8 * 4 * 3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([F.relu(self.narrow(x)), self.wide(x)], 1)
        return F.softmax(self.head(F.max_pool2d(x, 2).flatten(1)), dim=-1)


class Separable(nn.Module):
    """Asymmetric padding in front of a strided depthwise convolution, relu6, an image as output."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(4, 4, 3, stride=2, groups=4)
        self.pointwise = nn.Conv2d(4, 6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pointwise(F.relu6(self.depthwise(F.pad(x, (0, 1, 0, 1)))))


class TwoInTwoOut(nn.Module):
    """Two inputs that meet, two outputs of different shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(12, 8)
        self.right = nn.Linear(5, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        both = F.relu(self.left(x)) + self.right(y)
        return both, self.head(both)


class Turned(nn.Module):
    """A permute that no pass can remove."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.across = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.across(self.conv(x).permute(0, 1, 3, 2))


Net = tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]
NETS: dict[str, Net] = {
    "residual": (Residual, ((3, 8, 6),)),
    "branches": (Branches, ((2, 8, 6),)),
    "separable": (Separable, ((4, 9, 8),)),
    "turned": (Turned, ((1, 8, 7),)),
    "linear": (lambda: nn.Sequential(nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)), ((9,),)),
    "two_in_two_out": (TwoInTwoOut, ((12,), (5,))),
}
