"""Programs whose linear layers find their inputs' scales at run time, one for each token (a row of the last axis).

All else stays float32: nothing is calibrated. The weights are integers behind a dequantize node, as everywhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from quantize.int8 import TERNARY_RANGE, WEIGHT_RANGE
from quantize.quiet import quiet
from quantize.ternary import NotTernaryError, one_scale, split
from toolkit.errors import ToolkitError
from toolkit.program.decompose import decompositions
from toolkit.program.quantize import check_ternary, folded

_QD = torch.ops.quantized_decomposed
_OTHER_LAYERS = (
    nn.modules.conv._ConvNd,
    nn.modules.rnn.RNNBase,
    nn.modules.rnn.RNNCellBase,
    nn.MultiheadAttention,
)


class PerTokenLinear(nn.Module):
    """A linear layer of integer weights. Each row of its input becomes int8 by its own largest magnitude.

    Args:
        integers: int8 (outputs, inputs).
        scale: float32 (outputs,) or (1,); a weight is ``integers * scale``.
        bounds: smallest and largest integer that a weight may be: the storage type.
        bias: float32 (outputs,).
    """

    weight: Tensor
    weight_scale: Tensor
    weight_zero_point: Tensor
    bias: Tensor | None

    def __init__(
        self, integers: Tensor, scale: Tensor, bounds: tuple[int, int], bias: Tensor | None = None
    ) -> None:
        super().__init__()
        self.bounds = bounds
        self.scale = float(scale[0]) if scale.numel() == 1 else None
        self.register_buffer("weight", integers)
        if self.scale is None:
            self.register_buffer("weight_scale", scale)
            self.register_buffer("weight_zero_point", torch.zeros(scale.shape, dtype=torch.int64))
        self.register_buffer("bias", bias)

    @classmethod
    def ternary(cls, layer: nn.Linear) -> PerTokenLinear:
        """Return a layer with the weights of ``layer``, which are 0 and one magnitude in each row, exactly.

        Raises:
            NotTernaryError: they are not.
        """
        integers, scale = split(layer.weight)
        if one_scale(scale):
            scale = scale.amax(0, keepdim=True)
        return cls(integers, torch.where(scale > 0, scale, 1.0), TERNARY_RANGE, _bias(layer))

    @classmethod
    def int8(cls, layer: nn.Linear) -> PerTokenLinear:
        """Return a layer with the weights of ``layer`` rounded to 127 steps of the largest in each row."""
        weight = layer.weight.detach()
        largest = weight.abs().amax(1)
        scale = torch.where(largest > 0, largest, 1.0) / WEIGHT_RANGE[1]
        integers = (weight / scale[:, None]).round().to(torch.int8)
        return cls(integers, scale, WEIGHT_RANGE, _bias(layer))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(..., outputs)`` for ``x``, ``(..., inputs)``."""
        scale, zero = _QD.choose_qparams_per_token(x, torch.int8)
        x = _QD.quantize_per_token(x, scale, zero, -128, 127, torch.int8)
        x = _QD.dequantize_per_token(x, scale, zero, -128, 127, torch.int8, torch.float32)
        if self.scale is not None:
            weight = _QD.dequantize_per_tensor(self.weight, self.scale, 0, *self.bounds, torch.int8)
        else:
            weight = _QD.dequantize_per_channel(
                self.weight, self.weight_scale, self.weight_zero_point, 0, *self.bounds, torch.int8
            )
        return nn.functional.linear(x, weight, self.bias)


class _Int8Embedding(nn.Module):
    """A table of integers with one scale."""

    weight: Tensor

    def __init__(self, integers: Tensor, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("weight", integers)

    def forward(self, x: Tensor) -> Tensor:
        table = _QD.dequantize_per_tensor(self.weight, self.scale, 0, *TERNARY_RANGE, torch.int8)
        return nn.functional.embedding(x, table)


def quantize_per_token(
    model: nn.Module,
    sample: Tensor,
    *,
    weights: Literal["int8", "ternary"] = "int8",
    int8_layers: Collection[str] = (),
    float_layers: Collection[str] = (),
) -> ExportedProgram:
    """Return ``model`` as a program with integer weights in its linear layers and activations quantized per token.

    Args:
        model: float32, trained; batch normalization is folded. Not changed.
        sample: one input, first axis 1.
        weights: "int8" rounds each row of weights to 8 bits; "ternary" demands that they are ``scale * {-1, 0, 1}``
            already and keeps them exactly; embedding tables of such values are then stored as int8.
        int8_layers: with "ternary", the layers whose weights are int8 all the same.
        float_layers: layers that stay float32.

    Raises:
        ToolkitError: a layer is not linear; weights that should be ternary are not, or are not finite.
    """
    made = folded(model, sample)
    for name, layer in list(made.named_modules()):
        if isinstance(layer, _OTHER_LAYERS):
            raise ToolkitError(
                f"a scale for each token is for linear layers, and this is {type(layer).__name__}",
                at=name,
                fix="quantize with one range per tensor (bitnet158: activation_scale = 'tensor')",
            )
        if name in float_layers:
            continue
        if isinstance(layer, nn.Linear):
            _replace(
                made, name, _integer_layer(layer, name, weights == "ternary" and name not in int8_layers)
            )
        elif isinstance(layer, nn.Embedding) and weights == "ternary":
            _replace(made, name, _table(layer))
    return captured(made, sample)


def captured(model: nn.Module, sample: Tensor) -> ExportedProgram:
    """Return the program of a model whose layers are ``PerTokenLinear`` already, for inputs like ``sample``."""
    with quiet():
        program = torch.export.export(model, (sample,))
        return program.run_decompositions(decompositions(program.graph))


def _integer_layer(layer: nn.Linear, name: str, ternary: bool) -> PerTokenLinear:
    if not bool(torch.isfinite(layer.weight).all()):
        raise ToolkitError(
            "weights are NaN or infinite", at=name, fix="train again with a lower learning rate"
        )
    if not ternary:
        return PerTokenLinear.int8(layer)
    check_ternary(layer.weight, name)
    return PerTokenLinear.ternary(layer)


def _table(layer: nn.Embedding) -> nn.Module:
    try:
        integers, scale = split(layer.weight)
    except NotTernaryError:
        return layer
    return _Int8Embedding(integers, float(scale.max()) or 1.0) if one_scale(scale) else layer


def _bias(layer: nn.Linear) -> Tensor | None:
    return None if layer.bias is None else layer.bias.detach()


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    owner, _, own_name = name.rpartition(".")
    setattr(model.get_submodule(owner), own_name, layer)
