"""The pass that makes a constant mask before a softmax part of it."""

from __future__ import annotations

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import real
from toolkit.lower.ir import Model, Step

HIDDEN = -1e4  # added to a score, as good as minus infinity: exp(-1e4) is 0


def hides(mask: np.ndarray) -> bool:
    """True where adding ``mask`` to scores hides some of them and changes no other."""
    return bool((mask <= HIDDEN).any()) and not mask[~(mask <= HIDDEN)].any()


def fuse_mask(model: Model) -> Model:
    """Make ``softmax(scores + mask)``, whose mask hides scores and changes no other, one step.

    Raises:
        ToolkitError: a row's scores that remain are none, or do not lie side by side.
    """
    for softmax in [step for step in model.steps if step.op == "softmax"]:
        added = model.producer(softmax.inputs[0])
        if added is None or added.op != "add" or len(added.activations) != 1 or "activation" in added.attrs:
            continue
        (scores,), (mask,) = added.activations, [real(v) for v in added.inputs if v.data is not None]
        if hides(mask) and scores.shape == softmax.output.shape:
            softmax.op = "masked_softmax"
            softmax.attrs["kept"] = _kept(softmax, mask)
            softmax.inputs = [scores]
    return model


def _kept(softmax: Step, mask: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return where the scores that remain begin, and how many they are, row by row; rows repeat from their end on."""
    shape = softmax.output.shape
    if softmax.attrs["axis"] != len(shape) - 1:
        raise ToolkitError(
            "a mask before a softmax along another axis than the last", at=softmax.name, fix="turn the scores"
        )
    own = mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape)
    first = next((axis for axis, size in enumerate(own.shape) if size > 1), len(shape) - 1)
    rows = np.broadcast_to(own > HIDDEN, (*own.shape[:first], *shape[first:])).reshape(-1, shape[-1])
    counts, starts = rows.sum(1), rows.argmax(1)
    places = np.arange(shape[-1])
    together = (places >= starts[:, None]) & (places < (starts + counts)[:, None])
    if not counts.all() or (rows != together).any():
        raise ToolkitError(
            "a mask leaves a row no score, or scores that do not lie side by side",
            at=softmax.name,
            fix="use masks that hide the ends of a row alone: causal ones, windows, padding",
        )
    return tuple(zip(starts.tolist(), counts.tolist(), strict=True))
