"""A training step as another framework's file, and proof that the file learns what torch learns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from toolkit import atomic
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.model_file import Written
from toolkit.training.check import deviation
from toolkit.training.stateless import stateless
from toolkit.verify.agreement import Agreement

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from toolkit.backends.formats import Format

STEPS = 4
RATE = 0.05
TOLERANCE = 1e-4  # of a state's largest change


def export_step(program: ExportedProgram, format: Format, path: Path) -> Written:
    """Write a training step whose states are inputs and outputs, after its own; beside it, their first content.

    The file takes sample, target, rate, states and gives logits, loss, states: the caller feeds them back. ``NAME.npz``
    holds what they begin with, by name and in order. A file that learns otherwise than torch is not written.

    Args:
        program: a training step.
        format: one that takes training steps.
        path: of the file, replaced as a whole.

    Raises:
        ToolkitError: operators that the format cannot hold; changes of states that are not torch's.
    """
    step, states = stateless(program)
    with atomic.replacing(path) as new:
        format.write_step(step, new)  # type: ignore[misc]
        size = new.stat().st_size
        agreement = _compare(step, states, format, new)
    with atomic.replacing(path.with_suffix(".npz")) as new, new.open("wb") as file:
        np.savez(file, **{name: tensor.numpy() for name, tensor in states.items()})  # type: ignore[arg-type]
    return Written(path, format.name, format.runtime, size, [], [agreement])


def _compare(step: ExportedProgram, states: dict[str, Tensor], format: Format, file: Path) -> Agreement:
    """Learn from the same few samples by the file and by torch.

    Raises:
        ToolkitError: a state changes otherwise.
    """
    module = step.module(check_guards=False)
    ours, theirs = list(states.values()), [tensor.numpy() for tensor in states.values()]
    values, worst = 0, 0.0
    for inputs in _inputs(step):
        before = ours
        logits, loss, *ours = module(*inputs, *ours)
        found = format.run(file, [[*(tensor.numpy() for tensor in inputs), *theirs]])[0]
        theirs = [array.copy() for array in found[2:]]
        pairs: list[tuple[Tensor, np.ndarray, Tensor | None]] = [
            (logits, found[0], None),
            (loss, found[1], None),
        ]
        pairs += list(zip(ours, theirs, before, strict=True))
        for name, (want, have, old) in zip(("logits", "loss", *states), pairs, strict=True):
            error = _error(name, want, have, old, format)
            values, worst = values + want.numel(), max(worst, error)
    return Agreement("eager torch, changes of states", STEPS, values, values, 0, None, worst, None)


def _error(name: str, want: Tensor, have: np.ndarray, old: Tensor | None, format: Format) -> float:
    """Return the largest difference, as a share of the largest change."""
    error, size, rounding = deviation(torch.from_numpy(have), want, old)
    if not error <= TOLERANCE * size + rounding:
        raise ToolkitError(
            f"{format.runtime} changes it by something else than torch does: {error:.3g} off, of {size:.3g}",
            at=name,
            fix="report this with the model, or use --format c",
            exit_code=CHECK_FAILED,
        )
    return error / size if size else 0.0


def _inputs(step: ExportedProgram) -> list[tuple[Tensor, Tensor, Tensor]]:
    shapes = [
        tuple(node.meta["val"].shape)
        for node in step.graph.nodes
        if node.name in step.graph_signature.user_inputs
    ]
    generator = torch.Generator().manual_seed(0)
    made = []
    for index in range(STEPS):
        target = torch.zeros(shapes[1])
        target[..., index % shapes[1][-1]] = 1.0
        made.append((torch.randn(shapes[0], generator=generator), target, torch.full(shapes[2], RATE)))
    return made
