"""Weight layouts and constants of the kernels that follow spikes; see ``runtime/include/tk_events.h``."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Emitter
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.pack_ternary import padded
from toolkit.ops.weighted import Folded, is_ternary
from toolkit.ops.wide import EVENT_SHIFT

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


def of_events(step: Step, folded: Folded) -> bool:
    """True when a step's input is spikes, and its sums and multipliers are such as the kernels take."""
    matrix = folded.weight.reshape(len(folded.weight), -1).astype(np.int64)
    highest, lowest = np.maximum(matrix, 0).sum(1) + folded.bias, np.minimum(matrix, 0).sum(1) + folded.bias
    return bool(
        "density" in step.attrs
        and zero_point_of(step.inputs[0]) == 0
        and matrix.shape[1] <= _MOST_PLACES
        and highest.max(initial=0) <= LARGEST
        and lowest.min(initial=0) >= LOWEST
        and folded.shift[0] == EVENT_SHIFT
        and (folded.low, folded.high, folded.rounding) == (LOWEST, LARGEST, "single")
    )


def event_constants(step: Step, folded: Folded, emitter: Emitter) -> list[str]:
    """Define weights, starts and requantization, and return what a kernel takes of them."""
    ternary = is_ternary(step)
    matrix = folded.weight.reshape(len(folded.weight), -1)
    block = EVENT_BLOCK_T2 if ternary else EVENT_BLOCK
    weight = emitter.constant("weight", (pack_events_t2 if ternary else pack_events)(matrix))
    start = emitter.constant(
        "bias", padded(folded.bias[:, None], block, 1)[:, 0].astype(np.int16).view(np.uint32)
    )
    multiplier = emitter.constant("multiplier", folded.multiplier.astype(np.int32))
    fields = f"{{{multiplier}, {int(folded.multiplier.size > 1)}}}"
    return [weight, start, emitter.local("tk_event_requant", "requant", fields)]
