"""The real dfu-util against an STM32 that waits for DFU, which takes the place of its libusb."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.device import a_board
from toolkit.device.flashers.base import Job
from toolkit.device.flashers.dfu_util import FLASHER
from toolkit.errors import DEVICE, ToolkitError

CONTENT = random.Random(0).randbytes(40_000)

if not sys.platform.startswith("linux"):
    pytest.skip("puts a library into a program as Linux does", allow_module_level=True)


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The job, with a board plugged in."""
    library = tmp_path / "device.so"
    source = Path(__file__).with_name("dfu_device.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    text = a_board.TOML.replace("alt = 0\naddress = 0x0", "alt = 0\naddress = 0x0800_0000")
    board = a_board.make(tmp_path / "boards", text=text)
    file = tmp_path / "firm ware.bin"
    file.write_bytes(CONTENT)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("TEST_FLASH", str(tmp_path / "flash"))
    return a_board.job(board, "dfu-util", file, FLASHER.find(board, FLASHER.check(board), None))


def test_the_image_is_written_read_back_and_started(waiting: Job, tmp_path: Path) -> None:
    for _ in range(2):  # nothing is left that is in the way of a second time
        said: list[str] = []
        FLASHER.flash(waiting, 30, said.append)
        assert (tmp_path / "flash").read_bytes()[: len(CONTENT)] == CONTENT
        assert said[-1] == "the program runs"


@pytest.mark.parametrize(
    ("fault", "what"), [("worn-out", "not what was written"), ("broken", "the line to the board broke")]
)
def test_what_fails_is_said(
    fault: str, what: str, waiting: Job, monkeypatch: pytest.MonkeyPatch, one_attempt: None
) -> None:
    monkeypatch.setenv("TEST_FAULT", fault)
    with pytest.raises(ToolkitError, match=what) as error:
        FLASHER.flash(waiting, 30, lambda line: None)
    assert error.value.exit_code == DEVICE


def test_an_address_that_is_no_flash_is_said(waiting: Job, tmp_path: Path) -> None:
    settings = {**waiting.settings, "address": 0x2000_0000}
    wrong = Job(waiting.target, waiting.elf, waiting.file, settings, None)
    with pytest.raises(ToolkitError, match="does not take the image at its address"):
        FLASHER.flash(wrong, 30, lambda line: None)
