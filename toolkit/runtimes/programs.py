"""One quantized program in other numbers: float32, int16 activations, or 4-bit weights under 8-bit dynamic activations.

The weights are those of the quantized program: nothing has to be calibrated, and all files hold one network.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import fx, nn
from torch.export import ExportedProgram

from quantize.quiet import quiet
from toolkit.program.blank import blank_inputs
from toolkit.program.convert import freeze_constants
from toolkit.program.quantizer import constant, is_constant
from toolkit.program.spikes import FIRE

_QD, _LINEAR = torch.ops.quantized_decomposed, torch.ops.aten.linear.default
_QUANTIZE, _PER_TENSOR = _QD.quantize_per_tensor.default, _QD.dequantize_per_tensor.default
_DEQUANTIZE = (_PER_TENSOR, _QD.dequantize_per_channel.default)
_GROUP = 32  # columns that share a scale: what XNNPACK's 4-bit kernels take
_INT16_RANGE = (-32768, 32767)


def is_quantized(program: ExportedProgram) -> bool:
    """True when activations of ``program`` are integers of scales known beforehand."""
    return numbers(program) != "float32"


def numbers(program: ExportedProgram) -> str:
    """Return "int8" or "int16" after the activations of a quantized program, else "float32"."""
    types = {node.args[-1] for node in program.graph.nodes if node.target is _QUANTIZE}
    if not types:
        return "float32"
    return "int16" if torch.int16 in types else "int8"


def fires(program: ExportedProgram) -> bool:
    """Return whether ``program`` has spiking neurons."""
    return any(node.target is FIRE for node in program.graph.nodes)


def as_float32(program: ExportedProgram) -> ExportedProgram:
    """Return ``program`` in float32: activations are not rounded, weights are what their integers stand for."""
    module = program.module(check_guards=False)
    _drop_rounding(module)
    return _exported(module, program)


def as_int16(program: ExportedProgram) -> ExportedProgram:
    """Return ``program`` with int16 activations, symmetric, over the ranges that its int8 ones have."""
    module = program.module(check_guards=False)
    for node in module.graph.nodes:
        if node.target in (_QUANTIZE, _PER_TENSOR) and not is_constant(node.args[0]) and _is_int8(node):
            x, scale, zero_point, low, high, _ = node.args
            largest = max(zero_point - low, high + 1 - zero_point) * scale  # 1 for a sigmoid's 0..255/256
            node.args = (x, largest / -_INT16_RANGE[0], 0, *_INT16_RANGE, torch.int16)
    return _exported(module, program)


def as_dynamic_int4(program: ExportedProgram) -> ExportedProgram | None:
    """Return ``program`` in float32 but for its linear layers; None where none has a multiple of 32 inputs.

    None, too, where neurons fire: whether one does may depend on the side to which an input is rounded, so nothing
    bounds how far outputs are from the model's.

    Weights of these are 4 bits, with a scale for 32 columns of a row; each row of an input becomes 8 bits by its own
    range when it runs: as torchao does it, and as XNNPACK has kernels for it.
    """
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, PerGroup, quantize_

    if fires(program):
        return None
    module = program.module(check_guards=False)
    _drop_rounding(module)
    freeze_constants(module)
    names = _linear_modules(module)
    if not names:
        return None
    config = Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4,  # type: ignore[attr-defined]
        weight_granularity=PerGroup(_GROUP),
    )
    with quiet():
        quantize_(module, config, filter_fn=lambda _, name: name in names)
    return _traced(module, program)


def _is_int8(node: fx.Node) -> bool:
    return node.args[-1] is torch.int8


def _drop_rounding(module: fx.GraphModule) -> None:
    """Remove quantize and dequantize pairs of activations, and make real numbers of constants."""
    for node in list(module.graph.nodes):
        if node.target not in _DEQUANTIZE:
            continue
        before: Any = node.args[0]
        if isinstance(before, fx.Node) and before.target is _QUANTIZE and before.args[1:] == node.args[1:]:
            node.replace_all_uses_with(before.args[0])
        elif is_constant(before):
            arguments = [constant(module, each) if is_constant(each) else each for each in node.args]
            name = f"{before.target}_real".replace(".", "_")
            module.register_buffer(name, node.target(*arguments))  # type: ignore[operator]
            with module.graph.inserting_before(node):
                node.replace_all_uses_with(module.graph.get_attr(name))
    module.graph.eliminate_dead_code()


def _linear_modules(module: fx.GraphModule) -> set[str]:
    """Make modules of the linear layers that pack, and return their names."""
    made: set[str] = set()
    for node in list(module.graph.find_nodes(op="call_function", target=_LINEAR)):
        x, weight, *bias = node.args
        if not is_constant(weight) or constant(module, weight).shape[1] % _GROUP:
            continue
        value = constant(module, weight)
        layer = nn.Linear(value.shape[1], value.shape[0], bias=bool(bias and bias[0] is not None))
        layer.weight = nn.Parameter(value.detach().clone(), requires_grad=False)
        if layer.bias is not None:
            layer.bias = nn.Parameter(constant(module, bias[0]).detach().clone(), requires_grad=False)
        name = f"{node.name}_int4"
        module.add_submodule(name, layer)
        with module.graph.inserting_before(node):
            node.replace_all_uses_with(module.graph.call_module(name, (x,)))
        module.graph.erase_node(node)
        made.add(name)
    return made


def _exported(module: fx.GraphModule, program: ExportedProgram) -> ExportedProgram:
    module.graph.eliminate_dead_code()
    freeze_constants(module)
    return _traced(module, program)


def _traced(module: fx.GraphModule, program: ExportedProgram) -> ExportedProgram:
    module.recompile()
    with quiet():
        return torch.export.export(module, blank_inputs(program))
