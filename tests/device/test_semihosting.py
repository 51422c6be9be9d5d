"""The semihosting host: files in memory, and nothing of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulators.semihosting import Semihost
from toolkit.device.run import run

ERROR = 0xFFFFFFFF


class Device:
    """A little memory with a host behind it."""

    def __init__(self) -> None:
        self.memory = bytearray(1024)
        self.host = Semihost(self._read, self._write, {"input.bin": bytearray(b"hello world")})

    def _read(self, address: int, size: int) -> bytearray:
        return self.memory[address : address + size]

    def _write(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def call(self, operation: int, *words: int) -> int:
        for index, word in enumerate(words):
            self._write(4 * index, word.to_bytes(4, "little"))
        return self.host.call(operation, 0)

    def open(self, name: bytes, mode: int) -> int:
        self._write(100, name)
        return self.call(0x01, 100, mode, len(name))


def test_reading_ends_with_the_file() -> None:
    device = Device()
    file = device.open(b"input.bin", 1)
    assert device.call(0x06, file, 200, 8) == 0
    assert device.memory[200:208] == b"hello wo"
    assert device.call(0x06, file, 200, 8) == 5  # bytes not read
    assert device.memory[200:203] == b"rld"
    assert device.call(0x06, file, 200, 8) == 8


def test_written_files_are_kept() -> None:
    device = Device()
    file = device.open(b"output.bin", 5)
    device._write(300, b"abcdef")
    assert device.call(0x05, file, 300, 3) == 0
    assert device.call(0x05, file, 303, 3) == 0
    assert device.host.files["output.bin"] == b"abcdef"


def test_several_files_are_open_at_once_and_handles_are_not_reused() -> None:
    device = Device()
    first, second = device.open(b"output.bin", 5), device.open(b"stack.bin", 5)
    assert device.call(0x02, first) == 0
    third = device.open(b"trace.bin", 5)
    assert len({first, second, third}) == 3
    device._write(300, b"x")
    device.call(0x05, third, 300, 1)
    assert device.host.files["stack.bin"] == b""
    assert device.host.files["trace.bin"] == b"x"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (b"/etc/passwd", 1),
        (b"../input.bin", 1),
        (b"input.bin", 5),
        (b"other.bin", 5),
        (b"output.bin", 9),
        (b"", 1),
    ],
)
def test_other_files_cannot_be_opened(name: bytes, mode: int) -> None:
    device = Device()
    assert device.open(name, mode) == ERROR
    assert set(device.host.files) == {"input.bin"}


def test_wrong_handles_and_unknown_operations_are_errors() -> None:
    device = Device()
    assert device.call(0x05, 7, 300, 4) == 4
    assert device.call(0x06, 7, 300, 4) == 4
    assert device.call(0x02, 7) == ERROR
    assert device.call(0x12) == ERROR  # SYS_SYSTEM: no command is ever run
    assert device.host.stopped is None


def test_a_file_cannot_grow_without_end() -> None:
    device = Device()
    file = device.open(b"output.bin", 5)
    assert device.call(0x05, file, 300, 0xFFFFFFFF) == 0xFFFFFFFF
    assert device.host.files["output.bin"] == b""


def test_exit_stops_with_its_reason() -> None:
    device = Device()
    device.host.call(0x18, 0x20026)
    assert device.host.stopped == 0x20026


def test_a_device_cannot_reach_this_machines_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.bin").write_bytes(b"of this machine")
    bundle = toy.make(tmp_path / "b")
    run(build(bundle), targets.load("cortex-m4"), toy.samples(2))
    assert {file.name for file in tmp_path.iterdir()} == {"b", "input.bin"}
