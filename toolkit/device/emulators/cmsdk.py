"""The serial port and the timer of Arm's Cortex-M System Design Kit, for a Unicorn core: a TCP line on this machine."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

TIMER_ADDRESS = 0x4000_0000
_PAGE = 0x1000
_DATA, _STATE = 0x0, 0x4
_RECEIVE_FULL = 2
_TIMER_VALUE, _TIMER_HZ = 0x4, 25_000_000
_POLL_S = 0.05  # how soon a waiting core notices that it is switched off


class SerialPort:
    """A UART whose other end is the one client of a TCP port on 127.0.0.1.

    A core that asks for a byte while none is there waits in the operating system and takes no processor time. What it
    sends while nobody listens is lost, as on a wire.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        self._received = bytearray()
        self._to_send = bytearray()
        self._questions = 0  # for the state, since the data register was last touched
        self._off = False

    @property
    def url(self) -> str:
        """What pyserial's ``serial_for_url`` opens."""
        return f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def attach(self, uc: Any, address: int) -> None:
        """Put the registers of UART and timer into the core's memory."""
        first = address // _PAGE * _PAGE
        uc.mmio_map(first, _PAGE, self._read, address - first, self._write, address - first)
        uc.mmio_map(TIMER_ADDRESS, _PAGE, _read_timer, None, lambda *_: None, None)

    def switch(self, on: bool) -> None:
        """Make a core that waits for a byte go on at once, and again be able to wait."""
        self._off = not on
        if on:
            self._received.clear()
            self._to_send.clear()

    def close(self) -> None:
        """Hang up."""
        for end in (self._client, self._listener):
            if end is not None:
                end.close()

    def _read(self, uc: Any, offset: int, _size: int, base: int) -> int:
        if offset - base == _STATE:
            self._questions += 1
            # Asked twice without sending between: it wants to receive.
            if self._questions > 1 and not self._received:
                self._flush()
                self._wait()
            if self._off:
                uc.emu_stop()
            return _RECEIVE_FULL if self._received else 0
        if offset - base == _DATA and self._received:
            self._questions = 0
            return self._received.pop(0)
        return 0

    def _write(self, _uc: Any, offset: int, _size: int, value: int, base: int) -> None:
        if offset - base == _DATA:
            self._questions = 0
            self._to_send.append(value & 0xFF)
            if len(self._to_send) >= 4096:
                self._flush()

    def _flush(self) -> None:
        data, self._to_send = bytes(self._to_send), bytearray()
        if self._client is not None and data:
            try:
                self._client.sendall(data)
            except OSError:
                self._hang_up()

    def _wait(self) -> None:
        while not self._received and not self._off:
            ends = [self._listener] if self._client is None else [self._client, self._listener]
            for end in select.select(ends, [], [], _POLL_S)[0]:
                if end is self._listener:  # a new client takes the line over
                    self._hang_up()
                    self._client = self._listener.accept()[0]
                    self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    break
                try:
                    data = end.recv(4096)
                except OSError:
                    data = b""
                if not data:
                    self._hang_up()
                    break
                self._received += data

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _read_timer(_uc: Any, offset: int, _size: int, _data: Any) -> int:
    """Count down as TIMER0 does, by this machine's clock: an emulated core has no speed of its own."""
    return -int(time.monotonic() * _TIMER_HZ) & 0xFFFF_FFFF if offset == _TIMER_VALUE else 0
