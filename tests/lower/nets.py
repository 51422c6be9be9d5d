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


class Gated(nn.Module):
    """Squeeze and excite: a gate per channel, then operands with one value per pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.register_buffer("shift", torch.linspace(-0.5, 0.5, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x)) + self.shift.view(1, -1, 1, 1)
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = x * gate
        return torch.maximum(x, x.amax(1, keepdim=True) * 0.377) - x.mean(1, keepdim=True)


class Quotient(nn.Module):
    """A division of activations, and one of a sum over all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.above = nn.Conv2d(2, 4, 3)
        self.below = nn.Conv2d(2, 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.above(x) / (F.relu(self.below(x)) + 0.5)
        return y.sum((2, 3))


class PreActivation(nn.Module):
    """BatchNorm in front of its convolution and behind a concatenation: nothing before it can take it in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.joined_norm = nn.BatchNorm2d(9)
        self.second = nn.Conv2d(9, 4, 1)
        self.last_norm = nn.BatchNorm1d(4)
        for norm in (self.norm, self.joined_norm, self.last_norm):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.2, 3)
            nn.init.uniform_(norm.weight, 0.2, 2)
            nn.init.uniform_(norm.bias, -1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(F.relu(self.norm(x)))
        x = self.second(F.relu(self.joined_norm(torch.cat([x, y], 1))))
        return self.last_norm(F.relu(x).mean((2, 3)))


class Temporal(nn.Module):
    """Causal dilated convolutions over one axis with a skip connection, pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(3, 8, 3, dilation=2)
        self.norm = nn.BatchNorm1d(8)
        self.second = nn.Conv1d(8, 8, 3, dilation=4, groups=8)
        self.skip = nn.Conv1d(3, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm(self.first(F.pad(x, (4, 0)))))
        y = F.relu(self.second(F.pad(y, (8, 0))))
        return self.head(F.max_pool1d(F.relu(y + self.skip(x)), 2).mean(-1))


class Parts(nn.Module):
    """Channels split, computed apart and joined, a reversed axis, a step of two."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 1)
        self.narrow = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.stem(x).chunk(2, 1)
        x = torch.cat([a, F.relu(self.narrow(b))], 1)
        return torch.minimum(x[:, :, ::2], x[:, :, 1::2].flip(3))


class Decoder(nn.Module):
    """An image made small and large again: grouped and transposed convolutions, both resizings, a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(2, 8, 3, stride=2, padding=1)
        self.groups = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect", groups=2)
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.line = nn.ConvTranspose2d(8, 4, 2, stride=2, groups=2)
        self.head = nn.Conv2d(8, 8, 1)
        self.norm.running_var.uniform_(0.2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.groups(F.relu(self.down(x))))
        y = torch.cat([F.relu(self.norm(self.up(x))), F.interpolate(self.line(x), size=(8, 6))], 1)
        return F.interpolate(F.pixel_shuffle(self.head(y), 2), scale_factor=2, mode="bilinear")


Net = tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]
NETS: dict[str, Net] = {
    "residual": (Residual, ((3, 8, 6),)),
    "branches": (Branches, ((2, 8, 6),)),
    "separable": (Separable, ((4, 9, 8),)),
    "turned": (Turned, ((1, 8, 7),)),
    "gated": (Gated, ((3, 8, 6),)),
    "quotient": (Quotient, ((2, 8, 6),)),
    "pre_activation": (PreActivation, ((3, 8, 6),)),
    "temporal": (Temporal, ((3, 20),)),
    "parts": (Parts, ((2, 8, 6),)),
    "decoder": (Decoder, ((2, 8, 6),)),
    "linear": (lambda: nn.Sequential(nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)), ((9,),)),
    "two_in_two_out": (TwoInTwoOut, ((12,), (5,))),
}
