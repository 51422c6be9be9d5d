"""A model of another framework, layer by layer, and the exported program it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import nn
from torch.export import ExportedProgram

from quantize.quiet import quiet
from toolkit.errors import ToolkitError, first_line
from toolkit.lower.ir import Quantization
from toolkit.module_names import module_name

_QD = torch.ops.quantized_decomposed
DTYPES = {
    name: getattr(torch, name) for name in ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")
}
# What torch raises for inputs that do not fit an operator; its decomposed quantization asserts.
WRONG_INPUTS = (
    RuntimeError, ValueError, IndexError, KeyError, TypeError, OverflowError, NotImplementedError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True)
class ImportedTensor:
    """An input of the model."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class ImportedLayer:
    """One operator of the file as torch computes it.

    ``compute`` takes the input tensors in order, and the constants by keyword; it returns one tensor per output. It
    calls ordinary torch functions, and ``quantized`` and ``dequantized`` where the file's tensors are integers.
    """

    name: str  # in the file; becomes the layer's path in manifests and errors
    compute: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]
    inputs: list[str]
    outputs: list[str]
    constants: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class ImportedGraph:
    """A model as read from a file, in the order in which it runs; tensors are known by name."""

    inputs: list[ImportedTensor]
    outputs: list[str]
    layers: list[ImportedLayer]
    quantized: bool  # False: float32, to be quantized with the user's data
    notes: list[str] = field(default_factory=list)  # what was decided for the user

    def program(self) -> ExportedProgram:
        """Return the exported program: constants are called ``<layer>.<constant>``.

        Raises:
            ToolkitError: a layer cannot be computed with the shapes that the file gives.
        """
        for tensor in self.inputs:
            if tensor.dtype not in DTYPES:
                raise ToolkitError(
                    f"the input {tensor.name} is {tensor.dtype}, which nothing here computes with",
                    fix="convert the model to float32 or int8 inputs",
                )
        module = _Imported(self)
        sample = tuple(torch.zeros(t.shape, dtype=DTYPES[t.dtype]) for t in self.inputs)
        with quiet(), torch.no_grad():
            return torch.export.export(module.eval(), sample)


class _Layer(nn.Module):
    def __init__(self, layer: ImportedLayer) -> None:
        super().__init__()
        self.compute = layer.compute
        self.names = list(layer.constants)
        for name, data in layer.constants.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(data)))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        return self.compute(*inputs, **{name: getattr(self, name) for name in self.names})


class _Imported(nn.Module):
    def __init__(self, graph: ImportedGraph) -> None:
        super().__init__()
        self.graph = graph
        self.paths: list[str] = []
        for layer in graph.layers:
            path = module_name(layer.name, self)
            self.add_module(path, _Layer(layer))
            self.paths.append(path)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        known = dict(zip((t.name for t in self.graph.inputs), inputs, strict=True))
        for path, layer in zip(self.paths, self.graph.layers, strict=True):
            try:
                result = getattr(self, path)(*(known[name] for name in layer.inputs))
            except WRONG_INPUTS as error:
                raise ToolkitError(
                    f"{layer.name} cannot be computed: {first_line(error)}",
                    at=layer.name,
                    fix="check the file with the framework that wrote it: its shapes do not fit together",
                ) from error
            results = result if isinstance(result, tuple) else (result,)
            known.update(zip(layer.outputs, results, strict=True))
        return tuple(known[name] for name in self.graph.outputs)


def quantized(x: torch.Tensor, quant: Quantization, dtype: str = "int8") -> torch.Tensor:
    """Return the integers that stand for the real numbers ``x`` in a per-tensor quantization."""
    scale, zero_point = float(quant.scale[0]), int(quant.zero_point[0])
    return _QD.quantize_per_tensor.default(x, scale, zero_point, quant.qmin, quant.qmax, DTYPES[dtype])


def dequantized(x: torch.Tensor, quant: Quantization, **scales: Any) -> torch.Tensor:
    """Return the real numbers that integers stand for.

    A quantization along an axis needs its ``scale`` (float32) and ``zero_point`` (int64) as tensors, constants of the
    layer.
    """
    if quant.axis is None:
        scale, zero_point = float(quant.scale[0]), int(quant.zero_point[0])
        return _QD.dequantize_per_tensor.default(x, scale, zero_point, quant.qmin, quant.qmax, x.dtype)
    scale, zero_point = scales["scale"], scales["zero_point"]
    return _QD.dequantize_per_channel.default(
        x, scale, zero_point, quant.axis, quant.qmin, quant.qmax, x.dtype
    )
