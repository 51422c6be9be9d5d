"""The real esptool and avrdude against boot loaders written here, which answer rightly, wrongly or not at all."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.device import a_board, toy
from tests.device.optiboot import Optiboot
from tests.device.rom_loader import RomLoader
from toolkit.device import flash, flashers
from toolkit.device.flashers.base import Job
from toolkit.device.ports import Device
from toolkit.errors import DEVICE, ToolkitError

if TYPE_CHECKING:
    from tests.conftest import Cli

CONTENT = random.Random(0).randbytes(20_000)
BOARDS: dict[str, type[RomLoader] | type[Optiboot]] = {"esptool": RomLoader, "avrdude": Optiboot}
VERIFIED = {"esptool": "Hash of data verified", "avrdude": "20000 bytes of flash verified"}
FAULTS = {
    ("esptool", "silent"): "no ESP32 answers",
    ("esptool", "noise"): "no ESP32 answers",
    ("esptool", "other chip"): "not the one",
    ("esptool", "bad md5"): "not what was written",
    ("esptool", "stalls"): "stopped answering",
    ("esptool", "cut"): "stopped answering",
    ("avrdude", "silent"): "no boot loader answers",
    ("avrdude", "noise"): "no boot loader answers",
    ("avrdude", "other chip"): "not the one",
    ("avrdude", "bad flash"): "not what was written",
    ("avrdude", "stalls"): "stopped answering",
    ("avrdude", "cut"): "went away",  # avrdude itself would never end
}


def job(folder: Path, tool: str, port: str) -> Job:
    board = a_board.make(folder / "boards")
    file = folder / "firm ware"
    if tool == "avrdude":
        file.write_text(a_board.intel_hex(CONTENT))
    else:
        file.write_bytes(CONTENT)
    return a_board.job(board, tool, file, Device("serial", port, ""))


@pytest.mark.parametrize("tool", BOARDS)
def test_the_image_lies_in_flash_and_was_read_back(tool: str, tmp_path: Path) -> None:
    said: list[str] = []
    with BOARDS[tool]() as board:
        flashers.get(tool).flash(job(tmp_path, tool, board.port), 60, said.append)
        assert bytes(board.flash[: len(CONTENT)]) == CONTENT
        assert board.flash[len(CONTENT) + 128] == 0xFF
    assert any(VERIFIED[tool] in line for line in said)


def test_every_fault_ends_in_time_with_what_to_do(tmp_path: Path, one_attempt: None) -> None:
    def flash(case: tuple[str, str]) -> ToolkitError:
        tool, fault = case
        with BOARDS[tool](fault) as board, pytest.raises(ToolkitError) as error:
            flashers.get(tool).flash(job(tmp_path / tool / fault, tool, board.port), 50, lambda line: None)
        return error.value

    with ThreadPoolExecutor(len(FAULTS)) as pool:  # the tools mostly wait
        errors = dict(zip(FAULTS, pool.map(flash, FAULTS), strict=True))
    for case, what in FAULTS.items():
        assert what in errors[case].what, case
        assert errors[case].exit_code == DEVICE, case
        assert errors[case].fix, case


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    with Optiboot("bad flash once") as board:
        flashers.get("avrdude").flash(job(tmp_path, "avrdude", board.port), 60, said.append)
        assert bytes(board.flash[: len(CONTENT)]) == CONTENT
    assert sum(line.startswith("$ ") for line in said) == 2
    assert any("verification mismatch" in line for line in said)


@pytest.mark.parametrize("tool", BOARDS)
def test_time_that_is_up_stops_the_tool(tool: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with BOARDS[tool]("silent") as board, pytest.raises(ToolkitError, match="does not end in time"):
        flashers.get(tool).flash(job(tmp_path, tool, board.port), 1.0, lambda line: None)
    assert time.monotonic() - began < 4


def test_toolkit_flash_builds_writes_and_asks_the_board_its_name(cli: Cli, tmp_path: Path) -> None:
    bundle = toy.make(tmp_path / "bundle", "esp32c3")
    with RomLoader() as board:
        done = cli("flash", bundle, "--port", board.port)
        assert done.code == 0, done.err
        content = (bundle / "build" / "zig-serial" / "firmware.bin").read_bytes()
        assert bytes(board.flash[: len(content)]) == content
        assert f"flashed {bundle}/build/zig-serial/firmware.bin to esp32c3 with esptool" in done.out
        assert f"the board on {board.port} answers: it is model" in done.out
        assert done.err.endswith(f"next: toolkit bench {bundle} --port {board.port}\n")
        board.fault = "silent"
        with pytest.raises(ToolkitError, match="written and verified, and nobody answers") as error:
            flash.ask_name(board.port, "model")
        assert error.value.exit_code == DEVICE
