"""What came back from a device, held against the golden outputs of the bundle here."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.errors import DEVICE, ToolkitError
from toolkit.runtimes.compare import distance


@dataclass(frozen=True)
class Latency:
    """Microseconds of repeated single runs, by the device's own clock; the spread is half the quartiles' distance."""

    runs: int
    median_us: float
    spread_us: float
    fastest_us: float
    how: str = "measured"


@dataclass(frozen=True)
class Ran:
    """One file on the device.

    Args:
        file: of the bundle.
        runtime: what ran it.
        values: output values of all golden samples.
        differing: how many are not as expected.
        largest: largest difference, in the entry's unit.
        bound: the largest allowed.
        unit: "steps" of the output's scale, or empty.
        latency: None where it was not measured.
    """

    file: str
    runtime: str
    values: int
    differing: int
    largest: float
    bound: float
    unit: str
    latency: Latency | None

    @property
    def ok(self) -> bool:
        """True when no output is further from the expected one than the manifest allows."""
        return self.largest <= self.bound


def latency(times_us: list[float]) -> Latency | None:
    """Return the summary of repeated runs; None of none."""
    if not times_us:
        return None
    quartiles = statistics.quantiles(times_us, n=4) if len(times_us) > 1 else times_us * 3
    return Latency(
        len(times_us), statistics.median(times_us), (quartiles[2] - quartiles[0]) / 2, min(times_us)
    )


def judged(
    entry: dict[str, Any], wanted: list[np.ndarray], outputs: list[np.ndarray], took: Latency | None
) -> Ran:
    """Compare what a file computed on the device with its golden outputs.

    Args:
        entry: of ``Package.entries``.
        wanted: of ``Package.wanted``.
        outputs: real numbers in the user's layout, one array per output.
        took: what was measured.

    Raises:
        ToolkitError: outputs of another shape than expected.
    """
    largest, differing, values = 0.0, 0, 0
    for want, unit, got in zip(wanted, entry["units"], outputs, strict=True):
        if want.shape != got.shape:
            raise ToolkitError(
                f"{entry['file']} gave outputs of shape {got.shape} instead of {want.shape}",
                fix="deploy the bundle again",
                exit_code=DEVICE,
            )
        far = distance(want, got, unit)
        largest = max(largest, float(far.max(initial=0)))
        differing += int((far > entry["equal_within"]).sum())
        values += want.size
    return Ran(
        entry["file"], entry["runtime"], values, differing, largest, entry["bound"], entry["unit"], took
    )
