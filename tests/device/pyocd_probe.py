"""A debug probe for pyOCD, as a plug-in of it, wired to the nRF52840 of ``nrf52.py``.

``TEST_PROBES`` lists the probes that are plugged in, each by its serial number, which is also what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.core.plugin import Plugin
from pyocd.probe.debug_probe import DebugProbe

from tests.device.nrf52 import FLASH_BYTES, Nrf52


class TestProbe(DebugProbe):
    """Keeps the chip's flash in a file of the folder ``TEST_FLASH`` from one start of pyOCD to the next."""

    __test__ = False

    def __init__(self, unique_id: str) -> None:
        super().__init__()
        self._id, self._open, self._protocol = unique_id, False, None
        self._file = Path(os.environ["TEST_FLASH"]) / unique_id
        self._accesses = 0

    @classmethod
    def get_all_connected_probes(cls, unique_id: str | None = None, is_explicit: bool = False) -> Any:
        return [cls(each) for each in os.environ["TEST_PROBES"].split(",") if each]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> Any:
        return next((p for p in cls.get_all_connected_probes() if p.unique_id == unique_id), None)

    vendor_name = "Somebody"
    product_name = "Test Probe"
    supported_wire_protocols: Collection[Any] = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)
    capabilities: set[Any] = set()  # noqa: RUF012 - so says the base class

    @property
    def unique_id(self) -> str:
        return self._id

    @property
    def associated_board_info(self) -> BoardInfo | None:
        return BoardInfo("micro:bit", "nrf51") if self._id == "another-board" else None

    @property
    def wire_protocol(self) -> Any:
        return self._protocol

    @property
    def is_open(self) -> bool:
        return self._open

    def open(self) -> None:
        if self._id == "not-yours":
            raise exceptions.ProbeError("[Errno 13] Access denied (insufficient permissions)")
        self._chip, self._open = Nrf52(self._id), True
        if self._file.exists():
            self._chip.flash[:] = self._file.read_bytes()

    def close(self) -> None:
        self._open = False
        self._file.write_bytes(self._chip.flash[:FLASH_BYTES])

    def connect(self, protocol: Any = None) -> None:
        self._protocol = DebugProbe.Protocol.SWD

    def disconnect(self) -> None:
        self._protocol = None

    def set_clock(self, frequency: float) -> None:
        pass

    def reset(self) -> None:
        self._chip.reset()

    def assert_reset(self, asserted: bool) -> None:
        if asserted:
            self._chip.reset()

    def is_reset_asserted(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def _check(self) -> None:
        self._accesses += 1
        if self._chip.fault == "dead":
            raise exceptions.TransferError("No ACK received")
        if self._chip.fault == "cut" and self._accesses > 1200:
            raise exceptions.ProbeDisconnected("[Errno 19] No such device (it may have been disconnected)")

    def read_dp(self, addr: int, now: bool = True) -> Any:
        self._check()
        value = self._chip.read_dp(addr & 0xC)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        self._check()
        self._chip.write_dp(addr & 0xC, data)

    def read_ap(self, addr: int, now: bool = True) -> Any:
        self._check()
        value = self._chip.read_ap(addr)
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        self._check()
        self._chip.write_ap(addr, data)

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        values: Sequence[int] = [self.read_ap(addr) for _ in range(count)]
        later: Callable[[], Sequence[int]] = lambda: values  # noqa: E731
        return values if now else later

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)


class TestProbePlugin(Plugin):
    """What pyOCD's entry points name."""

    __test__ = False
    name = "test"
    description = "a probe of the tests"

    def load(self) -> type[TestProbe]:
        return TestProbe
