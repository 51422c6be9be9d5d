"""An ESP32-C3 in its boot ROM on a pseudo terminal, written from Espressif's description of the serial protocol.

It takes esptool's stub as the ROM does (and does not run it: the same commands are answered afterwards), keeps its
flash in memory, and misbehaves on request.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from tests.device.pty_device import PtyDevice

SYNC, READ_REG, MEM_END, MD5, SECURITY = 0x08, 0x0A, 0x06, 0x13, 0x14
FLASH_BEGIN, FLASH_DATA, DEFL_BEGIN, DEFL_DATA = 0x02, 0x03, 0x10, 0x11
SPI_COMMAND, SPI_W0 = 0x6000_2000, 0x6000_2058
ESP32_C3, ESP32_S3 = 5, 9
DIRECT_BOOT = bytes.fromhex("1d04dbae") * 2  # by which the ROM knows a program that runs from flash as it is
FAULTS = ("", "silent", "noise", "other chip", "bad md5", "stalls", "cut")


class RomLoader(PtyDevice):
    """``flash`` holds what has been written."""

    def __init__(self, fault: str = "", flash_bytes: int = 4 << 20) -> None:
        assert fault in FAULTS
        super().__init__()
        self.fault, self.flash = fault, bytearray(b"\xff" * flash_bytes)
        self._received, self._said = bytearray(), b""
        self._in_stub = False
        self._at = self._left = self._blocks = 0
        self._inflate: zlib._Decompress | None = None

    def received(self, data: bytes) -> None:
        """See ``PtyDevice.received``."""
        if self.fault == "noise":
            self.send(bytes(byte ^ 0x5A for byte in data[:64]))
        if self.fault in ("noise", "silent"):
            return
        if data[0] != 0xC0 and not self._received and self.flash[:8] == DIRECT_BOOT:
            self._run(data)
            return
        self._received += data
        while (end := self._received.find(0xC0, 1)) > 0:
            frame, self._received = self._received[1:end], self._received[end + 1 :]
            frame = frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
            if len(frame) >= 8:
                self._answer(bytes(frame))

    def _run(self, data: bytes) -> None:
        """Stand for the firmware that the ROM starts: it answers its name."""
        self._said += data
        while (end := self._said.find(b"%")) >= 0:
            command, self._said = self._said[:end].strip(), self._said[end + 1 :]
            self.send((b"m-name-dut-[model]\r\n" if command == b"name" else b"") + b"m-ready\r\n")

    def _send(self, frame: bytes) -> None:
        self.send(b"\xc0" + frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")

    def _reply(self, operation: int, value: int = 0, data: bytes = b"", error: int = 0) -> None:
        status = bytes([bool(error), error]) + (b"" if self._in_stub else b"\0\0")
        self._send(struct.pack("<BBHI", 1, operation, len(data) + len(status), value) + data + status)

    def _answer(self, frame: bytes) -> None:
        _, operation, _, _ = struct.unpack_from("<BBHI", frame)
        body = frame[8:]
        if operation == SYNC:
            for _ in range(8):
                self._reply(operation, value=0x20120707)
        elif operation == READ_REG:
            (register,) = struct.unpack("<I", body[:4])
            # the SPI unit answers RDID with a 4 MB chip of GigaDevice, and is never busy
            self._reply(operation, value=0x1640C8 if register == SPI_W0 else 0)
        elif operation == SECURITY:
            chip = ESP32_S3 if self.fault == "other chip" else ESP32_C3
            self._reply(operation, data=struct.pack("<IB7xII", 0, 0, chip, 4))
        elif operation == MD5:
            start, size = struct.unpack("<II", body[:8])
            digest = hashlib.md5(
                self.flash[start : start + size] + (b"!" if self.fault == "bad md5" else b"")
            )
            self._reply(operation, data=digest.digest() if self._in_stub else digest.hexdigest().encode())
        elif operation == MEM_END:
            self._reply(operation)
            self._in_stub = True
            self._send(b"OHAI")
        elif operation in (FLASH_BEGIN, DEFL_BEGIN):
            self._left, _, _, self._at = struct.unpack("<IIII", body[:16])
            self._inflate = zlib.decompressobj() if operation == DEFL_BEGIN else None
            self._reply(operation)
        elif operation in (FLASH_DATA, DEFL_DATA):
            self._write(operation, body)
        else:
            self._reply(operation)

    def _write(self, operation: int, body: bytes) -> None:
        self._blocks += 1
        if self._blocks > 1 and self.fault in ("stalls", "cut"):
            if self.fault == "cut":
                self.unplug()
            return
        size = struct.unpack_from("<I", body)[0]
        data = body[16 : 16 + size]
        if self._inflate is not None:
            data = self._inflate.decompress(data)
        self.flash[self._at : self._at + len(data)] = data[: self._left]
        self._at += len(data)
        self._left -= min(self._left, len(data))
        self._reply(operation)
