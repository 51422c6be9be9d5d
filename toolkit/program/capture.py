"""From a model or a user's program to a clean graph: functional, without operations that do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram

from toolkit.errors import ToolkitError

_aten = torch.ops.aten
# in evaluation mode, without an in-place write left, these return their first argument's values
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


def samples(array: np.ndarray) -> torch.Tensor:
    """Return ``array`` (samples first) as a float32 tensor.

    Raises:
        ToolkitError: it holds no sample, or something that is not a finite number.
    """
    if array.ndim < 2 or len(array) == 0:
        raise ToolkitError(
            f"the calibration data has shape {array.shape}: there is no sample in it",
            fix="give an array with at least one sample, samples along the first axis",
        )
    tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if not bool(torch.isfinite(tensor).all()):
        raise ToolkitError("the calibration data holds NaN or infinity", fix="remove or repair those samples")
    return tensor


def capture(
    model: nn.Module | ExportedProgram, sample: torch.Tensor, *, any_batch: bool = False
) -> fx.GraphModule:
    """Return the clean graph of ``model`` for inputs like ``sample`` (its first axis is the batch).

    Args:
        model: put in evaluation mode by the caller; not changed. A program with a fixed batch needs that of
            ``sample``.
        sample: one input.
        any_batch: leave the batch size open instead of fixing it.

    Raises:
        ToolkitError: the model cannot be exported for this input, takes several inputs or holds weights that
            are not finite float32.
    """
    _check_input(model, sample)
    callee = model if isinstance(model, nn.Module) else model.module()
    shapes = ({0: Dim("batch", min=2)},) if any_batch else None
    inputs = (sample.repeat(3, *(1,) * (sample.dim() - 1)) if any_batch else sample,)
    try:
        program = torch.export.export(callee, inputs, dynamic_shapes=shapes).run_decompositions({})
    except Exception as error:  # export raises whatever the model's code and torch's compilers raise
        raise ToolkitError(
            f"the model cannot be exported for an input of shape {list(sample.shape)}: {_first_line(error)}",
            fix="see that this shape is right and that nothing in forward() depends on the data's values",
        ) from error
    _check_weights(program)
    graph_module = program.module(check_guards=False)
    remove_pass_through(graph_module)
    restore_linear(graph_module)
    return graph_module


def remove_pass_through(graph_module: fx.GraphModule) -> None:
    """Remove operations that change nothing: dropout, copies, conversions to the dtype a tensor has."""
    for node in graph_module.graph.nodes:
        if node.target not in _PASS_THROUGH or not isinstance(node.args[0], fx.Node):
            continue
        if node.target is _aten.dropout.default and node.args[2]:
            continue
        before, after = node.args[0].meta.get("val"), node.meta.get("val")
        if before is not None and after is not None and before.dtype == after.dtype:
            node.replace_all_uses_with(node.args[0])
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()


def restore_linear(graph_module: fx.GraphModule) -> None:
    """Turn ``addmm(bias, x, weight.T)`` and ``mm(x, weight.T)`` of decomposed programs into ``linear``."""
    for node in graph_module.graph.nodes:
        if node.target not in (_aten.addmm.default, _aten.mm.default) or node.kwargs:
            continue
        *bias, x, transposed = node.args
        if _is_transposed_constant(transposed):
            node.target = _aten.linear.default
            node.args = (x, transposed.args[0], *bias)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()


def layer_name(node: fx.Node) -> str:
    """Return the path of the module the node comes from in the user's model, or the node's own name."""
    stack = node.meta.get("nn_module_stack") or {}
    return next((path for path, _ in reversed(stack.values()) if path), node.name)


def _is_transposed_constant(node: Any) -> bool:
    return (
        isinstance(node, fx.Node)
        and node.target in (_aten.permute.default, _aten.t.default)
        and isinstance(node.args[0], fx.Node)
        and node.args[0].op == "get_attr"
    )


def _check_input(model: nn.Module | ExportedProgram, sample: torch.Tensor) -> None:
    if isinstance(model, nn.Module):
        return
    names = model.graph_signature.user_inputs
    if len(names) != 1:
        raise ToolkitError(
            f"the program takes {len(names)} inputs; quantization takes programs with one",
            fix="wrap the model so that it takes one tensor",
        )
    value = next(n for n in model.graph.nodes if n.op == "placeholder" and n.name == names[0]).meta["val"]
    if value.dtype != torch.float32:
        raise ToolkitError(
            f"the program's input is {value.dtype}, not float32", fix="export it with a float32 input"
        )
    if isinstance(value.shape[0], int) and value.shape[0] != 1:
        raise ToolkitError(
            f"the program is exported for {value.shape[0]} samples at a time",
            fix="export it with a batch of 1",
        )
    wanted, given = list(value.shape[1:]), list(sample.shape[1:])
    fits = len(wanted) == len(given) and all(
        not isinstance(size, int) or size == own for size, own in zip(wanted, given, strict=True)
    )
    if not fits:
        raise ToolkitError(
            f"the samples have shape {given}, but the program takes {wanted}",
            fix="give samples of that shape",
        )


def _check_weights(program: ExportedProgram) -> None:
    for name, tensor in {**program.state_dict, **program.constants}.items():
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            continue
        if tensor.dtype != torch.float32:
            raise ToolkitError(
                f"the weights are {tensor.dtype}, not float32", at=name, fix="call model.float()"
            )
        wrong = int((~torch.isfinite(tensor)).sum())
        if wrong:
            raise ToolkitError(
                f"{wrong} of {tensor.numel()} weights are NaN or infinite",
                at=name,
                fix="train again with a lower learning rate; these weights cannot be quantized",
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
