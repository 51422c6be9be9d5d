"""A PC's own energy counters (RAPL), as Linux shows them in /sys/class/powercap."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from toolkit.errors import DEVICE, MISSING, ToolkitError
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import Accuracy, Facts, Options
from toolkit.measure.meters.polled import PolledMeter

_FOLDER = "/sys/class/powercap"
_POLL_S = 0.02
_DOMAINS = ("package", "psys", "core", "uncore", "dram")


class Rapl(PolledMeter):
    """See ``toolkit.measure.meters.base.Meter``; the port is the folder, Linux's own unless told."""

    FACTS: ClassVar[Facts] = Facts(
        title="RAPL, the energy counters of an Intel or AMD processor",
        measures="energy of whole processor packages, with all that runs on them, in steps of some 15 to 61 µJ, "
        "updated about every millisecond",
        accuracy="none is stated (Intel SDM, volume 3B, RAPL, says only what is counted)",
        needs="Linux on the machine itself, no virtual machine; reading the counters is for root alone unless allowed: "
        "sudo chmod a+r /sys/class/powercap/*/energy_uj",
        wiring="none",
        options={"domain": "package (default), psys (the whole board), core, uncore or dram"},
        window_s=0.5,
        marks=False,
    )

    def __init__(self, port: str | None, options: Options) -> None:
        super().__init__(port or _FOLDER, options)
        self.domain = options.choice("domain", _DOMAINS)
        self._counters: list[Path] = []
        self._ranges: list[int] = []

    def open(self) -> None:
        """See ``Meter.open``."""
        zones = sorted(Path(str(self.port)).glob("intel-rapl:*")) if Path(str(self.port)).is_dir() else []
        named = [(zone, _text(zone / "name")) for zone in zones]
        found = [zone for zone, name in named if name.split("-")[0] == self.domain]
        if not found:
            others = sorted({name.split("-")[0] for _, name in named if name})
            none = "measure on the machine itself, not in a virtual machine; load its driver: modprobe intel_rapl_msr"
            raise ToolkitError(
                f"this machine has no RAPL counter of {self.domain}",
                at=str(self.port),
                fix=f"use --meter-option domain={others[0]}" if others else none,
                exit_code=MISSING,
            )
        self._counters = [zone / "energy_uj" for zone in found]
        self._ranges = [int(_text(zone / "max_energy_range_uj") or 0) for zone in found]
        self._read()

    def close(self) -> None:
        """See ``Meter.close``."""
        self._counters = []

    def accuracy(self) -> Accuracy:
        """See ``Meter.accuracy``."""
        return Accuracy(0.0, 0.0, "Intel publishes none for RAPL", stated=False)

    def ask(self) -> tuple[float, ...]:
        """Return the counters in microjoules."""
        time.sleep(_POLL_S)
        return tuple(self._read())

    def trace(self, times_s: list[float], values: list[tuple[float, ...]]) -> Trace:
        """See ``PolledMeter.trace``. A counter that went back has wrapped around, once: it takes minutes."""
        steps = np.diff(np.array(values), axis=0)
        wrapped = steps < 0
        if (wrapped & (np.array(self._ranges) <= 0)).any():
            raise ToolkitError(
                "an energy counter went back, and its range is not known",
                at=str(self.port),
                fix="measure again; the driver should show max_energy_range_uj",
                exit_code=DEVICE,
            )
        steps = np.where(wrapped, steps + np.array(self._ranges), steps)
        edges = np.array(times_s)
        return Trace(edges, steps.sum(1) * 1e-6 / np.diff(edges), clock_s=1e-3)

    def _read(self) -> list[int]:
        values = []
        for counter in self._counters:
            try:
                values.append(int(counter.read_text()))
            except PermissionError as error:
                raise ToolkitError(
                    "only root may read this machine's energy counters",
                    at=str(counter),
                    fix="sudo chmod a+r /sys/class/powercap/*/energy_uj (until the next start); on shared machines "
                    "leave it: the counters let others guess secrets (CVE-2020-8694)",
                    exit_code=MISSING,
                ) from error
            except (OSError, ValueError) as error:
                raise ToolkitError(
                    f"cannot read an energy counter: {error}", at=str(counter), exit_code=DEVICE
                ) from error
        return values


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


METER = Rapl
