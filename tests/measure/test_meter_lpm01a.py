"""The driver of the LPM01A against an emulated board at the other end of a pty."""

from __future__ import annotations

import time

import numpy as np
import pytest
import serial

from tests.device.known_load import KnownLoad
from tests.device.lpm01a_board import Lpm01aBoard, ascii_decimal, binary_hexa
from tests.measure.serial_meters import measured
from toolkit.measure import meters


def test_values_are_written_as_in_the_manual() -> None:
    assert ascii_decimal(640.9e-6) == "6409-07"
    assert ascii_decimal(0.99999) == "1000-03"
    assert binary_hexa(np.array([640.9e-6])) == bytes.fromhex("52A0")


@pytest.mark.parametrize(
    "options",
    [{}, {"output": "current", "rate": "100000"}, {"rate": "5k", "output": "current"}],
    ids=["energy", "binary", "text"],
)
def test_power_is_what_was_drawn_when_it_was_drawn(options: dict[str, str]) -> None:
    load = KnownLoad(1e-3, 12e-3, voltage=3.0)
    with Lpm01aBoard(load) as board:
        trace = measured("lpm01a", board, load, **options)
        assert board.settings["volt"] == "3000m"
        assert not board.hosted
    ((start, end),) = load.spans
    assert trace.mean_w(start + 0.02, end - 0.02) == pytest.approx(12e-3 * 3.0, rel=2e-3)
    assert trace.mean_w(trace.edges_s[0], start - 0.02) == pytest.approx(1e-3 * 3.0, rel=2e-3)
    edge = trace.edges_s[1:][trace.power_w > 20e-3][0]
    assert abs(edge - start) <= trace.clock_s + 0.002
    assert trace.lost_share(trace.edges_s[0], trace.edges_s[-1]) == pytest.approx(0, abs=1e-9)


def test_the_emulated_board_tells_edges_at_d7_as_mlperf_tinys_runner_reads_them() -> None:
    load = KnownLoad(1e-3, 5e-3, voltage=3.0)
    with Lpm01aBoard(load) as board, serial.Serial(board.port, 3_686_400, timeout=0.05) as line:
        for command in ("htc", "freq 1k", "output energy", "eventsrc d7 fal", "start"):
            line.write(command.encode() + b"\r\n")
        said = b""
        for _ in range(2):
            with load.busy():
                time.sleep(0.02)
        deadline = time.monotonic() + 2
        while said.count(b"event") < 2 and time.monotonic() < deadline:
            said += line.read(4096)
    assert [line for line in said.decode().split("\r\n") if line.startswith("event")] == [
        "event 0 ris",
        "event 1 ris",
    ]


def test_lost_samples_are_known_to_be_lost() -> None:
    load = KnownLoad(1e-3, 1e-3, voltage=3.0)
    board = Lpm01aBoard(load, faults=("lossy",))
    with board, meters.make("lpm01a", board.port, {"voltage": "3.0"}) as meter:
        meter.start()
        time.sleep(1.4)
        trace = meter.stop()
    assert 0.02 < trace.lost_share(trace.edges_s[0], trace.edges_s[-1]) < 0.3


def test_a_current_above_its_range_is_seen() -> None:
    load = KnownLoad(1e-3, 80e-3, voltage=3.0)
    with Lpm01aBoard(load) as board:
        trace = measured("lpm01a", board, load)
    ((start, end),) = load.spans
    assert trace.is_saturated(start, end)
    assert not trace.is_saturated(trace.edges_s[0], start - 0.05)
