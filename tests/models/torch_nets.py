"""Small models of well-known families as plain torch modules: what people bring, not what we ship."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution without bias and its BatchNorm."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(outputs)]


class InvertedResidual(nn.Module):
    """Expand, depthwise, (squeeze and excite,) project; added to the input where shapes allow (MobileNet V2 and V3)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        expand: int,
        stride: int,
        activation: type[nn.Module],
        excite: bool = False,
    ) -> None:
        super().__init__()
        hidden = inputs * expand
        layers = [
            *conv(inputs, hidden, 1),
            activation(),
            *conv(hidden, hidden, 3, stride, hidden),
            activation(),
        ]
        layers += [SqueezeExcite(hidden)] if excite else []
        self.layers = nn.Sequential(*layers, *conv(hidden, outputs, 1))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layers(x)
        return x + y if self.adds else y


class SqueezeExcite(nn.Module):
    """Channels weighted by what all positions say (Hu et al. 2018), with a hard sigmoid as in MobileNet V3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))
        return x * F.hardsigmoid(self.excite(y))


def mobilenet_v2() -> nn.Module:
    """Return two inverted residuals with relu6."""
    return nn.Sequential(
        *conv(3, 8, 3, 2), nn.ReLU6(), InvertedResidual(8, 8, 2, 1, nn.ReLU6), InvertedResidual(8, 12, 3, 2, nn.ReLU6),
        *conv(12, 16, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 5),
    )  # fmt: skip


def mobilenet_v3() -> nn.Module:
    """Return the same with squeeze-excite and hardswish."""
    return nn.Sequential(
        *conv(3, 8, 3, 2), nn.Hardswish(), InvertedResidual(8, 8, 2, 1, nn.ReLU, True),
        InvertedResidual(8, 12, 3, 2, nn.Hardswish, True), *conv(12, 16, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(16, 12), nn.Hardswish(), nn.Linear(12, 5),
    )  # fmt: skip


def efficientnet() -> nn.Module:
    """Return inverted residuals with SiLU."""
    return nn.Sequential(
        *conv(3, 8, 3, 2), nn.SiLU(), InvertedResidual(8, 8, 2, 1, nn.SiLU), InvertedResidual(8, 12, 3, 2, nn.SiLU),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip


class Causal(nn.Module):
    """Two dilated causal convolutions along time, around a skip connection (Bai et al. 2018)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.pad = 2 * dilation
        self.first = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, 3, dilation=dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.first(F.pad(x, (self.pad, 0))))
        y = F.relu(self.second(F.pad(y, (self.pad, 0))))
        return F.relu(x + y)


class Tcn(nn.Module):
    """A temporal convolutional network; the last step decides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv1d(4, 8, 1), nn.Sequential(Causal(8, 1), Causal(8, 2))
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x))[:, :, -1])


class MixerBlock(nn.Module):
    """Mix tokens, then channels (Tolstikhin et al. 2021)."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(tokens, 12), nn.GELU(), nn.Linear(12, tokens))
        self.channels = nn.Sequential(nn.Linear(width, 24), nn.GELU(), nn.Linear(24, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Mixer(nn.Module):
    """An MLP-Mixer of two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.blocks = nn.Sequential(MixerBlock(9, 16), MixerBlock(9, 16))
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.norm(x).mean(1))


class Vit(nn.Module):
    """A vision transformer of two layers with positions added to its patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.position = nn.Parameter(torch.randn(1, 9, 16) * 0.3)
        layer = nn.TransformerEncoderLayer(16, 2, 32, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        return F.softmax(self.head(self.encoder(x).mean(1)), -1)


class Recurrent(nn.Module):
    """A recurrent layer over a sequence; its last output decides."""

    def __init__(self, layer: type[nn.Module]) -> None:
        super().__init__()
        self.layer, self.head = layer(6, 10, batch_first=True), nn.Linear(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


IMAGE = (3, 12, 12)
NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mobilenet_v2": (mobilenet_v2, IMAGE),
    "mobilenet_v3": (mobilenet_v3, IMAGE),
    "efficientnet": (efficientnet, IMAGE),
    "tcn": (Tcn, (4, 16)),
    "mixer": (Mixer, IMAGE),
    "vit": (Vit, IMAGE),
    "lstm": (lambda: Recurrent(nn.LSTM), (8, 6)),
    "gru": (lambda: Recurrent(nn.GRU), (8, 6)),
}
