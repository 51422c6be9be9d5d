"""Every board: its firmware fits, comes in its formats, and serves a model through its own UART's driver."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.device.boards import BOARDS, digits
from toolkit.bundle import export
from toolkit.device import elf, fit, images, targets
from toolkit.device.build import Image, build, read_manifest
from toolkit.device.emulated_board import Board, running
from toolkit.device.emulators.simavr_board import SimavrBoard
from toolkit.device.emulators.unicorn_board import UnicornBoard
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.device.target import Target
from toolkit.errors import ToolkitError
from toolkit.golden import golden_samples


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for 8x8 images."""
    return digits(tmp_path_factory.mktemp("digits"))


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_serves_a_model_over_its_uart_and_marks_its_windows(
    name: str, bundle: Path, tmp_path: Path
) -> None:
    """QEMU or simavr has the whole board, or Unicorn the core and a model of the registers that the driver uses."""
    target = targets.load(name)
    image = build(bundle, target=name, serial=True)
    _check_sizes(image, target)
    emulator = "qemu" if "qemu" in target.emulators else target.default_emulator
    if emulator == "qemu" and shutil.which(target.emulators["qemu"].command) is None:
        pytest.skip(f"needs {target.emulators['qemu'].package}")
    log = tmp_path / "qemu.log"
    if emulator == "qemu":
        target = _logging(target, log)
    with running(image, target, emulator=emulator) as board:
        _check_answers(board.url, bundle)
        if isinstance(board, UnicornBoard):
            _check_setup(board, target)
        assert _window(board, target, log) == [1, 0]


def _check_sizes(image: Image, target: Target) -> None:
    sizes, (flash, ram) = fit.sizes(image.path), target.regions()
    assert 4000 < sizes.flash_bytes <= flash.bytes + (target.boot.region.bytes if target.boot else 0)
    assert target.stack_bytes < sizes.ram_bytes <= ram.bytes
    for segment in elf.read(image.path).segments:
        start = target.boot.region.origin if target.boot else flash.origin
        assert start <= segment.address < segment.address + len(segment.data) <= flash.end
    files = images.make(image, target)
    assert target.image is not None
    assert tuple(files) == target.image.formats
    assert all(file.stat().st_size >= sizes.flash_bytes - 64 for file in files.values())


def _check_answers(url: str, bundle: Path) -> None:
    manifest = read_manifest(bundle)
    (inputs,), (outputs,) = golden_samples(bundle, manifest)
    with SerialLink(url) as link:
        model = SerialModel(link, sample_bytes=inputs[0].nbytes, classes=outputs[0].size)
        for sample, expected in zip(inputs, outputs, strict=True):
            model.load_sample(sample.tobytes())
            model.infer()
            assert model.outputs() == expected.tobytes()
        before, after = (int(link.ask("timestamp")[0].removeprefix("m-lap-us-")) for _ in range(2))
        assert 0 < (after - before) % 2**32 < 20_000_000
        stats = model.stats()
        assert 0 < stats.stack < 4096
        assert stats.emulated == 1


def _window(board: Board, target: Target, log: Path) -> list[int]:
    """Let the board run twice, and return the levels that its marking pin was set to meanwhile."""
    told: list[int] = []
    with SerialLink(board.url) as link:
        assert "m-mark-pin-[1]" in link.ask("stats")
        if isinstance(board, UnicornBoard):
            board.on_mark = told.append
            link.ask("infer 2 1")
            return told
        read = board.marks if isinstance(board, SimavrBoard) else lambda: _levels(target, log)
        before = len(read())
        link.ask("infer 2 1")
        return read()[before:]


# What QEMU says of writes to ports, whether it has a model of them or not; PL061's by what becomes of them.
_WRITTEN = re.compile(r"gpio\S* .*?offset 0x([0-9a-f]+),? value 0x([0-9a-f]+)", re.IGNORECASE)
_SET = re.compile(r"pl061_set_output .* setting output (\d) to ([01])")


def _logging(target: Target, log: Path) -> Target:
    """Return a target whose QEMU logs what is written to ports."""
    traces = [
        word
        for name in ("nrf51_gpio_write", "sifive_gpio_write", "pl061_set_output")
        for word in ("-trace", name)
    ]
    qemu = target.emulators["qemu"]
    qemu = replace(qemu, args=(*qemu.args, "-d", "unimp", "-D", str(log), *traces))
    return replace(target, emulators={**target.emulators, "qemu": qemu})


def _levels(target: Target, log: Path) -> list[int]:
    assert target.mark is not None
    found, (high, low) = [], (target.mark.high, target.mark.low)
    for line in log.read_text("utf-8", "replace").splitlines():
        if (output := _SET.search(line)) and 1 << int(output[1]) == high.value:
            found.append(int(output[2]))
        elif written := _WRITTEN.search(line):
            offset, value = (int(number, 16) for number in written.groups())
            for level, step in ((1, high), (0, low)):
                if (step.address - offset) % 0x400 == 0 and value & step.mask == step.value:
                    found.append(level)
    return found


def _check_setup(board: UnicornBoard, target: Target) -> None:
    """Registers hold what their steps leave, where nothing but memory stands for them."""
    expected: dict[int, tuple[int, int, int]] = {}
    for step in (*target.setup, *(target.mark.setup if target.mark else ())):
        bits, mask, value = expected.get(step.address, (step.bits, 0, 0))
        expected[step.address] = bits, mask | step.mask, value & ~step.mask | step.value
    for address, (bits, mask, value) in expected.items():
        assert board.register(address, bits) & mask == value, hex(address)


def test_a_model_for_a_chip_that_nobody_here_builds_for_is_exported(bundle: Path, tmp_path: Path) -> None:
    manifest = export(bundle.parent / "mlp.pt2", "esp32s3", tmp_path / "bundle")
    assert {"model.c", "model.h"} < set(manifest["files"])
    assert not {"main.c", "startup.c"} & set(manifest["files"])


def test_a_board_whose_chip_nobody_here_builds_for_says_so(bundle: Path) -> None:
    with pytest.raises(ToolkitError, match="no compiler here builds for esp32s3") as caught:
        build(bundle, target="esp32s3")
    assert "--project esp-idf" in caught.value.fix
    with pytest.raises(ToolkitError, match="no emulator has esp32s3"):
        _ = targets.load("esp32s3").default_emulator


def test_boards_have_what_their_users_plug_in() -> None:
    for name in BOARDS:
        target: Any = targets.load(name)
        assert target.serial is not None, name
        assert target.flashers, name
        assert target.usb or name.startswith("mps"), name
        assert target.mark is not None, name
