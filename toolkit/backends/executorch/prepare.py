"""Rewrites of a program so that XNNPACK takes its int8 layers, without changing what it computes.

XNNPACK's mark of a 4-bit weight is a dequantize node per output channel with the range -8..7. Measured with ExecuTorch
1.5.1: an int8 linear layer with such a weight gives the right integers, unless its number of columns is odd; a
convolution with one does not convert, or not load.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from toolkit.backends.executorch.averages import round_halves_away
from toolkit.backends.executorch.pointwise import pointwise_as_linear
from toolkit.backends.executorch.scalars import give_scalars_an_axis
from toolkit.program.blank import blank_inputs
from toolkit.program.convert import freeze_constants
from toolkit.program.quantizer import constant, is_constant

_aten, _QD = torch.ops.aten, torch.ops.quantized_decomposed
_FOUR_BITS, _EIGHT_BITS = (-8, 7), (-128, 127)
_PER_TENSOR, _PER_CHANNEL = _QD.dequantize_per_tensor.default, _QD.dequantize_per_channel.default
_QUANTIZE = _QD.quantize_per_tensor.default
_Node = Any  # an fx.Node: what its arguments are, its operator says
_MOVES = {
    _aten.permute.default, _aten.transpose.int, _aten.reshape.default, _aten.view.default, _aten.flatten.using_ints,
    _aten.unsqueeze.default, _aten.squeeze.dim, _aten.squeeze.dims, _aten.slice.Tensor,
}  # fmt: skip


def prepare(program: ExportedProgram) -> tuple[ExportedProgram, set[str]]:
    """Return ``program`` as XNNPACK takes it, and the names of the weights that it then stores in 4 bits.

    All other int8 constants keep their bytes. The names are those of the program's ``state_dict``.
    """
    module = program.module(check_guards=False)
    round_halves_away(module)
    give_scalars_an_axis(module)
    pointwise_as_linear(module, _FOUR_BITS)
    packed = set()
    for node in list(module.graph.nodes):
        if node.target not in (_PER_TENSOR, _PER_CHANNEL):
            _quantize_what_moves(node)
        elif not is_constant(node.args[0]):
            continue
        elif node.args[-1] == torch.int32:
            _as_float(module, node)
        elif _fits_four_bits(module, node):
            _per_channel(module, node)
            _set_range(node, _FOUR_BITS)
            packed.add(str(node.args[0].target))
        elif node.args[-3:-1] == _FOUR_BITS:
            _set_range(node, _EIGHT_BITS)
    _one_user_each(module.graph)
    module.graph.eliminate_dead_code()
    freeze_constants(module)
    module.recompile()
    return torch.export.export(module, blank_inputs(program)), packed


def _set_range(node: _Node, bounds: tuple[int, int]) -> None:
    node.args = (*node.args[:-3], *bounds, node.args[-1])


def _fits_four_bits(module: fx.GraphModule, node: _Node) -> bool:
    """True for a matrix in -8..7 with an even number of columns that int8 linear layers multiply with."""
    weight, (low, high) = constant(module, node.args[0]), node.args[-3:-1]
    if weight.dtype != torch.int8 or weight.dim() != 2 or weight.shape[1] % 2:
        return False
    if low < _FOUR_BITS[0] or high > _FOUR_BITS[1] or (node.target is _PER_CHANNEL and node.args[3] != 0):
        return False
    return not _zero_points(module, node).any() and all(_is_int8_linear(user, node) for user in node.users)


def _is_int8_linear(user: _Node, weight: _Node) -> bool:
    x = user.args[0]
    return (
        user.target is _aten.linear.default
        and user.args[1] is weight
        and isinstance(x, fx.Node)
        and x.target is _PER_TENSOR
    )


def _zero_points(module: fx.GraphModule, node: _Node) -> torch.Tensor:
    zero_point = node.args[2]
    return constant(module, zero_point) if is_constant(zero_point) else torch.tensor(zero_point)


def _per_channel(module: fx.GraphModule, node: _Node) -> None:
    """Give every row the scale of the whole matrix."""
    if node.target is _PER_CHANNEL:
        return
    weight, scale, zero_point, *of_type = node.args
    rows = len(constant(module, weight))
    with module.graph.inserting_before(node):
        scales = _new_constant(module, f"{node.name}_scale", torch.full((rows,), float(scale)))
        zeros = _new_constant(module, f"{node.name}_zero_point", torch.full((rows,), int(zero_point)))
    node.target, node.args = _PER_CHANNEL, (weight, scales, zeros, 0, *of_type)


def _as_float(module: fx.GraphModule, node: _Node) -> None:
    """Replace a bias in int32 by real numbers: XNNPACK takes no others, and makes the same integers of them."""
    with module.graph.inserting_before(node):
        args = [constant(module, arg) if is_constant(arg) else arg for arg in node.args]
        real = _new_constant(module, f"{node.name}_real", node.target(*args))
    node.replace_all_uses_with(real)
    module.graph.erase_node(node)


def _new_constant(module: fx.GraphModule, name: str, value: torch.Tensor) -> fx.Node:
    module.register_buffer(name, value)
    return module.graph.get_attr(name)


def _quantize_what_moves(node: _Node) -> None:
    """Quantize again, to the same integers, what only moved since it was dequantized: XNNPACK looks one node back."""
    if not (node.target in _MOVES or _pads_with_zeros(node)) or not isinstance(node.args[0], fx.Node):
        return
    before = node.args[0]
    if before.target is not _PER_TENSOR or is_constant(before.args[0]):
        return
    users = [user for user in node.users if user.target is not _QUANTIZE]
    if not users:
        return
    with node.graph.inserting_after(node):
        integers = node.graph.call_function(_QUANTIZE, (node, *before.args[1:]))
    with node.graph.inserting_after(integers):
        again = node.graph.call_function(_PER_TENSOR, (integers, *before.args[1:]))
    for user in users:
        user.replace_input_with(node, again)


def _pads_with_zeros(node: _Node) -> bool:
    if node.target is _aten.pad.default:
        return node.args[2:3] in ((), ("constant",)) and not any(node.args[3:])
    return node.target is _aten.constant_pad_nd.default and not any(node.args[2:])


def _one_user_each(graph: fx.Graph) -> None:
    """Give each user its own dequantize node: some of them XNNPACK takes, and then the node has no real numbers."""
    for node in list(graph.nodes):
        if node.target in (_PER_TENSOR, _PER_CHANNEL):
            for user in list(node.users)[1:]:
                with graph.inserting_before(node):
                    user.replace_input_with(node, graph.node_copy(node))
