"""Energy and time: plain physics, and nothing where nothing is published."""

from __future__ import annotations

import pytest

from toolkit.device import targets
from toolkit.measure.energy.estimate import energy_uj, latency_us


def test_time_is_cycles_over_clock() -> None:
    assert latency_us(168_000, 168_000_000) == pytest.approx(1000)


def test_energy_is_time_times_current_times_voltage() -> None:
    # 1 ms at 40 mA and 3.3 V
    assert energy_uj(168_000, targets.load("stm32f4-discovery")) == pytest.approx(1e-3 * 40e-3 * 3.3 * 1e6)


@pytest.mark.parametrize("name", ["cortex-m4", "pico", "host"])
def test_without_a_published_current_there_is_no_estimate(name: str) -> None:
    assert energy_uj(1000, targets.load(name)) is None


@pytest.mark.parametrize("name", targets.names())
def test_every_current_says_where_it_was_published(name: str) -> None:
    published = targets.load(name).energy
    if published is not None:
        assert "typical" in published.source
        assert 1 < published.active_ma < 200
