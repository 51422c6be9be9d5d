"""Targets as data: what ships is sound, and what is wrong is said with file and key."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit import paths
from toolkit.device import targets
from toolkit.errors import USAGE, ToolkitError

HOSTED = {"rpi", "rpi-zero", "linux-x86", "ios"}
FAMILIES = {
    "host", "cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-m4", "cortex-m7", "cortex-m55", "rv32imc",
    "avr", "esp32s3", *HOSTED,
}  # fmt: skip
PHONES = {"android", "jetson"}  # families' boards that have a system of their own
BOARDS = {
    "arduino-uno", "esp32c3", "lm3s6965evb", "microbit", "microbit-v2", "mps2-an385", "mps2-an386", "mps2-an500",
    "mps3-an547", "mps3-an547-u55", "nano33-ble", "nrf52840-dk", "nucleo-f411re", "nucleo-h743zi", "nucleo-l4r5zi",
    "nucleo-u575zi", "pico", "pico2", "samd21", "sifive-e", "stm32f4-discovery", "stm32vldiscovery", "teensy41",
    *PHONES,
}  # fmt: skip
M4_TOML = (paths.targets_dir() / "cortex-m4" / "target.toml").read_text(encoding="utf-8")
BOARD_TOML = (paths.targets_dir() / "stm32f4-discovery" / "target.toml").read_text(encoding="utf-8")


def read(folder: Path, text: str | bytes) -> targets.Target:
    folder.mkdir(exist_ok=True)
    (folder / "target.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return targets.read(folder, targets.folders())


def test_all_targets_are_there() -> None:
    assert set(targets.names()) == FAMILIES | BOARDS


@pytest.mark.parametrize("name", sorted(FAMILIES | BOARDS))
def test_every_target_is_sound(name: str) -> None:
    target = targets.load(name)
    assert target.name == name
    assert target.description
    assert (target.family == name) == (name in FAMILIES)
    assert target.bare_metal == (name not in {"host", *HOSTED, *PHONES})
    assert ("c" in target.runtimes) == (name in HOSTED | PHONES | {"mps3-an547-u55"})
    assert ("zig" in target.compilers) == (target.arch not in ("avr", "xtensa"))
    assert (target.kernels == "armv7em") == (target.arch in ("armv7e-m", "armv8-m.main"))
    if target.bare_metal:
        flash, ram = target.regions()
        assert target.clock_hz
        assert target.stack_bytes < ram.bytes
        assert flash.end <= ram.origin or ram.end <= flash.origin


def test_a_board_takes_from_its_family_what_it_does_not_say() -> None:
    board, family = targets.load("stm32f4-discovery"), targets.load("cortex-m4")
    assert board.cycles == family.cycles
    assert board.compilers == family.compilers
    assert board.clock_hz != family.clock_hz
    assert board.flash == targets.Region(0x0800_0000, 1 << 20)
    assert board.energy
    assert not family.energy


def test_how_a_board_is_found_and_flashed(tmp_path: Path) -> None:
    board = read(
        tmp_path / "mine",
        BOARD_TOML.split("[image]")[0]
        + """
[image]
formats = ["uf2", "elf"]
uf2_family = 0xe48bff56
[usb]
ids = ["2e8a:000a"]
[flashers.uf2]
volume = "RPI-RP2"
[flashers.openocd]
config = ["interface/cmsis-dap.cfg", "target/rp2040.cfg"]
""",
    )
    assert board.image == targets.ImageConfig(("uf2", "elf"), 0xE48B_FF56)
    assert board.usb == ("2e8a:000a",)
    assert list(board.flashers) == ["uf2", "openocd"]
    assert board.flashers["uf2"] == {"volume": "RPI-RP2"}
    assert board.flashers["openocd"]["config"][1] == "target/rp2040.cfg"


def test_an_unknown_target_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(ToolkitError) as caught:
        targets.load("stm32f4-discovry")
    assert caught.value.exit_code == USAGE
    assert "did you mean stm32f4-discovery?" in caught.value.fix
    assert all(name in caught.value.fix for name in BOARDS)


def test_a_folder_of_ones_own_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "target.toml").write_text(
        BOARD_TOML.replace("168_000_000", "84_000_000"), encoding="utf-8"
    )
    monkeypatch.setenv("TOOLKIT_TARGETS", os.pathsep.join([str(tmp_path)]))
    assert "mine" in targets.names()
    assert targets.load("mine").clock_hz == 84_000_000
    assert targets.load("mine").family == "cortex-m4"


def test_a_missing_folder_of_targets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_TARGETS", str(tmp_path / "nowhere"))
    with pytest.raises(ToolkitError, match="nowhere"):
        targets.names()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("kernels", "kernals"), "kernels is missing"),
        (('kernels = "armv7em"', 'kernels = "armv7em"\nbord = 1'), "bord is not a key"),
        (('kernels = "armv7em"', 'kernels = "mmx"'), "kernels is 'mmx'"),
        (("clock_hz = 100_000_000", 'clock_hz = "fast"'), "clock_hz must be an integer"),
        (("clock_hz = 100_000_000", "clock_hz = true"), "clock_hz must be an integer"),
        (("clock_hz = 100_000_000", "clock_hz = 0"), "clock_hz is 0, outside"),
        (("stack_bytes = 4096", "stack_bytes = 99999999999"), "stack_bytes is 99999999999, outside"),
        (("origin = 0x2000_0000", "origin = 0x0010_0000"), "memory has flash and ram that overlap"),
        (("origin = 0x2000_0000", "origin = 0x2000_0002"), "memory.ram.origin is 0x20000002, not a multiple"),
        (("bytes = 0x40_0000", "bytes = -1"), "memory.flash.bytes is -1, outside"),
        (("[memory.ram]", "[memory.rum]"), "memory.ram is missing"),
        (('cpu = "cortex-m4"', "cpu = 4"), "emulators.unicorn.cpu must be a string"),
        (("[emulators.qemu]", "[emulators.kemu]"), "emulators.kemu is not an emulator"),
        (('startup = "cortex_m"\n', ""), "startup is missing"),
        (('["arm-none-eabi-gcc"]', "[]"), "compilers.gcc.command is empty"),
        (('["arm-none-eabi-gcc"]', "[1]"), "compilers.gcc.command must hold strings"),
        (("alu = 1", "alu = 1.5"), "cycles.alu must be an integer"),
        (("alu = 1", "ally = 1"), "cycles.alu is missing"),
        (("[cycles]", "[boot]\nheader = 'grub'\n[cycles]"), "boot.header is 'grub'"),
        (
            ("[cycles]", "[boot]\nheader = 'rp2040'\norigin = 64\nbytes = 256\n[cycles]"),
            "boot.bytes is 0x100",
        ),
        (("[cycles]", "[serial]\ndriver = 'stm32'\naddress = 4\n[cycles]"), "serial.timer is missing"),
        (("[cycles]", "[serial]\ndriver = 'rs232'\n[cycles]"), "serial.driver is 'rs232'"),
        (
            (
                "[cycles]",
                "[serial]\ndriver = 'pl011'\naddress = 4\ntimer = 'systick'\nsettings = {A = 1}\n[cycles]",
            ),
            "serial.settings.A is no name",
        ),
        (("clock_hz =", "setup = ['0x4 = 1']\nclock_hz ="), "setup has '0x4 = 1': not a step"),
        (("clock_hz =", "setup = ['0x2 = 0x1']\nclock_hz ="), "not an address of 32 bits"),
        (("clock_hz =", "setup = ['0x4[0x1] = 0x2']\nclock_hz ="), "the value has bits outside the mask"),
        (("clock_hz =", "setup = ['byte 0x4[0x100] = 0x0']\nclock_hz ="), "the mask is too wide"),
        (("clock_hz =", "setup = ['wait 0x4 = 0x2']\nclock_hz ="), "a wait needs the mask"),
        (
            ("[cycles]", "[mark]\npin = 'P'\nhigh = '0x4 = 0x1'\nlow = '4'\n[cycles]"),
            "mark.low has '4': not a step",
        ),
        (
            ("[cycles]", "[mark]\npin = 'P'\nhigh = 'wait 0x4[0x1] = 0x1'\nlow = '0x4 = 0x0'\n[cycles]"),
            "mark.high waits",
        ),
        (("[cycles]", "[mark]\nhigh = '0x4 = 0x1'\nlow = '0x4 = 0x0'\n[cycles]"), "mark.pin is missing"),
        (("[cycles]", "[image]\nformats = []\n[cycles]"), "image.formats is empty"),
        (("[cycles]", "[image]\nformats = ['exe']\n[cycles]"), "image.formats has 'exe'"),
        (("[cycles]", "[image]\nformats = ['uf2']\n[cycles]"), "image.uf2_family is missing"),
        (
            ("[cycles]", "[image]\nformats = ['bin']\nuf2_family = 1\n[cycles]"),
            "image.uf2_family is not a key",
        ),
        (("[cycles]", "[usb]\nids = ['2E8A:000a']\n[cycles]"), "usb.ids has '2E8A:000a'"),
        (("[cycles]", "[flashers.hammer]\n[cycles]"), "flashers.hammer is no tool that flashes"),
        (("[cycles]", "[runtimes]\nflash = ['cpu']\n[cycles]"), "runtimes.flash is no runtime"),
        (("[cycles]", "[runtimes]\nonnx = ['gpu']\n[cycles]"), "runtimes.onnx has 'gpu'"),
        (("[cycles]", "[runtimes]\nc = []\n[cycles]"), "runtimes.c is empty"),
        (("[cycles]", "[flashers]\npyocd = 1\n[cycles]"), "flashers.pyocd must be a table"),
        (
            ("[cycles]", "[energy]\nactive_ma = nan\nvoltage = 3\nsource = 's'\n[cycles]"),
            "energy.active_ma is nan",
        ),
    ],
)
def test_a_wrong_target_file_names_file_and_key(tmp_path: Path, change: tuple[str, str], key: str) -> None:
    text = M4_TOML.replace(*change, 1)
    assert text != M4_TOML
    with pytest.raises(ToolkitError, match=re.escape(key)) as caught:
        read(tmp_path / "mine", text)
    assert caught.value.at == str(tmp_path / "mine" / "target.toml")
    assert caught.value.exit_code == USAGE


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="line 2") as caught:
        read(tmp_path / "mine", "clock_hz = 1\ndescription = = 2\n")
    assert "target.toml" in caught.value.at


def test_a_board_cannot_have_a_board_for_a_family(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="which is a board"):
        read(tmp_path / "mine", 'family = "microbit"')


def test_a_board_of_no_known_family_is_told_the_families(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="family is 'cortex-m99'"):
        read(tmp_path / "mine", 'family = "cortex-m99"')


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)).map(
        lambda v: "''" if v is None else (str(v).lower() if isinstance(v, bool) else repr(v))
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A target file with lines dropped, doubled or given another value, or with bytes changed."""
    lines = draw(st.sampled_from([M4_TOML, BOARD_TOML])).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "value", "swap"])):
            case "drop":
                lines[index] = ""
            case "double":
                lines.insert(index, lines[index])
            case "value":
                lines[index] = lines[index].split("=")[0] + "= " + draw(_VALUES)
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[index], lines[other] = lines[other], lines[index]
    data = bytearray("\n".join(lines).encode())
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(damaged(), st.binary(max_size=200)))
def test_a_damaged_target_file_raises_nothing_but_toolkit_errors(tmp_path: Path, text: bytes) -> None:
    try:
        assert read(tmp_path / "mine", text).description
    except ToolkitError as error:
        named = f"{error.at} {error.what}"
    else:
        named = "target.toml"
    assert "target.toml" in named
