"""A UF2 boot loader's drive, as a folder of this machine."""

from __future__ import annotations

import os
import shutil
import struct
import threading
import time
from pathlib import Path

import pytest

from tests.device import a_board
from toolkit.device import ports
from toolkit.device.flashers import uf2
from toolkit.device.flashers.base import Job
from toolkit.device.flashers.uf2 import FLASHER
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

BLOCKS = 300


@pytest.fixture
def board(tmp_path: Path) -> Target:
    return a_board.make(tmp_path / "boards")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """What a boot loader shows."""
    folder = tmp_path / "NRF DRIVE"
    folder.mkdir()
    info = "UF2 Bootloader 0.6\r\nModel: Nordic nRF52840 DK\r\nBoard-ID: nRF52840-pca10056-v1\r\n"
    (folder / "INFO_UF2.TXT").write_bytes(info.encode())
    return folder


def image(folder: Path, family: int = a_board.UF2_FAMILY) -> Path:
    file = folder / "firmware.uf2"
    with file.open("wb") as stream:
        for number in range(BLOCKS):
            head = (0x0A324655, 0x9E5D5157, 0x2000, 256 * number, 256, number, BLOCKS, family)
            stream.write(struct.pack("<8I", *head) + bytes(476) + struct.pack("<I", 0x0AB16F30))
    return file


def job(board: Target, file: Path, drive: Path) -> Job:
    return a_board.job(board, "uf2", file, Device("volume", str(drive), ""))


class BootLoader(threading.Thread):
    """Takes the drive away when a whole file, or ``after`` bytes of one, has come."""

    def __init__(self, drive: Path, after: int = BLOCKS * 512) -> None:
        super().__init__(daemon=True)
        self.drive, self.after, self.taken = drive, after, b""

    def run(self) -> None:
        file, end = self.drive / "firmware.uf2", time.monotonic() + 10
        while not file.exists() or file.stat().st_size < self.after:
            assert time.monotonic() < end
            time.sleep(0.005)
        self.taken = file.read_bytes()
        shutil.rmtree(self.drive)


def test_a_file_is_copied_and_the_board_starts(tmp_path: Path, board: Target, drive: Path) -> None:
    file, loader, said = image(tmp_path), BootLoader(drive), list[str]()
    loader.start()
    FLASHER.flash(job(board, file, drive), 30, said.append)
    loader.join()
    assert loader.taken == file.read_bytes()
    assert said == [f"$ cp {file} '{drive}/firmware.uf2'"]


def test_a_drive_that_stays_says_that_the_board_did_not_start(
    tmp_path: Path, board: Target, drive: Path
) -> None:
    with pytest.raises(ToolkitError, match="does not start it") as error:
        FLASHER.flash(job(board, image(tmp_path), drive), 0.3, lambda line: None)
    assert error.value.exit_code == DEVICE


def test_a_file_for_another_chip_is_not_copied(tmp_path: Path, board: Target, drive: Path) -> None:
    with pytest.raises(ToolkitError, match="family 0xe48bff56, not 0xada52840"):
        FLASHER.flash(job(board, image(tmp_path, 0xE48BFF56), drive), 5, lambda line: None)
    assert [file.name for file in drive.iterdir()] == ["INFO_UF2.TXT"]


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: b""])
def test_what_is_no_uf2_file_is_not_copied(spoil: object, tmp_path: Path, board: Target, drive: Path) -> None:
    file = image(tmp_path)
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ToolkitError, match="not a UF2 file"):
        uf2.check_family(file, board)


def test_a_full_drive_is_said(tmp_path: Path, board: Target, drive: Path) -> None:
    os.symlink("/dev/full", drive / "firmware.uf2")
    with pytest.raises(ToolkitError, match="is full") as error:
        FLASHER.flash(job(board, image(tmp_path), drive), 5, lambda line: None)
    assert error.value.exit_code == DEVICE


def test_a_drive_that_goes_away_in_the_middle_is_said(tmp_path: Path, board: Target, drive: Path) -> None:
    os.mkfifo(drive / "firmware.uf2")

    def unplug() -> None:
        with (drive / "firmware.uf2").open("rb") as stream:
            stream.read(1024)
        shutil.rmtree(drive)

    thread = threading.Thread(target=unplug)
    thread.start()
    with pytest.raises(ToolkitError, match=r"went away after [\d,]+ of 153,600 bytes") as error:
        FLASHER.flash(job(board, image(tmp_path), drive), 5, lambda line: None)
    thread.join()
    assert error.value.exit_code == DEVICE


def test_the_drive_is_found_where_drives_are_mounted(
    drive: Path, board: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other, stick = tmp_path / "RPI-RP2", tmp_path / "stick"
    for folder in (other, stick):
        folder.mkdir()
    (other / "INFO_UF2.TXT").write_text("Model: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    monkeypatch.setattr(ports, "mounted", lambda: [other, drive, stick])
    settings = FLASHER.check(board)
    assert [found.board for found in ports.volumes()] == ["RPI-RP2", "nRF52840-pca10056-v1"]
    assert FLASHER.find(board, settings, None).address == str(drive)
    assert FLASHER.find(board, settings, str(drive)).description == "Nordic nRF52840 DK"
    with pytest.raises(ToolkitError, match="drive of another board: RPI-RP2") as error:
        FLASHER.find(board, settings, str(other))
    assert error.value.exit_code == USAGE
    with pytest.raises(ToolkitError, match=r"no INFO_UF2\.TXT") as error:
        FLASHER.find(board, settings, str(stick))
    assert error.value.exit_code == MISSING
    shutil.copytree(drive, tmp_path / "second")
    monkeypatch.setattr(ports, "mounted", lambda: [drive, tmp_path / "second"])
    with pytest.raises(ToolkitError, match="2 UF2 volumes can be any-board") as error:
        FLASHER.find(board, settings, None)
    assert error.value.exit_code == USAGE
    assert f"--volume {tmp_path / 'second'}" in error.value.fix
