"""From a model or a user's program to a clean graph: functional, without operations that do nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram

from toolkit.errors import ToolkitError, first_line
from toolkit.lower.masks import hides
from toolkit.program.clean import clean
from toolkit.program.decompose import decompositions
from toolkit.program.spellings import respelled


def samples(array: np.ndarray) -> torch.Tensor:
    """Return ``array`` (samples first) as a float32 tensor; int64 are indices (of characters, say) and stay so.

    Raises:
        ToolkitError: it holds no sample, or something that is not a finite number.
    """
    if array.ndim < (1 if array.dtype == np.int64 else 2) or len(array) == 0:
        raise ToolkitError(
            f"the calibration data has shape {array.shape}: there is no sample in it",
            fix="give an array with at least one sample, samples along the first axis",
        )
    dtype = np.int64 if array.dtype == np.int64 else np.float32
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype))
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
        program = torch.export.export(callee, inputs, dynamic_shapes=shapes)
        program = respelled(program.run_decompositions(decompositions(program.graph)))
    except Exception as error:  # export raises whatever the model's code and torch's compilers raise
        raise ToolkitError(
            f"the model cannot be exported for an input of shape {list(sample.shape)}: {first_line(error)}",
            fix="see that this shape is right and that nothing in forward() depends on the data's values",
        ) from error
    _check_weights(program)
    graph_module = program.module(check_guards=False)
    clean(graph_module)
    return graph_module


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
    if value.dtype not in (torch.float32, torch.int64):
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
        if wrong and not hides(tensor.detach().numpy()):
            raise ToolkitError(
                f"{wrong} of {tensor.numel()} weights are NaN or infinite",
                at=name,
                fix="train again with a lower learning rate; these weights cannot be quantized",
            )
