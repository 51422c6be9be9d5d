"""Energy by windows, against traces whose energy is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from toolkit.errors import DEVICE, USAGE, ToolkitError
from toolkit.measure.energy import marks
from toolkit.measure.energy.marks import Span, Window, by_marks, by_times
from toolkit.measure.energy.trace import Trace
from toolkit.measure.energy.window_energy import evaluate
from toolkit.measure.meters.base import Accuracy

IDLE_W, BUSY_W, RATE, SLOW, RUNS = 3e-3, 33e-3, 10_000, 1_000, 40
EXACT = Accuracy(0.0, 0.0, "made up")
IDLE = Span(0.0, 0.9)
SPANS = [Span(1.0 + k, 1.6 + k) for k in range(5)]
TRUE_NET_UJ = (BUSY_W - IDLE_W) * 0.6 / RUNS * 1e6


def trace(noise_w: float = 0.0, seed: int = 0, rate: int = RATE, **changes: object) -> Trace:
    """One second idle, then 0.6 s of work in each of five seconds, and what is left idle."""
    edges = np.arange(6 * rate + 1) / rate
    middle = (edges[1:] + edges[:-1]) / 2
    busy = ((middle >= 1) & (middle % 1 < 0.6)).astype(np.uint8)
    power = np.where(busy, BUSY_W, IDLE_W) + np.random.default_rng(seed).normal(
        0, noise_w or 1e-30, len(busy)
    )
    return dataclasses.replace(Trace(edges, power, busy), **changes)


def with_marks(level: np.ndarray) -> Trace:
    return dataclasses.replace(trace(), marker=level.astype(np.uint8))


def test_marks_and_times_give_the_true_energy() -> None:
    made = trace()
    for windows in (by_marks(made, [RUNS] * 5), by_times(made, SPANS, [RUNS] * 5)):
        result = evaluate(made, windows, IDLE, EXACT, "test")
        assert result.net_uj.value == pytest.approx(TRUE_NET_UJ, rel=1e-9)
        assert result.gross_uj.value == pytest.approx(BUSY_W * 0.6 / RUNS * 1e6, rel=1e-9)
        assert result.idle_w.value == pytest.approx(IDLE_W)
        assert result.seconds.value == pytest.approx(0.6 / RUNS)
        assert result.net_uj.kind == "measured"
        assert len(result.windows) == 5
        assert not result.notes


def test_windows_between_samples_are_cut_exactly() -> None:
    made = trace()
    windows = by_times(made, [Span(1.00003, 1.50007)], [1])
    assert evaluate(made, windows, IDLE, EXACT).gross_uj.value == pytest.approx(BUSY_W * 0.50004 * 1e6)


def test_stated_uncertainty_holds_the_true_value_as_often_as_it_says() -> None:
    """95 of 100 seeds, give or take what chance allows; and it is not so wide that it always does."""
    inside, widths = 0, []
    for seed in range(100):
        made = trace(noise_w=5e-3, seed=seed, rate=SLOW)
        result = evaluate(made, by_times(made, SPANS, [RUNS] * 5), IDLE, EXACT)
        assert result.net_uj.uncertainty is not None
        widths.append(result.net_uj.uncertainty)
        inside += abs(result.net_uj.value - TRUE_NET_UJ) <= widths[-1]
    assert 88 <= inside <= 100
    noise_uj = 5e-3 / math.sqrt(SLOW * 0.6 * 5) * 0.6 / RUNS * 1e6
    assert np.median(widths) < 8 * noise_uj


def test_each_part_of_the_uncertainty_is_what_it_should_be() -> None:
    made = dataclasses.replace(trace(), clock_s=1e-3)
    spans = [dataclasses.replace(span, edge_s=2e-3) for span in SPANS]
    result = evaluate(made, by_times(made, spans, [RUNS] * 5), IDLE, Accuracy(0.02, 1e-4, "a document"))
    parts = result.parts_uj
    run_s = 0.6 / RUNS
    limits = (0.02 * BUSY_W * run_s, 0.02 * IDLE_W * run_s, math.sqrt(2) * 1e-4 * run_s)
    assert parts["meter"] == pytest.approx(2 / math.sqrt(3) * math.hypot(*limits) * 1e6)
    assert parts["edges"] == pytest.approx(
        2 / math.sqrt(3) * math.sqrt(2) * 3e-3 * (BUSY_W - IDLE_W) / RUNS * 1e6
    )
    assert parts["lost"] == 0
    assert parts["spread"] == pytest.approx(0, abs=1e-9)
    assert result.net_uj.uncertainty == pytest.approx(math.hypot(*parts.values()))


def test_one_window_has_a_spread_of_its_own() -> None:
    made = trace(noise_w=5e-3)
    one = evaluate(made, by_times(made, SPANS[:1], [RUNS]), IDLE, EXACT)
    assert one.parts_uj["spread"] > 0
    assert one.net_uj.uncertainty is not None
    assert abs(one.net_uj.value - TRUE_NET_UJ) < 2 * one.net_uj.uncertainty


def test_few_lost_samples_widen_and_many_refuse() -> None:
    made = trace()
    few, many = made.power_w.copy(), made.power_w.copy()
    few[12_000:12_030] = np.nan
    many[12_000:12_100] = np.nan
    result = evaluate(dataclasses.replace(made, power_w=few), by_times(made, SPANS, [RUNS] * 5), IDLE, EXACT)
    assert result.net_uj.value == pytest.approx(TRUE_NET_UJ)
    assert result.windows[0].lost_share == pytest.approx(0.005)
    with pytest.raises(ToolkitError, match=r"1\.7% of the samples of window 0 were lost") as caught:
        evaluate(dataclasses.replace(made, power_w=many), by_times(made, SPANS, [RUNS] * 5), IDLE, EXACT)
    assert caught.value.exit_code == DEVICE


def test_saturation_is_refused() -> None:
    limit = np.zeros(6 * RATE, bool)
    limit[23_000] = True
    made = trace(saturated=limit)
    with pytest.raises(ToolkitError, match="at its limit in window 1"):
        evaluate(made, by_times(made, SPANS, [RUNS] * 5), IDLE, EXACT)


def test_without_idle_there_is_no_result() -> None:
    made = trace()
    windows = by_times(made, SPANS, [RUNS] * 5)
    for idle, said in (
        (Span(0.5, 0.5), "no length"),
        (Span(-1.0, 0.5), "not in the trace"),
        (SPANS[0], "overlap"),
    ):
        with pytest.raises(ToolkitError, match=said):
            evaluate(made, windows, idle, EXACT)
    with pytest.raises(ToolkitError, match="no window"):
        evaluate(made, [], IDLE, EXACT)


def test_work_that_takes_nothing_is_said_to_be_within_its_uncertainty() -> None:
    flat = dataclasses.replace(trace(), power_w=np.full(6 * RATE, IDLE_W))
    result = evaluate(flat, by_times(flat, SPANS, [RUNS] * 5), IDLE, Accuracy(0.01, 0, "", stated=False))
    assert any("hardly more than idling" in note for note in result.notes)
    assert any("no document" in note for note in result.notes)


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (np.zeros(6 * RATE), "never moved"),
        (1 - trace().marker, "begins inside a window"),  # type: ignore[operator]
        (np.where(np.arange(6 * RATE) > 55_500, 1, trace().marker), "no end mark"),  # type: ignore[arg-type]
        (np.where(np.arange(6 * RATE) > 45_000, 0, trace().marker), "4 windows are marked, 5 were run"),  # type: ignore[arg-type]
    ],
)
def test_missing_marks_are_said(level: np.ndarray, said: str) -> None:
    with pytest.raises(ToolkitError, match=said) as caught:
        by_marks(with_marks(level), [RUNS] * 5)
    assert caught.value.exit_code == DEVICE
    assert caught.value.fix


def test_a_trace_without_a_marker_says_so() -> None:
    with pytest.raises(ToolkitError, match="no marks"):
        by_marks(dataclasses.replace(trace(), marker=None), [1])


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([Span(2.0, 1.0)], "ends before it begins"),
        ([Span(3.0, 4.0), Span(1.0, 2.0)], "begins before the one in front"),
        ([Span(1.0, 2.0), Span(1.5, 3.0)], "begins before the one in front"),
        ([Span(1.0, 7.0)], "outside what the meter recorded"),
    ],
)
def test_times_in_a_wrong_order_are_said(spans: list[Span], said: str) -> None:
    with pytest.raises(ToolkitError, match=said):
        by_times(trace(), spans, [1] * len(spans))


@pytest.mark.parametrize(
    ("edges", "said"),
    [([0, 1, 1, 2], "do not rise"), ([0, 2, 1, 3], "do not rise"), ([0, 1], "other lengths")],
)
def test_a_trace_is_checked(edges: list[float], said: str) -> None:
    with pytest.raises(ToolkitError, match=said) as caught:
        Trace(np.array(edges, float), np.ones(3))
    assert caught.value.exit_code == USAGE
    with pytest.raises(ToolkitError, match="no sample"):
        Trace(np.zeros(1), np.zeros(0))


def test_styles_of_marks() -> None:
    pulses = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1])
    assert marks.inside(pulses, "pulses").tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0]
    assert marks.inside(pulses, "high").tolist() == pulses.tolist()
    assert marks.inside(pulses, "low").tolist() == (1 - pulses).tolist()


def test_a_window_knows_its_length() -> None:
    assert Window(1.0, 3.5, 0.1, 7).seconds == 2.5
