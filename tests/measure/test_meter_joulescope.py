"""The Joulescope: the real library without a device, and the conversion of what it would deliver."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolkit.errors import DEVICE, MISSING, ToolkitError
from toolkit.measure import meters
from toolkit.measure.meters.base import Options
from toolkit.measure.meters.joulescope import Joulescope

RATE = 10_000


class Driver:
    """The calls of pyjoulescope_driver.Driver that are used, with a device whose blocks are given to it."""

    def __init__(self, *paths: str, broken: bool = False) -> None:
        self.paths, self.broken = paths, broken
        self.published: dict[str, object] = {}
        self.opened: list[str] = []
        self._callback: Callable[[str, dict[str, Any]], None] | None = None

    def device_paths(self) -> list[str]:
        return list(self.paths)

    def open(self, path: str) -> None:
        if self.broken:
            raise RuntimeError("jsdrv_open failed 5")
        self.opened.append(path)

    def close(self, path: str) -> None:
        self.opened.remove(path)

    def publish(self, topic: str, value: object) -> None:
        self.published[topic] = value

    def subscribe(self, _topic: str, _flags: str, callback: Callable[[str, dict[str, Any]], None]) -> None:
        self._callback = callback

    def unsubscribe(self, _topic: str, _callback: object) -> None:
        self._callback = None

    def deliver(self, first: int, power: np.ndarray) -> None:
        block = {"sample_id": first * 100, "sample_rate": 1_000_000, "decimate_factor": 100, "data": power}
        assert self._callback is not None
        self._callback("u/js220/1/s/p/!data", block)


def made(driver: Driver | None, port: str | None = None) -> Joulescope:
    return Joulescope(port, Options({}, Joulescope.FACTS.options, "joulescope"), driver)


def test_the_real_library_finds_no_device() -> None:
    with pytest.raises(ToolkitError, match="no Joulescope is connected") as caught, meters.make("joulescope"):
        pass
    assert caught.value.exit_code == MISSING


def test_blocks_become_a_trace_and_lost_samples_gaps() -> None:
    driver = Driver("u/js220/000415")
    with made(driver) as meter:
        meter.start()
        began = time.monotonic()
        for block in range(20):
            time.sleep(max(0.0, began + 0.01 * (block + 1) - time.monotonic()))
            if block != 7:
                driver.deliver(
                    77_000 + 100 * block, np.full(100, 0.050 if block >= 10 else 0.005, np.float32)
                )
        trace = meter.stop()
        assert driver.published["u/js220/000415/h/fs"] == RATE
        assert driver.published["u/js220/000415/s/p/ctrl"] == 0
    assert driver.opened == []
    assert len(trace.power_w) == 2000
    assert trace.lost_share(trace.edges_s[0], trace.edges_s[-1]) == pytest.approx(0.05)
    assert trace.energy_j(trace.edges_s[1000], trace.edges_s[2000]) == pytest.approx(0.1 * 0.050)
    assert abs(trace.edges_s[0] - began) <= trace.clock_s + 0.01


def test_what_fails_is_said() -> None:
    with pytest.raises(ToolkitError, match="2 Joulescopes"), made(Driver("u/js220/1", "u/js220/2")):
        pass
    with (
        pytest.raises(ToolkitError, match="connected as u/js220/9") as caught,
        made(Driver("u/js220/1"), "u/js220/9"),
    ):
        pass
    assert "there is u/js220/1" in caught.value.fix
    with pytest.raises(ToolkitError, match="jsdrv_open failed"), made(Driver("u/js220/1", broken=True)):
        pass
    with made(Driver("u/js220/1")) as meter:
        meter.start()
        with pytest.raises(ToolkitError, match="sent no samples") as caught:
            meter.stop()
    assert caught.value.exit_code == DEVICE
