"""An ATmega328P with Arduino's boot loader on a pseudo terminal, from Atmel's description of STK500 (AVR061)."""

from __future__ import annotations

from tests.device.pty_device import PtyDevice

IN_SYNC, OK, END = 0x14, 0x10, 0x20
GET_PARAMETER, SET_DEVICE, SET_DEVICE_EXT, LOAD_ADDRESS = 0x41, 0x42, 0x45, 0x55
UNIVERSAL, PROGRAM_PAGE, READ_PAGE, READ_SIGNATURE = 0x56, 0x64, 0x74, 0x75
FIXED_BYTES = {
    GET_PARAMETER: 1,
    SET_DEVICE: 20,
    SET_DEVICE_EXT: 5,
    LOAD_ADDRESS: 2,
    UNIVERSAL: 4,
    READ_PAGE: 3,
}
FAULTS = ("", "silent", "noise", "other chip", "bad flash", "bad flash once", "stalls", "cut")


class Optiboot(PtyDevice):
    """``flash`` holds what has been written."""

    def __init__(self, fault: str = "") -> None:
        assert fault in FAULTS
        super().__init__()
        self.fault, self.flash = fault, bytearray(b"\xff" * 32768)
        self._received = bytearray()
        self._address = self._pages = 0

    def received(self, data: bytes) -> None:
        """See ``PtyDevice.received``."""
        if self.fault == "noise":
            self.send(bytes(byte ^ 0x5A for byte in data))
        if self.fault in ("noise", "silent"):
            return
        self._received += data
        while self._received:
            command = self._received[0]
            size = FIXED_BYTES.get(command, 0)
            if command == PROGRAM_PAGE:
                if len(self._received) < 3:
                    return
                size = 3 + (self._received[1] << 8 | self._received[2])
            if len(self._received) < size + 2:
                return
            body, end = bytes(self._received[1 : size + 1]), self._received[size + 1]
            del self._received[: size + 2]
            if end == END:
                self._answer(command, body)

    def _answer(self, command: int, body: bytes) -> None:
        data = b""
        if command == GET_PARAMETER:
            data = b"\x04"
        elif command == UNIVERSAL:
            data = b"\x00"
        elif command == READ_SIGNATURE:
            data = b"\x1e\x94\x0b" if self.fault == "other chip" else b"\x1e\x95\x0f"
        elif command == LOAD_ADDRESS:
            self._address = 2 * (body[0] | body[1] << 8)
        elif command == PROGRAM_PAGE:
            self._pages += 1
            if self._pages > 1 and self.fault in ("stalls", "cut"):
                if self.fault == "cut":
                    self.unplug()
                return
            self.flash[self._address : self._address + len(body) - 3] = body[3:]
        elif command == READ_PAGE:
            size = body[0] << 8 | body[1]
            data = bytes(self.flash[self._address : self._address + size])
            if self.fault.startswith("bad flash") and self._pages:
                data = bytes([data[0] ^ 1]) + data[1:]
            if self.fault == "bad flash once" and self._pages:
                self.fault = ""
        self.send(bytes([IN_SYNC]) + data + bytes([OK]))
