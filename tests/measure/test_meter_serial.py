"""What all meters at a serial port do alike, each against its emulated board at the other end of a pty."""

from __future__ import annotations

import time

import pytest

from tests.device.known_load import KnownLoad
from tests.device.lpm01a_board import Lpm01aBoard
from tests.device.ppk2_board import Ppk2Board
from tests.measure.serial_meters import measured
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError
from toolkit.measure import meters

BOARDS: dict[str, type[Lpm01aBoard | Ppk2Board]] = {"lpm01a": Lpm01aBoard, "ppk2": Ppk2Board}


@pytest.mark.parametrize(
    ("name", "fault", "said", "code"),
    [
        ("lpm01a", "silent", "answers nothing to `htc`", MISSING),
        ("lpm01a", "garbage", "lines that mean nothing", DEVICE),
        ("ppk2", "silent", "no PPK2 answers: nothing came", MISSING),
        ("ppk2", "uncalibrated", "no sensible R0 to R4", DEVICE),
        ("ppk2", "garbage", "breaks in", DEVICE),
        ("ppk2", "mute", "sent no samples", DEVICE),
    ],
)
def test_what_fails_is_said(name: str, fault: str, said: str, code: int) -> None:
    load = KnownLoad(1e-3, 2e-3, voltage=3.0)
    with BOARDS[name](load, faults=(fault,)) as board, pytest.raises(ToolkitError, match=said) as caught:
        measured(name, board, load)
    assert caught.value.exit_code == code
    assert caught.value.fix


@pytest.mark.parametrize("name", BOARDS)
def test_unplugged_is_no_hang(name: str) -> None:
    began = time.monotonic()
    with BOARDS[name](KnownLoad(1e-3, 2e-3)) as board, meters.make(name, board.port) as meter:
        meter.start()
        time.sleep(0.05)
        board.unplug()
        with pytest.raises(ToolkitError, match=f"line to the {name.upper()} broke") as caught:
            meter.stop()
    assert caught.value.exit_code == DEVICE
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", BOARDS)
def test_without_a_port_it_asks_for_one(name: str) -> None:
    with pytest.raises(ToolkitError, match="serial port") as caught, meters.make(name):
        pass
    assert "toolkit ports" in caught.value.fix
    with pytest.raises(ToolkitError, match="cannot open") as caught, meters.make(name, "/dev/no-such"):
        pass
    assert caught.value.exit_code == MISSING
    assert "toolkit ports" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("lpm01a", {"rate": "30"}, "takes no 30 samples"),
        ("lpm01a", {"rate": "20k"}, "sums up energy at most"),
        ("lpm01a", {"voltage": "5"}, "lies outside 1.8 to 3.3"),
        ("lpm01a", {"volt": "3"}, "has no option 'volt'"),
        ("lpm01a", {"rate": "fast"}, "is no number"),
        ("ppk2", {"mode": "ampere"}, "needs to know voltage"),
        ("ppk2", {"pin": "D8"}, "is none of"),
        ("ppk2", {"voltage": "0.5"}, "outside"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(ToolkitError, match=said) as caught:
        meters.make(name, "/dev/null", options)
    assert caught.value.exit_code == USAGE
