"""A JTAG cable on a TCP port, in OpenOCD's remote_bitbang protocol, wired to the nRF52840 of ``nrf52.py``."""

from __future__ import annotations

import socket
import threading
from typing import Self

from tests.device.nrf52 import Nrf52

# IEEE 1149.1: the next state for TMS low and high
_NEXT = {
    "reset": ("idle", "reset"),
    "idle": ("idle", "select dr"),
    "select dr": ("capture dr", "select ir"),
    "capture dr": ("shift dr", "exit1 dr"),
    "shift dr": ("shift dr", "exit1 dr"),
    "exit1 dr": ("pause dr", "update dr"),
    "pause dr": ("pause dr", "exit2 dr"),
    "exit2 dr": ("shift dr", "update dr"),
    "update dr": ("idle", "select dr"),
    "select ir": ("capture ir", "reset"),
    "capture ir": ("shift ir", "exit1 ir"),
    "shift ir": ("shift ir", "exit1 ir"),
    "exit1 ir": ("pause ir", "update ir"),
    "pause ir": ("pause ir", "exit2 ir"),
    "exit2 ir": ("shift ir", "update ir"),
    "update ir": ("idle", "select dr"),
}
_ABORT, _DPACC, _APACC, _IDCODE = 0x8, 0xA, 0xB, 0xE
_LENGTHS = {_ABORT: 35, _DPACC: 35, _APACC: 35, _IDCODE: 32}
_OK = 0b010


class JtagCable:
    """Listens on ``port`` and serves one debugger after the other. Use it in a ``with`` statement."""

    def __init__(self, chip: Nrf52, cut_after: int | None = None) -> None:
        self.chip, self.cut_after = chip, cut_after
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = self._server.getsockname()[1]
        self._state, self._instruction, self._shift, self._length = "reset", _IDCODE, 0, 32
        self._clock, self._result, self._scans = 0, 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._server.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                line, _ = self._server.accept()
            except TimeoutError:
                continue
            with line:
                line.settimeout(0.1)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                data = line.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data or (self.cut_after is not None and self._scans > self.cut_after):
                return
            answer = bytearray()
            for character in data:
                if 0x30 <= character <= 0x37:  # 0 to 7: clock, TMS, TDI
                    self._step(character)
                elif character == 0x52:  # R: what is TDO?
                    answer.append(0x31 if self.chip.fault == "dead" else 0x30 | self._shift & 1)
                elif character == 0x51:  # Q
                    return
            if answer:
                line.sendall(answer)

    def _step(self, pins: int) -> None:
        clock, rising = pins >> 2 & 1, pins & 4 and not self._clock
        self._clock = clock
        if not rising:
            return
        state = self._state
        if state in ("shift dr", "shift ir"):
            self._shift = self._shift >> 1 | (pins & 1) << (self._length - 1)
        elif state == "capture ir":
            self._shift, self._length = 0b0001, 4
        elif state == "capture dr":
            self._length = _LENGTHS.get(self._instruction, 1)
            self._shift = {32: 0x2BA0_1477, 35: self._result << 3 | _OK}.get(self._length, 0)
        self._state = _NEXT[state][pins >> 1 & 1]
        if self._state == "reset":
            self._instruction = _IDCODE
        elif self._state == "update ir":
            self._instruction = self._shift
        elif self._state == "update dr" and self._length == 35:
            self._access(self._shift)

    def _access(self, scan: int) -> None:
        """Do what a scan of DPACC or APACC asks; its result is the next scan's."""
        self._scans += 1
        read, address, value = scan & 1, scan >> 1 << 2 & 0xC, scan >> 3
        if self._instruction == _APACC:
            if read:
                self._result = self.chip.read_ap(address)
            else:
                self.chip.write_ap(address, value)
        elif self._instruction == _DPACC:
            if not read:
                self.chip.write_dp(address, value)
            elif address != 0xC:
                self._result = self.chip.read_dp(address)
