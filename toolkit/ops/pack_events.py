"""Weight layouts and constants of the kernels that follow spikes; see ``runtime/include/tk_events.h``."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Emitter
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.pack_ternary import padded
from toolkit.ops.weighted import is_ternary
from toolkit.ops.wide import Wide, wide_fields

EVENT_BLOCK, EVENT_BLOCK_T2 = 8, 16  # channels that are summed at once
_MOST_PLACES = (
    2**15 - 1
)  # in a list of 16-bit numbers; ternary codes of all of them, at most 2 each, fit a lane
_BYTES = [0, 2, 1, 3, 4, 6, 5, 7]  # SXTAB16 adds bytes 0 and 2 of a word, then 1 and 3


def pack_events(matrix: np.ndarray) -> np.ndarray:
    """Return int8 (channels, depth) weights as uint32 (blocks, depth, 2): what one input adds to eight channels."""
    m = padded(matrix, EVENT_BLOCK, 1).reshape(-1, EVENT_BLOCK, matrix.shape[1])
    return np.ascontiguousarray(m.transpose(0, 2, 1)[..., _BYTES].astype(np.int8)).view(np.uint32)


def pack_events_t2(matrix: np.ndarray) -> np.ndarray:
    """Return ternary (channels, depth) weights as uint32 (blocks, depth): codes of sixteen channels in a word.

    A code is the weight plus 1. Channel 2k lies at bit 2k, channel 2k + 1 at bit 16 + 2k.
    """
    m = padded(matrix, EVENT_BLOCK_T2, 1)
    codes = (m.reshape(-1, 8, 2, m.shape[1]) + 1).astype(np.uint32)
    shifts = (2 * np.arange(8)[:, None] + 16 * np.arange(2)).astype(np.uint32)
    return np.ascontiguousarray((codes << shifts[None, :, :, None]).sum((1, 2), dtype=np.uint32))


def of_events(step: Step, wide: Wide) -> bool:
    """True when a step's input is spikes, and its sums are such as the kernels take."""
    return bool(
        "density" in step.attrs
        and zero_point_of(step.inputs[0]) == 0
        and wide.matrix.shape[1] <= _MOST_PLACES
        and not (is_ternary(step) and _large(wide))
    )


def event_call(kernel: str, step: Step, wide: Wide, emitter: Emitter) -> tuple[str, list[str]]:
    """Define weights and what finishes sums, and return the kernel for them and what it takes of them."""
    ternary = is_ternary(step)
    weight = emitter.constant("weight", (pack_events_t2 if ternary else pack_events)(wide.matrix))
    suffix = "t2" if ternary else "s8_large" if _large(wide) else "s8"
    return f"{kernel}_{suffix}", [weight, wide_fields(wide, emitter)]


def _large(wide: Wide) -> bool:
    """True when some inputs make a sum that 16 bits do not hold."""
    weights = wide.matrix.astype(np.int64)
    highest, lowest = np.maximum(weights, 0).sum(1).max(), np.minimum(weights, 0).sum(1).min()
    return bool(lowest < LOWEST or highest > LARGEST)
