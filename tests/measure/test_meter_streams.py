"""What comes from a serial meter is read or refused, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device.known_load import KnownLoad
from tests.device.ppk2_board import Ppk2Board
from toolkit.errors import ToolkitError
from toolkit.measure.energy import clock
from toolkit.measure.meters.base import Options
from toolkit.measure.meters.lpm01a import Lpm01a
from toolkit.measure.meters.ppk2 import Ppk2, read_calibration

_PIECES = [
    b"PowerShield > ack start\r\n", b"TimeStamp: 001s 000ms, buff 00%\r\n", b"6409-07\r\n", b"\x52\xa0",
    b"\xf0\xf4\xff\xff",
    b"\xf0\xf3\x00\x00\x03\xe8\x00\xff\xff", b"\xf0\xf3\xff\xff\xff\xff\x00\xff\xff", b"9999+99\r\n",
    b"TimeStamp: 999s 999ms, buff 99%\r\n",
]  # fmt: skip
CHUNKS = st.lists(st.binary(min_size=1, max_size=30) | st.sampled_from(_PIECES), max_size=30)


def timed(chunks: list[bytes]) -> list[tuple[float, bytes]]:
    return [(1.0 + 0.01 * index, chunk) for index, chunk in enumerate(chunks)]


@settings(max_examples=60, deadline=None)
@given(CHUNKS, st.sampled_from([{}, {"rate": "10k", "output": "current"}]))
def test_the_lpm01as_stream(chunks: list[bytes], options: dict[str, str]) -> None:
    meter = Lpm01a("here", Options(options, Lpm01a.FACTS.options, "lpm01a"))
    try:
        values, arrivals = (meter._of_text if meter.text else meter._of_bytes)(timed([_PIECES[0], *chunks]))
    except ToolkitError:
        return
    assert values.ndim == 1
    assert all(0 < count <= len(values) for count, _ in arrivals)
    assert [count for count, _ in arrivals] == sorted(count for count, _ in arrivals)


@settings(max_examples=60, deadline=None)
@given(CHUNKS)
def test_the_ppk2s_stream(chunks: list[bytes]) -> None:
    meter = Ppk2("here", Options({"pin": "D3"}, Ppk2.FACTS.options, "ppk2"))
    meter._calibration = read_calibration(Ppk2Board(KnownLoad(0, 0))._metadata(), "here")
    try:
        trace = meter._trace(timed(chunks))
    except ToolkitError:
        return
    assert trace.marker is not None
    assert len(trace.power_w) >= sum(map(len, chunks)) // 4


def test_a_meters_clock_is_found_from_what_arrived_soonest() -> None:
    """A clock that is 100 millionths slow, and a line that delays by 2 to 20 ms."""
    delays = np.random.default_rng(0).uniform(2e-3, 20e-3, 1000)
    arrivals = [(10 * n, 5.003 + 10e-3 * n * (1 + 1e-4) + delays[n]) for n in range(1, 1000)]
    found = clock.fit(5.0, arrivals, 1e-3, "it")
    assert found.period_s == pytest.approx(1e-3 * (1 + 1e-4), rel=1e-5)
    assert abs(found.start_s - 5.003) <= found.uncertainty_s
    assert found.uncertainty_s < 5e-3
    with pytest.raises(ToolkitError, match="fewer samples than its rate"):
        clock.fit(5.0, [(n, 5.0 + 1.02e-3 * n) for n in range(1, 9000, 9)], 1e-3, "it")
