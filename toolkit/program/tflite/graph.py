"""A ``.tflite`` file as an ``ImportedGraph``: every operator converted, checked for shapes, constants computed."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import torch

from toolkit.errors import ToolkitError, first_line
from toolkit.program.imported import WRONG_INPUTS, ImportedGraph, ImportedLayer, ImportedTensor
from toolkit.program.tflite.converters import converters
from toolkit.program.tflite.file import File, Operator, Tensor
from toolkit.program.tflite.int16 import check_int16
from toolkit.program.tflite.op import Layer, Op, Unsupported

FOLDED_PER_BYTE = 8  # elements of computed constants, per byte of the file


def imported(file: File) -> ImportedGraph:
    """Return the graph of ``file``.

    Raises:
        ToolkitError: operators that cannot be converted, all at once; shapes or an order that contradict each other;
            an input whose size is open.
    """
    return _Importer(file).graph()


class _Importer:
    def __init__(self, file: File) -> None:
        self.file = file
        self.known: dict[int, Tensor] = {}  # inputs, and what operators so far have made
        self.layers: dict[int, Layer] = {}  # by operator index
        self.problems: dict[int, str] = {}
        self.folded_left = 2**20 + FOLDED_PER_BYTE * len(file.tables.data)

    def graph(self) -> ImportedGraph:
        file, damaged = self.file, self.file.tables.damaged
        for tensor in file.inputs:
            if tensor.index in self.known or tensor.data is not None:
                raise damaged(f"{tensor} is an input twice, or a constant")
            _check_fixed(tensor, file)
            self.known[tensor.index] = tensor
        for operator in file.operators:
            self._convert(operator)
        if not file.outputs:
            raise damaged("it has no outputs")
        live = self._live()
        if problems := [why for index, why in self.problems.items() if index in live]:
            raise _unsupported(problems, file)
        names = self._names()
        layers = [
            ImportedLayer(
                layer.op.name,
                layer.compute,
                [names[tensor.index] for tensor in layer.inputs],
                [names[tensor.index] for tensor in layer.op.operator.outputs],
                layer.constants,
            )
            for index, layer in sorted(self.layers.items())
            if index in live
        ]
        for tensor in file.outputs:
            if tensor.index not in self.known or self.known[tensor.index].data is not None:
                raise damaged(f"nothing computes the output {tensor}")
        inputs = [ImportedTensor(names[t.index], t.shape, t.dtype) for t in file.inputs]
        quantized = any(t.quant is not None for layer in self.layers.values() for t in layer.op.outputs)
        outputs = [names[tensor.index] for tensor in file.outputs]
        notes = [f"{t.name}: the open batch size is taken as 1" for t in file.inputs if t.dynamic]
        return ImportedGraph(inputs, outputs, layers, quantized, notes)

    def _convert(self, operator: Operator) -> None:
        op = Op(operator, [self._resolved(operator, tensor) for tensor in operator.inputs], self.file.tables)
        for tensor in operator.outputs:
            if tensor.index in self.known or tensor.data is not None:
                raise op.damaged(f"{tensor} is written twice, or a constant")
        try:
            convert = converters().get(operator.kind)
            if convert is None:
                raise Unsupported("")
            layer = convert(op)
            check_int16(op)
            self._check_shapes(layer)
            self.layers[operator.index] = layer
        except Unsupported as why:
            made = f", which makes {operator.outputs[0]}" if operator.outputs else ""
            self.problems[operator.index] = f"{operator.kind} ({op.name}{made})" + (
                f": {why}" if str(why) else ""
            )
        else:
            if not layer.inputs:
                self._fold(layer)
                return
        self.known.update((tensor.index, tensor) for tensor in operator.outputs)

    def _resolved(self, operator: Operator, tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.data is not None:
            return tensor
        found = self.known.get(tensor.index)
        if found is None and not tensor.variable:
            raise self.file.tables.damaged(
                f"operator {operator.index} ({operator.kind}) reads {tensor}, which nothing has written"
            )
        return tensor if found is None else found

    def _check_shapes(self, layer: Layer) -> None:
        """Compute the layer without numbers, and compare with what the file says of its outputs."""
        inputs = [torch.empty(t.shape, dtype=getattr(torch, t.dtype), device="meta") for t in layer.inputs]
        constants = {
            name: torch.empty(data.shape, dtype=getattr(torch, str(data.dtype)), device="meta")
            for name, data in layer.constants.items()
        }
        for x, tensor in zip(_computed(layer, inputs, constants), layer.op.outputs, strict=True):
            types = {
                f"torch.{tensor.dtype}",
                "torch.int64" if tensor.dtype == "int32" else "",
            }  # torch's indices
            if tuple(x.shape) != tensor.shape or str(x.dtype) not in types:
                raise layer.op.damaged(
                    f"it makes {str(x.dtype).removeprefix('torch.')}{list(x.shape)}, "
                    f"but {tensor} is {tensor.dtype}{list(tensor.shape)}"
                )

    def _fold(self, layer: Layer) -> None:
        """Compute a layer of constants now."""
        self.folded_left -= sum(prod(tensor.shape) for tensor in layer.op.outputs)
        if self.folded_left < 0:
            raise layer.op.damaged("its constants are far larger than the file")
        constants = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in layer.constants.items()}
        for x, tensor in zip(_computed(layer, [], constants), layer.op.outputs, strict=True):
            self.known[tensor.index] = replace(tensor, data=x.numpy())

    def _live(self) -> set[int]:
        """Return the operators that the outputs depend on."""
        needed = {tensor.index for tensor in self.file.outputs}
        live = set()
        for operator in reversed(self.file.operators):
            if any(tensor.index in needed for tensor in operator.outputs):
                live.add(operator.index)
                layer = self.layers.get(operator.index)
                read = layer.inputs if layer is not None else operator.inputs
                needed.update(tensor.index for tensor in read if tensor is not None)
        return live

    def _names(self) -> dict[int, str]:
        """Return one name for each tensor: the signature's or its own for inputs and outputs."""
        ends = {tensor.index: tensor for tensor in (*self.file.inputs, *self.file.outputs)}
        names: dict[int, str] = {}
        taken: set[str] = set()
        for index in sorted(self.known, key=lambda index: index not in ends):
            wanted = (
                self.file.names.get(index) or self.known[index].name if index in ends else f"tensor_{index}"
            )
            name, count = wanted, 2
            while name in taken:
                name, count = f"{wanted}_{count}", count + 1
            names[index] = name
            taken.add(name)
        return names


def _computed(
    layer: Layer, inputs: list[torch.Tensor], constants: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    try:
        with torch.no_grad():
            found = layer.compute(*inputs, **constants)
    except WRONG_INPUTS as error:
        raise layer.op.damaged(f"its inputs do not fit together: {first_line(error)}") from error
    return found if isinstance(found, tuple) else (found,)


def _check_fixed(tensor: Tensor, file: File) -> None:
    """An open batch size is one; any other open size is an error."""
    if any(axis > 0 or tensor.shape[0] != 1 for axis in tensor.dynamic):
        raise ToolkitError(
            f"the input {tensor.name} has an open size along axis {max(tensor.dynamic)}; C code needs fixed sizes",
            at=file.tables.path,
            fix="convert the model with a fixed input shape and batch size 1",
        )


def _unsupported(problems: list[str], file: File) -> ToolkitError:
    count = len(problems)
    return ToolkitError(
        f"{count} operator{'s' if count > 1 else ''} of the file cannot be compiled",
        at="\n      ".join([file.tables.path, *problems]),
        fix="replace them in the model before converting it; docs/sources.md lists what can be read",
    )
