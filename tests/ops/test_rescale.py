"""Programs quantized elsewhere may give an operator another scale behind it than before it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.quantization.fx._decomposed import quantized_decomposed_lib  # noqa: F401  defines the operators

from toolkit.lower import reference
from toolkit.lower.passes import lower

Q = torch.ops.quantized_decomposed
BEFORE = (0.05, 7, -128, 127, torch.int8)
AFTER = (0.083, -30, -128, 127, torch.int8)

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "relu": F.relu,
    "reshape": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(0, 3, 1, 2),
    "pad": lambda x: F.pad(x, (1, 2), value=1.0),
    "concat": lambda x: torch.cat([x, x], 2),
}


class Net(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = FUNCTIONS[name]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        real = Q.dequantize_per_tensor(Q.quantize_per_tensor(x, *BEFORE), *BEFORE)
        out = Q.quantize_per_tensor(self.function(real), *AFTER)
        return Q.dequantize_per_tensor(out, *AFTER)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_keep_their_meaning(name: str) -> None:
    x = torch.randn((1, 4, 6, 8), generator=torch.Generator().manual_seed(0)) * 3
    net = Net(name)
    model = lower(torch.export.export(net, (x,)))
    integers = Q.quantize_per_tensor(x, *BEFORE).numpy()
    (permute,) = model.input_permutes
    (out,) = reference.run(model, [integers if permute is None else integers.transpose(permute)])
    (permute,) = model.output_permutes
    user = out if permute is None else out.transpose(np.argsort(permute))
    expected = (net(x) / AFTER[0]).round().numpy() + AFTER[1]
    # Two roundings, one after the other, against one.
    assert np.abs(user - expected).max() <= 1
    assert (user == expected).mean() > (0.8 if name == "avg_pool2d" else 0.99)
