"""Every published method that works here, wherever it lives."""

from __future__ import annotations

from quantize.method import Method


def catalogue() -> list[Method]:
    """Return what every method says of itself, by kind and name."""
    import quantize
    from toolkit import fuzz, learn
    from toolkit.lower import schedule
    from toolkit.spiking import methods as spiking
    from toolkit.training import kept, methods
    from toolkit.training.rules import nearest_mean

    found = [fuzz.METHOD, kept.METHOD, schedule.METHOD, nearest_mean.METHOD, *quantize.methods().values()]
    found += [rule.METHOD for rule in learn.rules().values()]
    found += [method.METHOD for method in methods.methods().values()]
    found += [method.METHOD for method in spiking.methods().values()]
    return sorted(found, key=lambda method: (method.kind, method.slug))
