"""The pass that makes a mask before a softmax part of it: a constant, or rows of one that an index chooses."""

from __future__ import annotations

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import real
from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead

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
        if added is None or added.op != "add" or "activation" in added.attrs:
            continue
        if len(added.activations) == 1:
            (scores,), (mask,) = added.activations, [real(v) for v in added.inputs if v.data is not None]
            if hides(mask) and scores.shape == softmax.output.shape:
                softmax.op = "masked_softmax"
                softmax.attrs["kept"] = _kept(softmax, _every_row(softmax, mask))
                softmax.inputs = [scores]
            continue
        for scores, row in (added.inputs, added.inputs[::-1]):
            chooser = _chooser(model, row)
            if chooser is not None and _one_each(scores.shape, row.shape):
                table, index = chooser.inputs
                softmax.op = "masked_softmax"
                softmax.attrs["kept"] = _kept(softmax, real(table))
                softmax.inputs = [scores, index]
                break
    return remove_dead(model)


def _chooser(model: Model, value: Value) -> Step | None:
    """Return the step that takes ``value`` from a table of masks by an index, if one does."""
    maker = model.producer(value)
    while maker is not None and maker.op == "reshape":
        maker = model.producer(maker.inputs[0])
    return maker if maker is not None and maker.op == "embedding" and hides(real(maker.inputs[0])) else None


def _one_each(scores: tuple[int, ...], masks: tuple[int, ...]) -> bool:
    """True when masks (..., n, depth) differ along the scores' last two axes only."""
    own = (1,) * (len(scores) - len(masks)) + masks
    return own[-2:] == scores[-2:] and all(size == 1 for size in own[:-2])


def _every_row(softmax: Step, mask: np.ndarray) -> np.ndarray:
    """Return the mask for the softmax's rows, without those that repeat."""
    shape = softmax.output.shape
    own = mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape)
    first = next((axis for axis, size in enumerate(own.shape) if size > 1), len(shape) - 1)
    return np.broadcast_to(own, (*own.shape[:first], *shape[first:]))


def _kept(softmax: Step, mask: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return where the scores that remain begin, and how many they are, row by row."""
    shape = softmax.output.shape
    if softmax.attrs["axis"] != len(shape) - 1:
        raise ToolkitError(
            "a mask before a softmax along another axis than the last", at=softmax.name, fix="turn the scores"
        )
    rows = (mask > HIDDEN).reshape(-1, shape[-1])
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
