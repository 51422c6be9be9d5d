"""RAPL through a folder tree like Linux's, with counters that go up, wrap around and are forbidden."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from toolkit.errors import MISSING, ToolkitError
from toolkit.measure import meters
from toolkit.measure.meters.rapl import Rapl

RANGE = 1_000_000


def tree(folder: Path, **zones: str) -> Path:
    """Make zones like ``intel-rapl:0`` by name, with counters near their range."""
    for number, (name, value) in enumerate(zones.items()):
        zone = folder / f"intel-rapl:{number}"
        zone.mkdir()
        (zone / "name").write_text(name.replace("_", "-") + "\n")
        (zone / "energy_uj").write_text(value)
        (zone / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return folder


def test_packages_are_summed_and_wrapping_is_undone(tmp_path: Path) -> None:
    """Two packages of 4 W and 1 W; the first counter wraps around on the way."""
    folder, ended, began = (
        tree(tmp_path, package_0="0", package_1="0", dram="7"),
        threading.Event(),
        time.monotonic(),
    )

    def run() -> None:
        while not ended.wait(0.002):
            passed = time.monotonic() - began
            for zone, start, watts in (("0", RANGE - 500_000, 4), ("1", 0, 1)):
                new = folder / f"new{zone}"
                new.write_text(str(int(start + watts * passed * 1e6) % RANGE))
                os.replace(new, folder / f"intel-rapl:{zone}" / "energy_uj")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(0.05)
        with meters.make("rapl", str(folder)) as meter:
            meter.start()
            time.sleep(0.8)
            trace = meter.stop()
    finally:
        ended.set()
        thread.join()
    assert trace.mean_w(trace.edges_s[0], trace.edges_s[-1]) == pytest.approx(5.0, rel=0.15)
    assert (trace.power_w >= 0).all()
    assert not meter.accuracy().stated


def test_permission_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(tmp_path, package_0="1")
    if os.geteuid() == 0:  # root may read everything
        read = Path.read_text

        def forbidden(self: Path, *args: str, **more: str) -> str:
            if self.name == "energy_uj":
                raise PermissionError(13, "Permission denied")
            return read(self, *args, **more)

        monkeypatch.setattr(Path, "read_text", forbidden)
    else:
        (folder / "intel-rapl:0" / "energy_uj").chmod(0)
    with pytest.raises(ToolkitError, match="only root may read") as caught:
        meters.make("rapl", str(folder)).open()
    assert caught.value.exit_code == MISSING
    assert "chmod a+r" in caught.value.fix


def test_missing_counters_name_others(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="no RAPL counter of package") as caught:
        meters.make("rapl", str(tmp_path / "none")).open()
    assert "virtual machine" in caught.value.fix
    with pytest.raises(ToolkitError, match="no RAPL counter of psys") as caught:
        meters.make("rapl", str(tree(tmp_path, package_0="1")), {"domain": "psys"}).open()
    assert "domain=package" in caught.value.fix


def test_a_counter_that_breaks_is_an_error(tmp_path: Path) -> None:
    folder = tree(tmp_path, package_0="1")
    with meters.make("rapl", str(folder)) as meter:
        meter.start()
        time.sleep(0.05)
        (folder / "intel-rapl:0" / "energy_uj").write_text("garbage")
        time.sleep(0.1)
        with pytest.raises(ToolkitError, match="cannot read an energy counter"):
            meter.stop()
    assert isinstance(meter, Rapl)
