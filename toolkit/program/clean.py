"""Rewrites that make captured graphs alike, however they were exported."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from toolkit.program.batch_norm import batch_norm_as_convolution
from toolkit.program.restore import restore

_aten = torch.ops.aten
# in evaluation mode, without in-place writes, these return their first argument's values
_PASS_THROUGH = {
    _aten.alias.default,
    _aten.clone.default,
    _aten.contiguous.default,
    _aten.detach.default,
    _aten.dropout.default,
    _aten.lift_fresh_copy.default,
    _aten._to_copy.default,
    _aten.to.dtype,
}
_CONVOLUTIONS = {3: _aten.conv1d.default, 4: _aten.conv2d.default}  # by the weight's number of axes
_TRANSPOSED = {3: _aten.conv_transpose1d.default, 4: _aten.conv_transpose2d.input}


def clean(graph_module: fx.GraphModule) -> None:
    """Apply all rewrites, in place."""
    for rewrite in (_remove_pass_through, _reshape_any_strides, _restore_linear, _restore_convolution):
        rewrite(graph_module.graph)
    restore(graph_module.graph)
    batch_norm_as_convolution(graph_module)
    _read_before_writing(graph_module.graph)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()


def layer_name(node: fx.Node) -> str:
    """Return the path of the module the node comes from in the user's model, or the node's own name."""
    stack = node.meta.get("nn_module_stack") or {}
    return next((path for path, _ in reversed(stack.values()) if path), node.name)


def _remove_pass_through(graph: fx.Graph) -> None:
    """Remove dropout, copies, conversions to the dtype a tensor has already."""
    for node in graph.nodes:
        if node.target not in _PASS_THROUGH or not isinstance(node.args[0], fx.Node):
            continue
        if node.target is _aten.dropout.default and node.args[2]:
            continue
        before, after = node.args[0].meta.get("val"), node.meta.get("val")
        if before is not None and after is not None and before.dtype == after.dtype:
            node.replace_all_uses_with(node.args[0])


def _reshape_any_strides(graph: fx.Graph) -> None:
    """Turn views into reshapes: without the copies that stood before them they may meet any strides."""
    for node in graph.nodes:
        if node.target in (_aten.view.default, _aten._unsafe_view.default):
            node.target = _aten.reshape.default


def _restore_linear(graph: fx.Graph) -> None:
    """Turn ``addmm(bias, x, weight.T)`` and ``mm(x, weight.T)`` of decomposed programs into ``linear``."""
    for node in graph.nodes:
        if node.target not in (_aten.addmm.default, _aten.mm.default) or node.kwargs:
            continue
        *bias, x, transposed = node.args
        if _is_transposed_constant(transposed):
            node.target = _aten.linear.default
            node.args = (x, transposed.args[0], *bias)


def _restore_convolution(graph: fx.Graph) -> None:
    """Turn ``convolution`` of decomposed programs into ``conv1d``, ``conv2d`` or their transposes."""
    for node in graph.find_nodes(op="call_function", target=_aten.convolution.default):
        x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = node.args
        restored = _CONVOLUTIONS.get(weight.meta["val"].dim())
        if restored is not None and not transposed:
            node.target = restored
            node.args = (x, weight, bias, stride, padding, dilation, groups)
        elif transposed and weight.meta["val"].dim() in _TRANSPOSED:
            node.target = _TRANSPOSED[weight.meta["val"].dim()]
            node.args = (x, weight, bias, stride, padding, output_padding, groups, dilation)


def _read_before_writing(graph: fx.Graph) -> None:
    """Copy a buffer's old content that is given out or kept in another buffer: the end of the graph writes the new."""
    updates = graph.find_nodes(op="call_function", target=_aten.copy_.default)
    for buffer in {node.args[0] for node in updates}:
        late = [user for user in buffer.users if user.op == "output" or user.target is _aten.copy_.default]
        late = [user for user in late if user.args[0] is not buffer]
        if late:
            with graph.inserting_after(buffer):
                old = graph.call_function(_aten.clone.default, (buffer,))
            old.meta = dict(buffer.meta)
            for user in late:
                user.replace_input_with(buffer, old)


def _is_transposed_constant(node: Any) -> bool:
    return (
        isinstance(node, fx.Node)
        and node.target in (_aten.permute.default, _aten.t.default)
        and isinstance(node.args[0], fx.Node)
        and node.args[0].op == "get_attr"
    )
