"""Average pools whose ties fall as the toolkit's, in runtimes that round halves to even.

A quarter of the averages of four integers lie halfway between two. The toolkit, as TensorFlow Lite, takes the one
further from zero; a runtime that averages real numbers takes the even one. Integers stretched by a little, away from
zero, leave no halves and reach no other integer: ``(1 + d) * integer``, ``d`` below ``1 / (values * largest)``.
"""

from __future__ import annotations

MOST_VALUES = 64  # of a window: more are closer together than float32 tells apart, and ties are rare there
_ROOM = 0.8  # of what no average may be moved by


def stretch(values: int, scale: float, zero_point: int, largest: int) -> tuple[float, float] | None:
    """Return factor and addend of averages in real numbers; None where no two integers have a half between them.

    Args:
        values: how many an average is of.
        scale: of their integers and the average's.
        zero_point: likewise.
        largest: magnitude of the integers' type: 128 or 32768.
    """
    if values % 2 or values > MOST_VALUES:
        return None
    d = _ROOM / (values * largest)
    return 1 + d, scale * zero_point * d
