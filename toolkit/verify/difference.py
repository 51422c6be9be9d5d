"""What a device computed, held against what the reference says: equal to the bit, or within a tolerance for float32."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

SCHEMA = 1
FLOAT_TOLERANCE = 1e-4  # where float32 sums are taken in another order; all else must be equal
Piece = tuple[
    int, str | None, np.ndarray, np.ndarray
]  # sample, layer, what the reference says, what the device says


@dataclass(frozen=True)
class Difference:
    """The first value that is not what the reference says. ``layer`` is None when no layer differs in a traced run."""

    device: str
    sample: int
    index: int
    expected: float
    got: float
    layer: str | None


@dataclass(frozen=True)
class Comparison:
    """One device's outputs held against the reference's."""

    device: str
    samples: int
    values: int
    differing: int
    largest: float


@dataclass
class VerifyResult:
    """What was compared, and the first difference if there is one."""

    comparisons: list[Comparison] = field(default_factory=list)
    first_difference: Difference | None = None
    exact: bool = True  # False where float32 sums are taken in another order: compared within FLOAT_TOLERANCE
    # how far the model's own framework is from the reference, where another convention of rounding was asked for
    information: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was left out, and how to get it

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return self.first_difference is None

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "exact": self.exact,
            "tolerance": 0 if self.exact else FLOAT_TOLERANCE,
            "comparisons": [asdict(c) for c in self.comparisons],
            "information": [asdict(c) for c in self.information],
            "notes": self.notes,
            "first_difference": None if self.ok else asdict(self.first_difference),  # type: ignore[arg-type]
        }


def beyond_one_step(expected: list[np.ndarray], got: list[np.ndarray]) -> float:
    """Return the share of values further than one step apart; a step of float32 is a hundredth of their range."""
    beyond = values = 0
    for want, have in zip(expected, got, strict=True):
        step = 1.0 if want.dtype != np.float32 else 0.01 * float(np.ptp(want)) + FLOAT_TOLERANCE
        beyond += int(
            (np.abs(want.astype(np.float64) - have.astype(np.float64).reshape(want.shape)) > step).sum()
        )
        values += want.size
    return beyond / max(values, 1)


def by_sample(expected: list[np.ndarray], got: list[np.ndarray]) -> Iterator[Piece]:
    """Yield every sample of every output; arrays have the sample as their first axis."""
    for want, have in zip(expected, got, strict=True):
        for sample, (one, other) in enumerate(zip(want, have, strict=True)):
            yield sample, None, one.ravel(), other.ravel()


def compare(
    result: VerifyResult,
    device: str,
    samples: int,
    pieces: Iterable[Piece],
    first_layer: Callable[[int], str | None] = lambda sample: None,
    *,
    exact: bool = False,
) -> None:
    """Add what ``device`` computed to ``result``.

    Args:
        result: takes a comparison, and its first difference where it has none yet.
        device: what it is called.
        samples: how many samples ``pieces`` are of.
        pieces: flat arrays of the same size.
        first_layer: asked for the layer in which a sample goes wrong, where the piece does not say it.
        exact: float32 must be equal, too.
    """
    values = differing = 0
    largest = 0.0
    for sample, layer, want, have in pieces:
        wrong = differs(want, have, exact=exact)
        values += want.size
        if not wrong.any():
            continue
        differing += int(wrong.sum())
        largest = max(largest, float(np.abs(want.astype(np.float64) - have.astype(np.float64))[wrong].max()))
        if result.first_difference is None:
            index = int(np.argmax(wrong))
            numbers = float(want[index]), float(have[index])
            result.first_difference = Difference(
                device, sample, index, *numbers, layer or first_layer(sample)
            )
    result.comparisons.append(Comparison(device, samples, values, differing, largest))


def differs(want: np.ndarray, have: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Return where two arrays are not equal; unless ``exact``, for float32 not within ``FLOAT_TOLERANCE``."""
    if exact or want.dtype != np.float32:
        return want != have
    return ~(np.abs(want - have) <= FLOAT_TOLERANCE * np.maximum(1, np.abs(want)))  # NaN differs
