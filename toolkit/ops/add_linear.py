"""An int8 addition as one linear form, proven equal to the reference for all 65,536 pairs of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORD_BITS, WORD_DROPPED = 30, 8  # of factors that SMLAW multiplies, and of its products
SHORT_SHIFT = 21  # of sums in 32 bits of whole products: more are exact with it than with 20 or 22
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
    shift: int

    def fields(self) -> list[int]:
        """Return the fields of a ``tk_add_linear`` before its bounds."""
        halves = [half for n in (self.factor_a, self.factor_b, self.bias) for half in (n >> 16, n & 0xFFFF)]
        return [*halves, self.shift - 16]


@dataclass(frozen=True)
class EverySum:
    """What an addition must give: the reference's results for a, b in -128..127, clipped to ``low..high``.

    Sums clipped at a bound may come out beyond it before clipping, as long as they are clipped.
    """

    sums: np.ndarray  # int64 (256, 256)
    ratio_a: float  # scale of a over scale of the sum
    ratio_b: float  # alike, negative for a difference
    low: int
    high: int


def linear_form(wanted: EverySum) -> LinearForm | None:
    """Return a form that computes all ``wanted`` sums, or None where there is none near the exact factors."""
    form = _near_exact(wanted, FACTOR_BITS, 0)
    return form if form is not None and 17 <= form.shift <= 47 else None


def word_form(wanted: EverySum) -> LinearForm | None:
    """As ``linear_form``, for ``((a * factor_a >> 8) + (b * factor_b >> 8) + bias) >> shift`` in 32 bits."""
    form = _near_exact(wanted, WORD_BITS, WORD_DROPPED)
    if form is None or not 1 <= form.shift <= 31:
        return None
    return form if _fits_word(form, WORD_DROPPED) else None


def _fits_word(form: LinearForm, dropped: int = 0) -> bool:
    """True when the bias, with the first product and with both, stays within 32 bits."""
    values = np.array([-128, 127], np.int64)
    a, b = (values * factor >> dropped for factor in (form.factor_a, form.factor_b))
    reached = np.concatenate([[form.bias], form.bias + a, (form.bias + a[:, None] + b).ravel()])
    return bool(np.abs(reached).max() < 2**31)


def short_form(wanted: EverySum) -> LinearForm | None:
    """As ``linear_form``, with the shift ``SHORT_SHIFT`` and every sum in 32 bits."""
    form = _near_exact(wanted, _bits_before_point(wanted) + SHORT_SHIFT, 0)
    return form if form is not None and _fits_word(form) else None


def _bits_before_point(wanted: EverySum) -> int:
    return int(np.frexp(max(abs(wanted.ratio_a), abs(wanted.ratio_b)))[1])


def _near_exact(wanted: EverySum, factor_bits: int, dropped: int) -> LinearForm | None:
    """Return factors of so many bits, each product without its lowest ``dropped`` bits, and a bias that is right."""
    sums, values = wanted.sums, np.arange(-128, 128, dtype=np.int64)
    point = factor_bits - _bits_before_point(wanted)
    shift = point - dropped
    if not 0 < shift < 48:
        return None
    for stretch in STRETCHES:
        factors = [round(ratio * (1 + stretch) * 2**point) for ratio in (wanted.ratio_a, wanted.ratio_b)]
        if max(map(abs, factors)) >= 2**factor_bits:
            continue
        made = (values[:, None] * factors[0] >> dropped) + (values * factors[1] >> dropped)
        # Each pair bounds the bias: sum << shift <= made + bias < (sum + 1) << shift.
        least = ((sums << shift) - made)[sums > wanted.low].max(initial=-(2**46))
        most = (((sums + 1) << shift) - made)[sums < wanted.high].min(initial=2**46) - 1
        if least <= most:
            return LinearForm(factors[0], factors[1], (int(least) + int(most)) // 2, shift)
    return None
