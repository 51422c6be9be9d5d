"""Energy of one inference, estimated from cycles and the chip's published active current."""

from __future__ import annotations

from toolkit.device.targets import Target


def latency_us(cycles: float, clock_hz: int) -> float:
    """Return how long ``cycles`` take at a clock, in microseconds."""
    return cycles / clock_hz * 1e6


def energy_uj(cycles: float, target: Target) -> float | None:
    """Return the energy of ``cycles`` on ``target`` in microjoules: time x current x voltage of the whole chip.

    None when the target has no published current or no clock. It is an estimate: the current is a typical figure
    for other code than this.
    """
    if target.energy is None or target.clock_hz is None:
        return None
    seconds = cycles / target.clock_hz
    return seconds * target.energy.active_ma * 1e3 * target.energy.voltage
