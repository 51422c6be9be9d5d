"""Programs made by hand whose integers or scales cannot be: each is refused, with the place and a fix."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.ao.quantization.fx._decomposed
from torch import nn

from toolkit.errors import ToolkitError
from toolkit.lower.passes import lower

Q = torch.ops.quantized_decomposed


class Layer(nn.Module):
    """A linear layer of stored integers between quantized activations; ``scale`` is a number or one per channel."""

    def __init__(
        self, weight: list[list[int]], scale: Any = 0.1, zero: int = 0, x: float = 0.05, y: float = 0.1,
        low: int = -1, high: int = 1, axis: int = 0, bias: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.int8))
        self.scale, self.zero, self.x, self.y, self.axis = scale, zero, x, y, axis
        self.range = (low, high, torch.int8)
        if isinstance(scale, list):
            self.register_buffer("scales", torch.tensor(scale))
            self.register_buffer("zeros", torch.full((len(scale),), zero))
        self.bias = None if bias is None else nn.Parameter(torch.full((len(weight),), bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if isinstance(self.scale, list):
            weight = Q.dequantize_per_channel.default(
                self.weight, self.scales, self.zeros, self.axis, *self.range
            )
        else:
            weight = Q.dequantize_per_tensor.default(self.weight, self.scale, self.zero, *self.range)
        return self._rounded(nn.functional.linear(self._rounded(x, self.x), weight, self.bias), self.y)

    def _rounded(self, x: torch.Tensor, scale: float) -> torch.Tensor:
        fields = (scale, 0, -128, 127, torch.int8)
        y: torch.Tensor = Q.dequantize_per_tensor.default(Q.quantize_per_tensor.default(x, *fields), *fields)
        return y


GOOD = [[1, 0, -1], [0, 1, 1]]


def _lower(**settings: Any) -> None:
    net = Layer(**{"weight": GOOD, **settings}).eval()
    lower(torch.export.export(net, (torch.ones(1, 3),)))


def test_what_is_right_is_taken() -> None:
    _lower()
    _lower(scale=[0.1, 0.2], bias=0.5)
    _lower(weight=[[0, 0, 0], [1, 0, 1]], scale=[1e-30, 0.1])


@pytest.mark.parametrize(
    ("settings", "what", "at"),
    [
        ({"weight": [[1, 0, 2], [0, 1, -3]]}, "not ternary: 2 of 6 are not, the first 2 at [0, 2]", "weight"),
        ({"weight": [[1, 0, 8], [0, 1, 1]], "low": -7, "high": 7}, "not in -7..7: 1 of 6", "weight"),
        ({"scale": 0.0}, "the scale is 0", "weight"),
        ({"scale": [0.1, 0.0], "bias": 1.0}, "the scale of channel 1 is 0", "weight"),
        ({"scale": [0.1, -0.2]}, "the scale of channel 1 is -0.2", "weight"),
        ({"scale": math.inf}, "the scale is inf", "weight"),
        ({"scale": math.nan}, "the scale is nan", "weight"),
        ({"x": 0.0}, "the scale is 0", "quantize_per_tensor"),
        ({"y": math.inf}, "the scale is inf", "quantize_per_tensor_1"),
        ({"scale": 1e30}, "do not fit together: input times weight is 5e+29 times the output's", "linear"),
        ({"scale": [0.1, 0.1, 0.1]}, "3 scales along axis 0 do not fit the shape [2, 3]", "weight"),
        ({"scale": [0.1, 0.1, 0.1], "axis": 1}, "a scale for each input", "linear"),
        ({"zero": 1}, "the weights have a zero point of 1", "linear"),
        ({"zero": 2}, "the zero point 2 is outside the range -1..1", "weight"),
        ({"low": 1, "high": -1}, "the range 1..-1 is empty", "weight"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], what: str, at: str) -> None:
    with pytest.raises(ToolkitError) as error:
        _lower(**settings)
    assert what in error.value.what
    assert error.value.at == at
    assert error.value.fix
