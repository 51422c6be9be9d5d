"""Which ports there are, which of them is the board, and why there are none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serial.tools import list_ports

from tests.device import a_board
from tests.device.pty_device import PtyDevice
from toolkit.device import no_ports, ports
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.errors import MISSING, USAGE, ToolkitError

if TYPE_CHECKING:
    from tests.conftest import Cli


@pytest.fixture
def board(tmp_path: Path) -> Target:
    return a_board.make(tmp_path / "boards")


def plug_in(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, int | None, int | None, str]) -> None:
    """Let pyserial find ports: name, vendor, product, description."""
    listed = [SimpleNamespace(device=d, vid=v, pid=p, description=text) for d, v, p, text in found]
    monkeypatch.setattr(list_ports, "comports", lambda: listed)


BUILT_IN = ("/dev/ttyS0", None, None, "n/a")
JLINK = ("/dev/ttyACM0", 0x1366, 0x1015, "J-Link - CDC")
SECOND = ("/dev/ttyACM1", 0x303A, 0x1001, "USB JTAG/serial debug unit")
ADAPTER = ("/dev/ttyUSB0", 0x0403, 0x6001, "FT232R USB UART")


def test_ports_on_usb_come_first_with_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, BUILT_IN, JLINK)
    assert ports.serial_ports() == [
        Device("serial", "/dev/ttyACM0", "J-Link - CDC", "1366:1015"),
        Device("serial", "/dev/ttyS0", "no USB device"),
    ]


def test_the_one_with_the_board_s_usb_id_is_taken(board: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, BUILT_IN, ADAPTER, JLINK)
    assert ports.choose("serial", board).address == "/dev/ttyACM0"
    assert ports.choose("serial", board, "/dev/ttyUSB0").address == "/dev/ttyUSB0"


def test_two_that_could_be_it_are_listed(board: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, JLINK, SECOND, ADAPTER)
    with pytest.raises(ToolkitError, match="2 serial ports can be any-board") as error:
        ports.choose("serial", board)
    assert error.value.exit_code == USAGE
    assert "--port /dev/ttyACM0  (J-Link - CDC)" in error.value.fix
    assert "/dev/ttyUSB0" not in error.value.fix


def test_a_port_of_something_else_is_never_taken_unasked(
    board: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, BUILT_IN, ADAPTER)
    with pytest.raises(ToolkitError, match="no serial port is known to be any-board") as error:
        ports.choose("serial", board)
    assert error.value.exit_code == MISSING
    assert "--port /dev/ttyUSB0  (FT232R USB UART)" in error.value.fix


def test_a_board_without_ids_takes_the_only_one_on_usb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = a_board.TOML.replace('[usb]\nids = ["1366:1015", "303a:1001"]', "")
    plug_in(monkeypatch, BUILT_IN, ADAPTER)
    assert ports.choose("serial", a_board.make(tmp_path, text=text)).address == "/dev/ttyUSB0"


@pytest.mark.parametrize(
    ("platform", "kind", "words"),
    [
        ("linux", "serial", "dmesg"),
        ("linux", "probe", "1366"),
        ("linux", "volume", "BOOTSEL"),
        ("darwin", "serial", "/dev/cu."),
        ("darwin", "volume", "/Volumes"),
        ("win32", "serial", "Device Manager"),
        ("win32", "probe", "USB drivers"),
    ],
)
def test_an_empty_list_is_explained(
    platform: str, kind: str, words: str, board: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(no_ports, "usb_ids", lambda: set[str]())
    said = no_ports.explain([kind], board.usb)
    assert words in said
    assert "only charges" in said


def test_a_board_that_is_plugged_in_and_has_no_driver_is_noticed(
    board: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, vendor, product in (("1-1", "1366", "1015"), ("1-2", "dead", "beef"), ("usb1", "1d6b", "0002")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "idVendor").write_text(f"{vendor}\n")
        (tmp_path / name / "idProduct").write_text(f"{product}\n")
    found = no_ports.usb_ids(tmp_path)
    assert found == {"1366:1015", "dead:beef", "1d6b:0002"}
    monkeypatch.setattr(no_ports, "usb_ids", lambda: found)
    monkeypatch.setattr(sys, "platform", "linux")
    said = no_ports.explain(["probe"], board.usb)
    assert said.startswith("the board is plugged in (USB 1366:1015)")
    assert 'ATTR{idVendor}=="1366"' in said
    assert "303a" not in said


def test_a_port_that_is_not_there_or_not_yours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolkitError, match="there is no serial port /dev/ttyNONE") as error:
        no_ports.check_access("/dev/ttyNONE")
    assert error.value.exit_code == MISSING
    no_ports.check_access("socket://127.0.0.1:1")
    file = tmp_path / "ttyACM0"
    file.touch()
    no_ports.check_access(str(file))
    monkeypatch.setattr(os, "access", lambda file, mode: False)
    with pytest.raises(ToolkitError, match="you may not use the serial port") as error:
        no_ports.check_access(str(file))
    assert error.value.exit_code == MISSING
    assert "chmod" in error.value.fix or "usermod -aG" in error.value.fix


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_a_drive_may_say_anything(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "INFO_UF2.TXT").write_bytes(b"Model: A\nBoard-ID: B-1\r\n" + content)
    found = ports.volume(tmp_path)
    assert found is not None
    assert found.address == str(tmp_path)
    assert "\n" not in found.description + found.board


def test_mounted_folders_are_read_with_their_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/me/NRF\\040DRIVE vfat rw 0 0\nx\n"
    monkeypatch.setattr(Path, "read_text", lambda self, *_: mounts)
    monkeypatch.setattr(sys, "platform", "linux")
    assert ports.mounted() == [Path("/media/me/NRF DRIVE")]


def test_toolkit_ports_says_that_nothing_is_plugged_in(cli: Cli) -> None:
    done = cli("ports", "--json")
    document = json.loads(done.out)
    if done.code == 0:  # somebody develops with a board on their desk
        assert document["devices"]
        return
    assert done.code == MISSING
    assert all(device["kind"] == "serial" and not device["usb_id"] for device in document["devices"])
    assert "fix: use a USB cable that carries data" in done.err


def test_a_device_of_the_tests_is_a_port() -> None:
    with PtyDevice() as device:
        no_ports.check_access(device.port)
