"""An int8 addition as one linear form, proven equal to the reference for all 65,536 pairs of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FACTOR_BITS = 31  # of the larger factor: 9-bit values times its halves fit in 32 bits
# The factors are tried a little larger, too: that moves sums half-way between integers away from zero, as the
# reference rounds them.
STRETCHES = (0.0, 2.0**-29, 2.0**-27, 2.0**-25, 2.0**-23, 2.0**-21, 2.0**-19)


@dataclass(frozen=True)
class LinearForm:
    """``(a * factor_a + b * factor_b + bias) >> shift``, clipped, is the sum of int8 ``a`` and ``b``."""

    factor_a: int
    factor_b: int
    bias: int
    shift: int  # 17..47

    def fields(self) -> list[int]:
        """Return the fields of a ``tk_add_linear`` before its bounds."""
        halves = [half for n in (self.factor_a, self.factor_b, self.bias) for half in (n >> 16, n & 0xFFFF)]
        return [*halves, self.shift - 16]


def linear_form(sums: np.ndarray, ratio_a: float, ratio_b: float, low: int, high: int) -> LinearForm | None:
    """Return a form that computes ``sums``, or None where there is none near the exact factors.

    Args:
        sums: (256, 256) the reference's results for a, b in -128..127, clipped to ``low..high``.
        ratio_a: scale of a over scale of the sum; ``ratio_b`` alike, negative for a difference.
        low: the least result; sums clipped there may come out lower before clipping, as long as they are clipped.
        high: the largest result, alike.
    """
    shift = FACTOR_BITS - int(np.frexp(max(abs(ratio_a), abs(ratio_b)))[1])
    if not 17 <= shift <= 47:
        return None
    values = np.arange(-128, 128, dtype=np.int64)
    for stretch in STRETCHES:
        factors = [round(ratio * (1 + stretch) * 2**shift) for ratio in (ratio_a, ratio_b)]
        if max(map(abs, factors)) >= 2**FACTOR_BITS:
            continue
        exact = values[:, None] * factors[0] + values * factors[1]
        # Each pair bounds the bias: sum << shift <= exact + bias < (sum + 1) << shift.
        least = ((sums << shift) - exact)[sums > low].max(initial=-(2**46))
        most = (((sums + 1) << shift) - exact)[sums < high].min(initial=2**46) - 1
        if least <= most:
            return LinearForm(factors[0], factors[1], (int(least) + int(most)) // 2, shift)
    return None
