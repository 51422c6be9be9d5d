"""Properties of the Pareto front, on any points."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.compare.pareto import front

AXES = 3
POINTS = st.lists(st.tuples(*[st.none() | st.integers(-3, 3)] * AXES), max_size=12)
HIGH = st.lists(st.booleans(), min_size=AXES, max_size=AXES)


def _beats(a: tuple[int | None, ...], b: tuple[int | None, ...], high: list[bool]) -> bool:
    """As good along each axis and better along one, said another way than the code says it."""
    gains = [(x - y) * (1 if up else -1) for x, y, up in zip(a, b, high, strict=True) if None not in (x, y)]  # type: ignore[operator]
    return len(gains) == AXES and min(gains) >= 0 and max(gains) > 0


@given(POINTS, HIGH)
@settings(max_examples=200, deadline=None)
def test_on_the_front_is_exactly_what_nothing_beats(
    points: list[tuple[int | None, ...]], high: list[bool]
) -> None:
    on = front(points, high)
    for point, here in zip(points, on, strict=True):
        beaten = any(_beats(other, point, high) for other in points)
        assert here == (None not in point and not beaten)
        if None not in point and not here:  # transitive: somebody on the front beats it
            assert any(_beats(other, point, high) for other, there in zip(points, on, strict=True) if there)
    assert any(on) == any(None not in point for point in points)


@given(POINTS, HIGH, st.data())
@settings(max_examples=200, deadline=None)
def test_uncertain_differences_leave_nobody_out(
    points: list[tuple[int | None, ...]], high: list[bool], data: st.DataObject
) -> None:
    errors = st.tuples(*[st.none() | st.integers(0, 2)] * AXES)
    within = data.draw(st.lists(errors, min_size=len(points), max_size=len(points)))
    on, usual = front(points, high, within), front(points, high)
    for point, error, here, certain in zip(points, within, on, usual, strict=True):
        assert here or not certain  # none that is on the usual front is left out
        if certain or None in point:
            assert not (here and None in point)
            continue
        surely = [
            other
            for other, about in zip(points, within, strict=True)
            if _beats(other, point, high)
            and any(
                (x - y) * (1 if up else -1) > (u or 0) + (v or 0)  # type: ignore[operator]
                for x, y, u, v, up in zip(other, point, about, error, high, strict=True)
            )
        ]
        assert here == (not surely)


@given(POINTS, HIGH, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_and_scale_do_not_matter(points, high, chance) -> None:  # type: ignore[no-untyped-def]
    order = list(range(len(points)))
    chance.shuffle(order)
    stretched = [tuple(None if value is None else value**3 + 7 for value in points[i]) for i in order]
    assert front(stretched, high) == [front(points, high)[i] for i in order]
