"""Energy of repeated work with an emulated meter whose load is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.device.known_load import KnownLoad
from tests.device.lpm01a_board import Lpm01aBoard
from tests.device.ppk2_board import Ppk2Board
from toolkit.errors import DEVICE, USAGE, ToolkitError
from toolkit.measure import meters
from toolkit.measure.energy.metered import located, measure

if TYPE_CHECKING:
    from tests.conftest import Cli

RUN_S, RUNS = 1e-3, 150
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "measure_energy"


def worker(load: KnownLoad, spare_s: float = 0.002, wrong: float = 1.0):  # type: ignore[no-untyped-def]
    """Return what works ``runs`` times a millisecond, behind a line that takes ``spare_s`` before and after."""

    def run(runs: int, takes_s: float) -> int:
        time.sleep(spare_s)
        load.work(runs * RUN_S)
        time.sleep(spare_s)
        return round(runs * RUN_S * 1e6 * wrong)

    return run


@pytest.mark.parametrize("pin", ["none", "D0"], ids=["by time", "by marks"])
def test_an_emulated_meter_is_read_within_half_a_percent(pin: str) -> None:
    """5 windows, 6 mA and 1 mA, noise of 0.3 mA on every sample of 10 µs."""
    load = KnownLoad(1e-3, 6e-3, noise_a=3e-4, voltage=3.3)
    with Ppk2Board(load) as board, meters.make("ppk2", board.port, {"pin": pin, "accuracy": "0"}) as meter:
        result = measure(meter, worker(load), RUNS, RUNS * RUN_S, idle_s=0.5)
    true_uj = sum(load.net_energy_j()) / (5 * RUNS) * 1e6
    assert result.net_uj.uncertainty is not None
    assert abs(result.net_uj.value - true_uj) < result.net_uj.uncertainty
    assert result.idle_w.value == pytest.approx(3.3e-3, rel=0.01)
    assert len(result.windows) == 5
    if pin == "D0":  # by time, it depends on how fast the line answers
        assert result.net_uj.value == pytest.approx(true_uj, rel=5e-3)
        assert result.gross_uj.value == pytest.approx(true_uj * 6 / 5, rel=5e-3)
        assert result.net_uj.uncertainty < 0.02 * true_uj


def test_another_meter_of_the_same_load_agrees() -> None:
    load = KnownLoad(1e-3, 6e-3, noise_a=3e-4, voltage=3.3)
    with Lpm01aBoard(load) as board, meters.make("lpm01a", board.port) as meter:
        result = measure(meter, worker(load), RUNS, RUNS * RUN_S, idle_s=0.3, windows=2)
    true_uj = sum(load.net_energy_j()) / (2 * RUNS) * 1e6
    assert result.net_uj.uncertainty is not None
    assert abs(result.net_uj.value - true_uj) < result.net_uj.uncertainty
    assert result.net_uj.value == pytest.approx(true_uj, rel=0.3)  # by time: a busy machine answers late


def test_marks_that_disagree_with_the_boards_clock_are_refused() -> None:
    load = KnownLoad(1e-3, 6e-3)
    board = Ppk2Board(load)
    with (
        board,
        meters.make("ppk2", board.port, {"pin": "D0"}) as meter,
        pytest.raises(ToolkitError, match="the board's clock") as caught,
    ):
        measure(meter, worker(load, wrong=0.5), 50, 0.05, idle_s=0.1, windows=1)
    assert caught.value.exit_code == DEVICE


def test_what_makes_no_sense_is_refused() -> None:
    load = KnownLoad(1e-3, 6e-3)
    with pytest.raises(ToolkitError, match="too long for one trace of this meter: 100 s at most"):
        measure(meters.make("ppk2", "/dev/null"), worker(load), 1, 30.0)
    for wrong in ({"windows": 0}, {"idle_s": 0.0}):
        with pytest.raises(ToolkitError, match="idling") as caught:
            measure(meters.make("ppk2", "/dev/null"), worker(load), 1, 0.0, **wrong)  # type: ignore[arg-type]
        assert caught.value.exit_code == USAGE


def test_a_window_lies_in_the_middle_of_command_and_answer() -> None:
    span = located(10.0, 11.0, 0.8)
    assert (span.start_s, span.end_s, span.edge_s) == pytest.approx((10.1, 10.9, 0.1))
    assert located(10.0, 11.0, 5.0).seconds == 1.0
    assert np.isfinite(located(10.0, 10.0, 0.0).edge_s)


def test_a_recorded_trace_is_measured_from_the_command_line(cli: Cli, tmp_path: Path) -> None:
    trace = EXAMPLE / "synthetic.csv"
    given = ("energy", trace, "--runs", 400, "--meter-option", "voltage=3.0")
    done = cli(*given, "--meter-option", "accuracy=2%", "--json", "-o", tmp_path / "windows.svg")
    assert done.code == 0, done.err
    net = done.document["net_uj"]
    assert abs(net["value"] - 60) < net["uncertainty"] < 2
    assert len(done.document["windows"]) == 5
    assert (tmp_path / "windows.svg").read_text("utf-8").startswith("<svg")
    shown = cli(*given)
    assert "energy above idle" in shown.out
    assert "no document states" in shown.out
    lost = cli("energy", trace, "--runs", 400)
    assert (lost.code, "voltage" in lost.err) == (USAGE, True)
    refused = cli("bench", tmp_path, "--meter", "recorded", "--meter-port", trace)
    assert (refused.code, "toolkit energy" in refused.err) == (USAGE, True)
