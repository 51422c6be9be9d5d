"""Arm semihosting over files in memory: a program sees the names it is given, and nothing of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

READABLE = ("input.bin",)
WRITABLE = ("output.bin", "stack.bin", "trace.bin", "fault.bin")
_MODE_WB = 5
_ERROR = 0xFFFFFFFF
_LIMIT = 1 << 30  # bytes per file: a program that writes for ever must not fill this machine's memory
STOPPED_EXIT = 0x20026


@dataclass
class _File:
    name: str
    data: bytearray
    position: int = 0


@dataclass
class Semihost:
    """The host's side. ``read`` and ``write`` move bytes of the device's memory."""

    read: Callable[[int, int], bytes | bytearray]
    write: Callable[[int, bytes], None]
    files: dict[str, bytearray]
    stopped: int | None = None
    on_output: Callable[[bytes], None] | None = None
    text: bytearray = field(default_factory=bytearray)
    _open: dict[int, _File] = field(default_factory=dict)
    _handles: int = 0

    def call(self, operation: int, argument: int) -> int:
        """Do one operation and return its result; SYS_EXIT sets ``stopped`` to the reason."""
        match operation:
            case 0x01:
                return self._sys_open(*self._words(argument, 3))
            case 0x02:
                return 0 if self._open.pop(self._words(argument, 1)[0], None) else _ERROR
            case 0x04:
                self._sys_write0(argument)
                return 0
            case 0x05:
                return self._sys_write(*self._words(argument, 3))
            case 0x06:
                return self._sys_read(*self._words(argument, 3))
            case 0x18 | 0x20:
                self.stopped = argument if operation == 0x18 else self._words(argument, 1)[0]
                return 0
        return _ERROR

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        data = self.read(address, 4 * count)
        return tuple(int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(count))

    def _sys_open(self, name_address: int, mode: int, length: int) -> int:
        name = bytes(self.read(name_address, min(length, 64))).decode("ascii", "replace")
        if mode == _MODE_WB and name in WRITABLE:
            self.files[name] = bytearray()
        elif not (mode == 1 and name in READABLE):
            return _ERROR
        self._handles += 1
        handle = self._handles
        self._open[handle] = _File(name, self.files[name])
        return handle

    def _sys_write(self, handle: int, address: int, length: int) -> int:
        file = self._open.get(handle)
        if file is None or file.name not in WRITABLE or len(file.data) + length > _LIMIT:
            return length
        data = bytes(self.read(address, length))
        file.data += data
        if self.on_output is not None and file.name == "output.bin":
            self.on_output(data)
        return 0

    def _sys_read(self, handle: int, address: int, length: int) -> int:
        file = self._open.get(handle)
        if file is None:
            return length
        data = bytes(file.data[file.position : file.position + length])
        file.position += len(data)
        self.write(address, data)
        return length - len(data)

    def _sys_write0(self, address: int) -> None:
        for offset in range(4096):
            byte = self.read(address + offset, 1)
            if byte == b"\0":
                return
            self.text += byte
