"""Joulescope JS110 and JS220, through Jetperch's own library pyjoulescope_driver."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import DEVICE, MISSING, ToolkitError, first_line
from toolkit.measure.energy import clock
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import MOST_SAMPLES, Accuracy, Facts, Meter, Options

_RATES = ("10000", "1000", "2000", "5000", "20000", "50000", "100000", "200000", "500000", "1000000")


class Joulescope(Meter):
    """See ``toolkit.measure.meters.base.Meter``; the port is a device path like ``u/js220/000415``."""

    FACTS: ClassVar[Facts] = Facts(
        title="Joulescope JS110 or JS220",
        measures="current and voltage, up to 10 A and 15 V, in ranges that it changes by itself; power at 10,000 "
        "samples a second here, of one or two million that it takes",
        accuracy="0.3 % of current and voltage each, and an offset by range (JS110 User's Guide, measurement "
        "specifications); the offset is not counted here",
        needs='pyjoulescope_driver (pip install "edge-toolkit[meters]"); on Linux its udev rules',
        wiring="IN+ to the supply, OUT+ to the board's supply pin behind its current jumper, IN- and OUT- to ground",
        options={
            "rate": f"samples a second: {', '.join(_RATES[:1])} (default), {', '.join(_RATES[1:])}",
            "accuracy": "as share of the power, when you know it better (0.6%)",
        },
        window_s=1.0,
        marks=False,
    )

    def __init__(self, port: str | None, options: Options, driver: Any = None) -> None:
        super().__init__(port, options)
        self.rate = int(options.choice("rate", _RATES))
        self._share = options.number("accuracy", 0.006, 0.0, 0.5)
        self._driver, self._given = driver, driver
        self._device = ""
        self._lock = threading.Lock()
        self._blocks: list[tuple[float, dict[str, Any]]] = []
        self._commanded_s = 0.0

    def open(self) -> None:
        """See ``Meter.open``."""
        if self._driver is None:
            try:
                import pyjoulescope_driver
            except ImportError as error:
                raise ToolkitError(
                    "pyjoulescope_driver is not installed",
                    fix='pip install "edge-toolkit[meters]"',
                    exit_code=MISSING,
                ) from error
            self._driver = pyjoulescope_driver.Driver()
        try:
            found = list(self._driver.device_paths())
            if self.port is None and len(found) > 1:
                raise ToolkitError(
                    f"{len(found)} Joulescopes are connected", fix=f"add --meter-port: {', '.join(found)}"
                )
            if not found or (self.port is not None and self.port not in found):
                raise ToolkitError(
                    f"no Joulescope is connected{f' as {self.port}' if self.port else ''}",
                    fix="plug it in, close the Joulescope UI; on Linux install its udev rules"
                    + (f"; there is {', '.join(found)}" if found else ""),
                    exit_code=MISSING,
                )
            device = self.port or found[0]
            self._driver.open(device)
            self._device = device
            for topic, value in (("s/i/range/mode", "auto"), ("h/fs", self.rate)):
                self._driver.publish(f"{self._device}/{topic}", value)
        except ToolkitError:
            self.close()
            raise
        except Exception as error:  # whatever the library raises
            self.close()
            raise self._failed(first_line(error)) from error

    def start(self) -> None:
        """See ``Meter.start``."""
        self._blocks = []
        self._commanded_s = time.monotonic()
        try:
            self._driver.subscribe(f"{self._device}/s/p/!data", "pub", self._take)
            self._driver.publish(f"{self._device}/s/p/ctrl", 1)
        except Exception as error:  # whatever the library raises
            raise self._failed(first_line(error)) from error

    def stop(self) -> Trace:
        """See ``Meter.stop``."""
        try:
            self._driver.publish(f"{self._device}/s/p/ctrl", 0)
            self._driver.unsubscribe(f"{self._device}/s/p/!data", self._take)
        except Exception as error:  # whatever the library raises
            raise self._failed(first_line(error)) from error
        with self._lock:
            return to_trace(self._blocks, self._commanded_s)

    def close(self) -> None:
        """See ``Meter.close``."""
        if self._driver is None:
            return
        if self._device:
            self._driver.close(self._device)
            self._device = ""
        if self._given is None:
            self._driver.finalize()
            self._driver = None

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``."""
        return Accuracy(self._share, 0.0, "JS110 User's Guide, 0.3 % each of current and voltage")

    def longest_s(self) -> float:
        """See ``Meter.longest_s``."""
        return MOST_SAMPLES / self.rate

    def _take(self, _topic: str, value: dict[str, Any]) -> None:
        """Called from the library's thread."""
        with self._lock:
            self._blocks.append((time.monotonic(), value))

    def _failed(self, what: str) -> ToolkitError:
        return ToolkitError(
            f"the Joulescope failed: {what}",
            at=self._device,
            fix="plug it in again, close the Joulescope UI",
            exit_code=DEVICE,
        )


def to_trace(blocks: list[tuple[float, dict[str, Any]]], commanded_s: float) -> Trace:
    """Return the trace of the library's blocks of power, each with its time of arrival.

    A block says the number of its first sample (``sample_id``, at ``sample_rate``, of which one in ``decimate_factor``
    is given); where numbers are left out, samples were lost.
    """
    powers: list[np.ndarray] = []
    arrivals: list[tuple[int, float]] = []
    total, expected, rate = 0, None, 0.0
    for arrived, block in blocks:
        data, step = np.asarray(block["data"], np.float64).ravel(), int(block["decimate_factor"])
        if not len(data):
            continue
        number, rate = int(block["sample_id"]) // step, float(block["sample_rate"]) / step
        if expected is not None and 0 < number - expected < 60 * rate:
            powers.append(np.full(number - expected, np.nan))
            total += number - expected
        powers.append(data)
        total += len(data)
        expected = number + len(data)
        arrivals.append((total, arrived))
    times = clock.fit(commanded_s, arrivals, 1.0 / rate if rate else 1.0, "the Joulescope")
    power = np.concatenate(powers)
    return Trace(times.edges(len(power)), power, clock_s=times.uncertainty_s)


METER = Joulescope
