"""The figures by which models are compared: what they are called, their units, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.errors import ToolkitError, suggestion


@dataclass(frozen=True)
class Metric:
    """One kind of figure.

    Args:
        name: what the person calls it.
        key: of the field in a bench's document.
        label: in a heading.
        unit: of the value; empty for a fraction or a count.
        high: more is better.
    """

    name: str
    key: str
    label: str
    unit: str
    high: bool = False


METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "accuracy", "accuracy", "", high=True),
    Metric("error", "mean_squared_error", "mean squared error", ""),
    Metric("latency", "latency_us", "latency", "us"),
    Metric("energy", "energy_uj", "energy", "uJ"),
    Metric("net-energy", "energy_net_uj", "energy above idle", "uJ"),
    Metric("training-latency", "training_latency_us", "training step", "us"),
    Metric("training-energy", "training_energy_uj", "energy of a training step", "uJ"),
    Metric("training-net-energy", "training_energy_net_uj", "training step above idle", "uJ"),
    Metric("flash", "flash_bytes", "flash", "bytes"),
    Metric("ram", "ram_bytes", "RAM", "bytes"),
    Metric("instructions", "instructions", "instructions", ""),
    Metric("cycles", "cycles", "cycles", ""),
)


def find(name: str) -> Metric:
    """Return the metric that ``name`` means, its key included. Raises ``ToolkitError`` for an unknown one."""
    for metric in METRICS:
        if name in (metric.name, metric.key):
            return metric
    raise ToolkitError(
        f"there is no figure {name!r}", fix=suggestion(name, [metric.name for metric in METRICS])
    )
