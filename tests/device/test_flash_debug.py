"""The real pyOCD and OpenOCD, with their own flash algorithms, against an nRF52840 that is written here."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.device import a_board
from tests.device.jtag import JtagCable
from tests.device.nrf52 import Nrf52
from toolkit.device import flashers
from toolkit.device.flashers.base import Job
from toolkit.device.flashers.pyocd import FLASHER as PYOCD
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

CONTENT = (
    (0x2000_1000).to_bytes(4, "little") + (0x101).to_bytes(4, "little") + random.Random(0).randbytes(6000)
)
# The chip of target/nrf52.cfg behind a cable, for which OpenOCD 0.12 speaks JTAG only.
CABLE = """
adapter driver remote_bitbang
remote_bitbang host 127.0.0.1
remote_bitbang port {port}
transport select jtag
jtag newtap nrf52 cpu -irlen 4 -expected-id 0x2ba01477
dap create nrf52.dap -chain-position nrf52.cpu
target create nrf52.cpu cortex_m -dap nrf52.dap
nrf52.cpu configure -work-area-phys 0x20000000 -work-area-size 0x4000 -work-area-backup 0
cortex_m reset_config sysresetreq
flash bank nrf52.flash nrf5 0x00000000 0 1 1 nrf52.cpu
"""
PYOCD_FAULTS = {
    "worn-out": ("not what was written", DEVICE),
    "dead": ("gets no answer from the chip", DEVICE),
    "cut": ("the line to the probe cut broke", DEVICE),
    "not-yours": ("you may not use the debug probe", MISSING),
}
PROBES = ["good", *PYOCD_FAULTS]
OPENOCD_FAULTS = {
    "worn-out": "not what was written",
    "dead": "gets no answer",
    "cut": "the line to the debug probe broke",
}


@pytest.fixture
def plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyOCD sees the probe of ``pyocd_probe.py``, by an entry point as any package may have."""
    package = tmp_path / "plug-in" / "test_probe-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: test-probe\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[pyocd.probe]\ntest = tests.device.pyocd_probe:TestProbePlugin\n"
    )
    checkout = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(checkout), str(package.parent)]))
    monkeypatch.setenv("TEST_PROBES", ",".join(PROBES))
    monkeypatch.setenv("TEST_FLASH", str(tmp_path))


def job(folder: Path, tool: str, board: Target, device: Device | None = None) -> Job:
    folder.mkdir(exist_ok=True)
    elf = folder / "firm ware.elf"
    elf.write_bytes(a_board.elf(CONTENT))
    file = folder / "firm ware.hex"
    file.write_text(a_board.intel_hex(CONTENT))
    return a_board.job(board, tool, file if tool == "pyocd" else elf, device, elf)


@contextmanager
def cable(folder: Path, chip: Nrf52) -> Iterator[Job]:
    """Yield the job that OpenOCD flashes ``chip`` through a cable, which breaks early for the fault ``cut``."""
    with JtagCable(chip, 500 if chip.fault == "cut" else None) as plugged:
        folder.mkdir()
        config = folder / "cable.cfg"
        config.write_text(CABLE.format(port=plugged.port))
        text = a_board.TOML.replace('["interface/cmsis-dap.cfg", "target/nrf52.cfg"]', f'["{config}"]')
        yield job(folder, "openocd", a_board.make(folder / "boards", text=text))


def test_pyocd_writes_compares_and_starts_the_program(tmp_path: Path, plugged_in: None) -> None:
    board, said = a_board.make(tmp_path / "boards"), list[str]()
    PYOCD.flash(job(tmp_path, "pyocd", board, Device("probe", "good", "")), 60, said.append)
    assert (tmp_path / "good").read_bytes()[: len(CONTENT)] == CONTENT
    assert f"All {len(CONTENT)} bytes match." in said


def test_what_pyocd_fails_of_is_said(tmp_path: Path, plugged_in: None, one_attempt: None) -> None:
    board = a_board.make(tmp_path / "boards")
    other = a_board.make(tmp_path / "more", text=a_board.TOML.replace('"nrf52840"', '"stm32f411re"', 1))

    def flash(fault: str) -> ToolkitError:
        wanted = job(tmp_path / f"{fault} files", "pyocd", board, Device("probe", fault, ""))
        if fault == "good":
            wanted = job(tmp_path / "other", "pyocd", other, Device("probe", fault, ""))
        with pytest.raises(ToolkitError) as error:
            PYOCD.flash(wanted, 60, lambda line: None)
        return error.value

    with ThreadPoolExecutor() as pool:
        errors = dict(zip(PROBES, pool.map(flash, PROBES), strict=True))
    for fault, (what, code) in PYOCD_FAULTS.items():
        assert what in errors[fault].what, errors[fault]
        assert errors[fault].exit_code == code
    assert "udev" in errors["not-yours"].fix
    assert errors["good"].what == "pyOCD does not know stm32f411re yet"
    assert errors["good"].fix == "install its pack: pyocd pack install stm32f411re"


def test_one_probe_is_taken_and_of_several_the_user_chooses(
    tmp_path: Path, plugged_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = a_board.make(tmp_path / "boards")
    with pytest.raises(ToolkitError, match="5 debug probes can be any-board") as error:
        PYOCD.find(board, PYOCD.check(board), None)
    assert error.value.exit_code == USAGE
    assert "--probe dead  (Somebody Test Probe)" in error.value.fix
    monkeypatch.setenv("TEST_PROBES", "another-board,good")
    assert PYOCD.find(board, PYOCD.check(board), None) == Device("probe", "good", "Somebody Test Probe")
    monkeypatch.setenv("TEST_PROBES", "another-board")
    with pytest.raises(ToolkitError, match="no debug probe is known to be any-board") as error:
        PYOCD.find(board, PYOCD.check(board), None)
    assert error.value.exit_code == MISSING
    assert "--probe another-board  (micro:bit)" in error.value.fix


def test_openocd_writes_verifies_and_starts_the_program(tmp_path: Path) -> None:
    chip, tool = Nrf52(), flashers.get("openocd")
    with cable(tmp_path / "here", chip) as wanted:
        assert tool.find(wanted.target, wanted.settings, None) is None
        tool.flash(wanted, 60, lambda line: None)
    assert bytes(chip.flash[: len(CONTENT)]) == CONTENT
    assert chip.resets >= 2


def test_what_openocd_fails_of_is_said(tmp_path: Path, one_attempt: None) -> None:
    def flash(fault: str) -> ToolkitError:
        with cable(tmp_path / fault, Nrf52(fault)) as wanted, pytest.raises(ToolkitError) as error:
            flashers.get("openocd").flash(wanted, 60, lambda line: None)
        return error.value

    with ThreadPoolExecutor() as pool:
        errors = dict(zip(OPENOCD_FAULTS, pool.map(flash, OPENOCD_FAULTS), strict=True))
    for fault, what in OPENOCD_FAULTS.items():
        assert what in errors[fault].what, errors[fault]
        assert errors[fault].exit_code == DEVICE
