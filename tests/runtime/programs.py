"""Programs that touch every kind of kernel: one in int8, one ternary, one in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

KINDS = ("int8", "ternary", "float32")
_SHAPE = (2, 9, 8)


class Everything(nn.Module):
    """All operators in one net; odd sizes, so that kernels for pairs, fours and eights meet their remainders."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 7, 3, padding=1)
        self.depthwise = nn.Conv2d(7, 7, 3, padding=1, groups=7)
        self.pointwise = nn.Conv2d(7, 7, 1)
        self.hidden = nn.Linear(14 * 3 * 2, 9)
        self.head = nn.Linear(9, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(F.pad(x, (0, 1, 0, 1))))
        x = F.relu(self.pointwise(F.relu6(self.depthwise(x))) + x)
        x = torch.cat([F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1)], 1)
        x = F.max_pool2d(x, 2, 2, (1, 0))
        return F.softmax(self.head(F.relu(self.hidden(x.flatten(1)))), dim=-1)


def save_program(kind: str, file: Path) -> None:
    """Write ``Everything`` of the given kind, with random weights, as a ``.pt2``."""
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    x = np.random.default_rng(1).normal(size=(32, *_SHAPE)).astype(np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Everything().eval()
        if kind == "float32":
            pt2.save(torch.export.export(model, (torch.from_numpy(x[:1]),)), file)
            return
        if kind == "ternary":
            for layer in (model.stem, model.pointwise, model.hidden, model.head):
                codes = torch.randint(-1, 2, layer.weight.shape)
                layer.weight.data = codes * layer.weight.detach().abs().mean()
    weights: Literal["int8", "ternary"] = "ternary" if kind == "ternary" else "int8"
    pt2.save(quantize_ptq(model, x, weights=weights, int8_layers={"depthwise"}), file)
