"""The driver of the PPK2 against an emulated kit at the other end of a pty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import ppk2_board
from tests.device.known_load import KnownLoad
from tests.device.ppk2_board import Ppk2Board
from tests.measure.serial_meters import measured
from toolkit.errors import ToolkitError
from toolkit.measure.meters import ppk2


@pytest.mark.parametrize("amperes", [20e-6, 200e-6, 2e-3, 20e-3, 0.3], ids=lambda a: f"{a:g} A")
def test_every_range_is_converted(amperes: float) -> None:
    """A step of the converter in the range is what a single sample may be wrong by; dithered, it averages out."""
    step = (
        4
        * ppk2.VOLTS_PER_CODE
        / ppk2_board.SHUNTS[int(np.searchsorted((50e-6, 500e-6, 5e-3, 60e-3), amperes))]
    )
    current = amperes + np.random.default_rng(0).normal(0, step, 20_000)
    words = ppk2_board.encode(current, 3.0, np.arange(20_000), np.zeros(20_000, np.uint8)).astype(np.uint32)
    text = Ppk2Board(KnownLoad(0, 0))._metadata()
    calibration = ppk2.read_calibration(text, "here")
    ranges = (words >> 14 & 7).astype(np.intp)
    read = calibration.current((words & 0x3FFF).astype(float), ranges, 3.0)
    assert np.abs(read - current).max() < 0.6 * step * np.array(ppk2_board.GAINS).max()
    assert read.mean() == pytest.approx(amperes, rel=1e-3)


def test_power_and_marks_are_where_the_load_worked() -> None:
    load = KnownLoad(1e-3, 12e-3, noise_a=1e-4, voltage=3.0)
    with Ppk2Board(load) as board:
        trace = measured("ppk2", board, load, pin="D0")
        assert (board.millivolts, board.mode, board.powered, board.running) == (3000, 2, True, False)
    ((start, end),) = load.spans
    assert trace.mean_w(start + 0.02, end - 0.02) == pytest.approx(12e-3 * 3.0, rel=2e-3)
    assert trace.mean_w(trace.edges_s[0], start - 0.02) == pytest.approx(1e-3 * 3.0, rel=2e-3)
    assert trace.marker is not None
    marked = np.flatnonzero(trace.marker)
    assert abs(trace.edges_s[marked[0]] - start) <= trace.clock_s + 1e-4
    assert (len(marked) * 1e-5) == pytest.approx(end - start, abs=1e-4)
    assert len(marked) == marked[-1] - marked[0] + 1


def test_pulses_mark_as_well() -> None:
    load = KnownLoad(1e-3, 2e-3, voltage=3.0)
    with Ppk2Board(load, pulses=True) as board:
        trace = measured("ppk2", board, load, pin="D0", marks="pulses")
    ((start, end),) = load.spans
    assert trace.marker is not None
    assert trace.marker.sum() * 1e-5 == pytest.approx(end - start, abs=1e-4)


def test_lost_samples_leave_gaps_and_times_stay_right() -> None:
    load = KnownLoad(1e-3, 12e-3, voltage=3.0)
    with Ppk2Board(load, faults=("lossy",)) as board:
        trace = measured("ppk2", board, load, mode="ampere")
        assert board.mode == 1
    ((start, end),) = load.spans
    assert 0.005 < trace.lost_share(start, end) < 0.2
    assert trace.mean_w(start + 0.02, end - 0.02) == pytest.approx(12e-3 * 3.0, rel=2e-3)
    assert abs(trace.edges_s[:-1][trace.power_w > 20e-3][0] - start) <= trace.clock_s + 1e-3


def test_a_range_without_calibration_is_no_current() -> None:
    text = Ppk2Board(KnownLoad(0, 0))._metadata().replace(f"R3: {ppk2_board.SHUNTS[3]:.9f}", "R3: nan")
    calibration = ppk2.read_calibration(text, "here")
    code, ranges = np.array([1000.0, 1000.0]), np.array([2, 3])
    assert np.isnan(calibration.current(code, ranges, 3.0)).tolist() == [False, True]


def test_its_limit_is_seen() -> None:
    load = KnownLoad(1e-3, 1.2, voltage=3.0)
    with Ppk2Board(load) as board:
        trace = measured("ppk2", board, load)
    ((start, end),) = load.spans
    assert trace.is_saturated(start + 0.01, end - 0.01)
    assert not trace.is_saturated(trace.edges_s[0], start - 0.05)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200) | st.just("R0: 1e9\nR1: -\nGS0: nan\n"))
def test_any_calibration_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ToolkitError, match="calibration"):
        ppk2.read_calibration(text, "here")
