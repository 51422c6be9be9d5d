"""A board's serial port for a Unicorn core: its line is a TCP port of this machine."""

from __future__ import annotations

import select
import socket
from typing import Any

from toolkit.device.emulators.registers import BY_DRIVER
from toolkit.device.target import Serial

PAGE = 0x1000
_POLL_S = 0.05  # how soon a waiting core notices that it is switched off


class SerialPort:
    """A UART whose other end is the one client of a TCP port on 127.0.0.1.

    A core that asks for a byte while none is there waits in the operating system and takes no processor time. What it
    sends while nobody listens is lost, as on a wire.
    """

    def __init__(self, serial: Serial) -> None:
        self._registers, self._address = BY_DRIVER[serial.driver], serial.address
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

    @property
    def page(self) -> int:
        """The page of memory where the registers are."""
        return self._address // PAGE * PAGE

    def attach(self, uc: Any) -> None:
        """Put the registers into the core's memory."""
        base = self._address - self.page
        uc.mmio_map(self.page, PAGE, self._read, base, self._write, base)

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
        registers, at = self._registers, offset - base
        if at == registers.status:
            self._questions += 1
            # Asked twice without sending between: it wants to receive.
            if self._questions > 1 and not self._received:
                self._flush()
                self._wait()
            if self._off:
                uc.emu_stop()
            if registers.status != registers.receive or not self._received:
                return registers.status_value(bool(self._received))
        if at == registers.receive and self._received:
            self._questions = 0
            return self._received.pop(0)
        return registers.constant.get(at, 0)

    def _write(self, _uc: Any, offset: int, _size: int, value: int, base: int) -> None:
        if offset - base == self._registers.transmit:
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
