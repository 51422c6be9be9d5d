"""Every tool's exact command, for every board; what is missing is said; nothing hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.device import a_board, toy
from toolkit.device import flash, flashers, targets
from toolkit.device.flashers.base import Flasher, Job
from toolkit.device.ports import Device
from toolkit.device.serial_link import SerialLink
from toolkit.device.targets import Target
from toolkit.errors import MISSING, USAGE, ToolkitError

if TYPE_CHECKING:
    from tests.conftest import Cli

ADDRESS = {"serial": "/dev/ttyACM7", "probe": "0123", "volume": "/media/drive"}
BOARDS = [target for target in map(targets.load, targets.names()) if target.flashers and target.image]


def plan(target: Target, tool: Flasher, tmp_path: Path) -> tuple[Job, list[list[str]]]:
    """Return what ``tool`` would run to flash ``target``."""
    file = tmp_path / f"firmware.{tool.formats[0]}"
    file.write_bytes(b"something")
    device = Device(tool.kind, ADDRESS[tool.kind], "") if tool.kind else None
    job = Job(target, file, file, tool.check(target), device)
    return job, tool.commands(job)


@pytest.fixture(autouse=True)
def one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared after writing is one file; the files here are no ELF."""
    monkeypatch.setattr(Job, "pieces", lambda job: [(0x8000, Path("a part"))])


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("TOOLKIT_TARGETS", str(tmp_path / "boards"))
    return a_board.make(tmp_path / "boards")


def commands(board: Target, name: str, tmp_path: Path) -> list[str]:
    program = flashers.get(name).called()
    found = []
    for command in plan(board, flashers.get(name), tmp_path)[1]:
        assert command[: len(program)] == program
        found.append(" ".join(command[len(program) :]).replace(str(tmp_path), "DIR"))
    return found


def test_each_tool_gets_the_command_that_its_manual_asks_for(board: Target, tmp_path: Path) -> None:
    target = "--no-config --no-wait --target nrf52840 --uid 0123"
    assert {name: commands(board, name, tmp_path) for name in flashers.names() if name != "emulator"} == {
        "pyocd": [
            f"load {target} --no-reset DIR/firmware.hex",
            f"commander {target} --connect halt -c compare 0x8000 a\\\\\\ part -c reset",
        ],
        "esptool": [
            "--chip esp32c3 --port /dev/ttyACM7 --baud 460800 write-flash 0x0 DIR/firmware.bin",
        ],
        "uf2": ["DIR/firmware.uf2 /media/drive/firmware.uf2"],
        "openocd": [
            "-c gdb_port disabled; telnet_port disabled; tcl_port disabled -f interface/cmsis-dap.cfg "
            "-f target/nrf52.cfg -c program {DIR/firmware.elf} verify reset exit",
        ],
        "st-flash": ["--reset --format ihex write DIR/firmware.hex"],
        "avrdude": [
            "-p atmega328p -c arduino -P /dev/ttyACM7 -b 115200 -D -x attempts=3 -U flash:w:DIR/firmware.hex:i"
        ],
        "dfu-util": [
            "-a 0 -s 0x0 -D DIR/firmware.bin",
            "-a 0 -s 0x0:9:leave -U DIR/firmware.read-back",
        ],
        "picotool": ["load -v -x DIR/firmware.uf2"],
    }


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_every_board_has_what_its_tools_want(target: Target, tmp_path: Path) -> None:
    for name in target.flashers:
        tool = flashers.get(name)
        job, planned = plan(target, tool, tmp_path)
        assert any(str(job.file) in part for command in planned for part in command), name
        formats = ("elf", *(target.image.formats if target.image else ()))
        assert set(tool.formats) & set(formats), f"{name} wants one of {tool.formats}"


def test_the_tools_know_every_board(tmp_path: Path) -> None:
    from esptool.targets import CHIP_DEFS

    asked: dict[str, list[dict[str, Any]]] = {}
    for target in [a_board.make(tmp_path), *BOARDS]:
        for name in target.flashers:
            asked.setdefault(name, []).append(flashers.get(name).check(target))
    assert {keys["chip"] for keys in asked["esptool"]} <= set(CHIP_DEFS)
    said = subprocess.run(["avrdude", "-p", "?"], capture_output=True, text=True).stderr.lower()
    names = {name.strip() for line in said.splitlines() for name in line.split("=")}
    assert {keys["part"] for keys in asked["avrdude"]} <= names
    known = subprocess.run(
        [*flashers.get("pyocd").called(), "json", "--targets"], capture_output=True, timeout=60
    )
    parts = {part["name"] for part in json.loads(known.stdout)["targets"]}
    in_packs = ("stm32", "atsamd")  # their makers' packs are no part of pyOCD
    assert {keys["target"] for keys in asked["pyocd"] if not keys["target"].startswith(in_packs)} <= parts


def test_openocd_reads_its_files_of_every_board(tmp_path: Path) -> None:
    tool = flashers.get("openocd")
    for target in [a_board.make(tmp_path), *BOARDS]:
        if tool.name not in target.flashers:
            continue
        command = tool.presence(tool.check(target), None)
        assert command is not None
        assert command[-4:] == ["-c", "init", "-c", "shutdown"]
        done = subprocess.run([*command[:-4], "-c", "shutdown"], capture_output=True, text=True, timeout=20)
        if done.returncode and "rp2350.cfg" not in done.stderr:  # which came after 0.12
            known = tool.known(
                done.stderr, done.returncode
            )  # some boards' files look for the probe themselves
            assert known, done.stderr
            assert known.what == "OpenOCD finds no debug probe", target.name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("esptool", "no serial port is plugged in"),
        ("uf2", "no UF2 volume is plugged in"),
        ("openocd", "OpenOCD finds no debug probe"),
        ("st-flash", "st-flash finds no ST-LINK"),
        ("avrdude", "no serial port is plugged in"),
        ("dfu-util", "no board waits for DFU"),
    ],
)
def test_nothing_plugged_in_is_said_at_once(
    name: str, what: str, board: Target, nothing_plugged_in: None
) -> None:
    tool = flashers.get(name)
    with pytest.raises(ToolkitError, match=what) as error:
        tool.find(board, tool.check(board), None)
    assert error.value.exit_code == MISSING
    assert error.value.fix


def test_a_missing_tool_is_named_with_the_line_that_brings_it(board: Target, no_programs: None) -> None:
    for name in ("openocd", "st-flash", "avrdude", "dfu-util", "picotool"):
        with pytest.raises(ToolkitError, match=f"{name} is not installed") as error:
            flashers.choose(board, name)
        assert error.value.exit_code == MISSING
        assert "install" in error.value.fix or "https://" in error.value.fix


def test_the_first_tool_that_is_installed_is_taken(board: Target, no_programs: None) -> None:
    assert flashers.choose(board).name == "pyocd"
    without = [name for name in board.flashers if name in ("openocd", "st-flash", "emulator")]
    fewer = targets.Target(**{**vars(board), "flashers": {name: board.flashers[name] for name in without}})
    assert flashers.choose(fewer).name == "emulator"
    none = targets.Target(**{**vars(board), "flashers": {"st-flash": {}, "openocd": {}}})
    with pytest.raises(ToolkitError, match="nothing that flashes any-board is installed") as error:
        flashers.choose(none)
    assert "st-flash: " in error.value.fix
    assert flashers.choose(none, installed=False).name == "st-flash"


@pytest.mark.parametrize(
    ("name", "said", "what"),
    [  # what these tools say with a board, which is not here; from their sources and manuals
        ("picotool", "No accessible RP-series devices in BOOTSEL mode were found.", "no Pico waits"),
        ("picotool", "No accessible RP2040 devices in BOOTSEL mode were found.", "no Pico waits"),
        (
            "picotool",
            "No accessible RP2040 devices in BOOTSEL mode were found, but:\nDevice at bus 1, address 7 appears to be "
            "a RP2040 device in BOOTSEL mode, but picotool was unable to connect. Maybe try 'sudo'.",
            "you may not use the Pico",
        ),
        ("st-flash", "WARN usb.c: Couldn't find any ST-Link devices", "finds no ST-LINK"),
        ("st-flash", "ERROR common.c: Verification of flash failed at offset: 4096", "not what was written"),
        ("st-flash", "ERROR common.c: Soft reset failed: timeout", "no answer from the chip"),
        (
            "st-flash",
            "ERROR common_flash.c: Flash programming error: 0x00000010",
            "does not take the program",
        ),
        (
            "openocd",
            "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS",
            "you may not use the debug probe",
        ),
        ("openocd", "Error: Error connecting DP: cannot read IDR", "no answer from the chip"),
        ("openocd", "Error: stm32x device protected", "is protected"),
        (
            "esptool",
            "Wrong boot mode detected (0x13)! The chip needs to be in download mode.",
            "runs its program",
        ),
        ("esptool", "Could not open /dev/ttyUSB0, the port is busy or doesn't exist.", "cannot be opened"),
        (
            "pyocd",
            "Error: no probe with unique ID 'ABC'; No available debug probes are connected",
            "is not there",
        ),
    ],
)
def test_what_tools_say_of_boards_is_understood(name: str, said: str, what: str) -> None:
    known = flashers.get(name).known(said, 1)
    assert known is not None
    assert what in known.what


@pytest.mark.parametrize(
    ("name", "keys", "what"),
    [
        ("pyocd", {}, "flashers.pyocd.target is missing"),
        ("pyocd", {"target": "x", "chip": "y"}, "flashers.pyocd.chip is not a key"),
        ("esptool", {"chip": 3}, "must be a string"),
        ("openocd", {"config": []}, "is empty"),
        ("avrdude", {"part": "m328p", "programmer": "arduino"}, "flashers.avrdude.baud is missing"),
        ("dfu-util", {"alt": 0, "address": -1}, "is -1"),
        ("emulator", {"emulator": "vmware"}, "is 'vmware'"),
        ("picotool", {"volume": "x"}, "not a key"),
    ],
)
def test_wrong_keys_are_said(name: str, keys: dict[str, object], what: str, board: Target) -> None:
    wrong = targets.Target(**{**vars(board), "flashers": {name: keys}})
    with pytest.raises(ToolkitError, match=what) as error:
        flashers.get(name).check(wrong)
    assert "target.toml" in error.value.at


def test_a_name_that_is_no_tool_and_a_target_that_is_no_board(board: Target) -> None:
    with pytest.raises(ToolkitError, match="cannot be flashed with 'openocdd'") as error:
        flashers.choose(board, "openocdd")
    assert error.value.fix == "did you mean openocd?"
    with pytest.raises(ToolkitError, match="host is no board that can be flashed") as error:
        flashers.choose(targets.load("host"))
    assert error.value.exit_code == USAGE


def test_every_module_is_a_tool_that_targets_may_name(board: Target) -> None:
    assert set(flashers.names()) == set(board.flashers)
    for name in flashers.names():
        assert flashers.get(name).name == name


def test_toolkit_flash_says_in_time_that_nothing_is_plugged_in(
    cli: Cli, board: Target, tmp_path: Path
) -> None:
    bundle = toy.make(tmp_path / "bundle", board.name)
    before = os.times()
    done = cli(
        "flash", str(bundle), "--json", TOOLKIT_TARGETS=str(board.folder.parent)
    )  # by pyOCD, which takes longest to look
    after = os.times()
    # what it works, not what a busy machine makes it wait
    assert after.children_user + after.children_system - before.children_user - before.children_system < 3
    assert done.code == MISSING
    assert json.loads(done.out)["error"]["what"] == "no debug probe is plugged in"
    assert not (bundle / "build").exists()


def test_a_dry_run_prints_the_command_and_touches_nothing(
    cli: Cli, board: Target, tmp_path: Path, nothing_plugged_in: None
) -> None:
    bundle = toy.make(tmp_path / "bundle", board.name)
    done = cli(
        "flash",
        str(bundle),
        "--dry-run",
        "--flasher",
        "st-flash",
        TOOLKIT_PROBE="ABC",
        TOOLKIT_TARGETS=str(board.folder.parent),
    )
    assert done.code == 0, done.err
    hex_file = next((bundle / "build").glob("*/firmware.hex"))
    assert done.out.endswith(f"st-flash --serial ABC --reset --format ihex write {hex_file}\n")


def test_an_emulated_board_is_flashed_stays_up_and_is_replaced(
    cli: Cli, board: Target, tmp_path: Path
) -> None:
    bundle = toy.make(tmp_path / "bundle", board.name)
    try:
        first = cli(
            "flash", str(bundle), "--flasher", "emulator", "--json", TOOLKIT_TARGETS=str(board.folder.parent)
        )
        assert first.code == 0, first.err
        done = json.loads(first.out)
        assert done["name"] == "model"
        assert done["written"]
        assert flash.ask_name(done["port"], "model") == "model"
        with SerialLink(done["port"]) as link:
            assert "m-emulated-[1]" in link.ask("stats")
        second = flash.flash(bundle, flasher="emulator")
        assert second.port != done["port"]
        with pytest.raises(ToolkitError, match="nobody answers"):
            flash.ask_name(done["port"], "model")
        assert second.port
        with pytest.raises(ToolkitError, match="runs 'model', not 'other'"):
            flash.ask_name(second.port, "other")
        assert flash.ask_name(second.port, "model") == "model"
    finally:
        (record,) = (bundle / "build").glob("*.json")
        stop = json.loads(record.read_text())
        subprocess.run(["kill", str(stop["pid"])], check=True)
    end = time.monotonic() + 10
    while record.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_emulated_board_that_does_not_start_says_why(board: Target, tmp_path: Path) -> None:
    file = tmp_path / "bundle" / "build" / "firmware.elf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no ELF")
    with pytest.raises(ToolkitError, match="does not start") as error:
        flashers.get("emulator").flash(a_board.job(board, "emulator", file, None), 20, lambda line: None)
    assert "is not a valid ELF file" in error.value.at
    assert f"{sys.executable} -m toolkit.device.board_process" in error.value.fix
