"""Recorded traces: columns, units, marks, gaps, and files that are no traces."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.errors import USAGE, ToolkitError
from toolkit.measure import meters
from toolkit.measure.energy.trace import Trace


def read(file: Path, **options: str) -> Trace:
    with meters.make("recorded", str(file), options) as meter:
        meter.start()
        return meter.stop()


def test_units_and_marks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("Timestamp(ms),Current(uA),D0\n0,1000,0\n1,2000,1\n2,3000,1\n3,1000,0\n")
    trace = read(file, voltage="3.3", marker="D0")
    assert trace.power_w.tolist() == pytest.approx([3.3e-3, 6.6e-3, 9.9e-3, 3.3e-3])
    assert trace.edges_s.tolist() == pytest.approx([0, 1e-3, 2e-3, 3e-3, 4e-3])
    assert trace.marker is not None
    assert trace.marker.tolist() == [0, 1, 1, 0]
    file.write_text("time_s,current_ma,voltage_v\n0,1,3\n1,2,2\n")
    assert read(file).power_w.tolist() == pytest.approx([3e-3, 4e-3])
    assert read(file, voltage="5").power_w.tolist() == pytest.approx([5e-3, 10e-3])


def test_npz_is_read_and_gaps_are_lost_samples(tmp_path: Path) -> None:
    time = np.delete(np.arange(100) * 1e-3, slice(40, 45))
    np.savez(
        tmp_path / "t.npz", time_s=time, power_mw=np.full(95, 2.0), marker=(time > 30e-3) & (time < 60e-3)
    )
    trace = read(tmp_path / "t.npz")
    assert trace.lost_share(0, 0.1) == pytest.approx(0.05)
    assert trace.energy_j(0, 0.1) == pytest.approx(0.2e-3)
    assert trace.marker is not None
    assert np.count_nonzero(np.diff(trace.marker.astype(int))) == 2


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "not a trace"),
        ("time_s,current_a\n0,1\n1,x\n", {}, "not a trace"),
        ("time_s,current_a\n0,1\n1,2,3\n", {}, "not a trace"),
        ("a,b\n0,1\n1,2\n", {}, "no column of times"),
        ("time_s,b\n0,1\n1,2\n", {}, "no column of currents"),
        ("time_s,current_a\n0,1\n1,2\n", {}, "no column of voltages"),
        ("time_s,power_w\n1,1\n0,2\n", {}, "do not rise"),
        ("time_s,power_w\n0,1\n1,2\n", {"marker": "D1"}, "no column 'D1'"),
    ],
)
def test_what_is_no_trace_is_refused(text: str, options: dict[str, str], said: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text)
    with pytest.raises(ToolkitError, match=said) as caught:
        read(file, **options)
    assert caught.value.exit_code == USAGE


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match=r"cannot read .*none\.csv"):
        read(tmp_path / "none.csv")
    (tmp_path / "t.npz").write_bytes(b"PK no zip")
    with pytest.raises(ToolkitError, match="not a trace"):
        read(tmp_path / "t.npz")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text("time_s,currnw01.\n", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes, tmp_path: Path) -> None:
    for name in ("any.csv", "any.npz"):
        (tmp_path / name).write_bytes(data)
        with contextlib.suppress(ToolkitError):
            read(tmp_path / name, voltage="3")
