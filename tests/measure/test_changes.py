"""What changed between two runs: better, worse, or not to be compared."""

from __future__ import annotations

from dataclasses import replace

from toolkit.compare.entry import Entry
from toolkit.measure.figure import Figure, Kind
from toolkit.measure.matrix.changes import between


def _entry(model: str = "net", **figures: tuple[float, Kind] | tuple[float, Kind, float]) -> Entry:
    made = {
        key: Figure(each[0], each[1], "", each[2] if len(each) > 2 else None) for key, each in figures.items()
    }
    return Entry(model, "cortex-m4", {"optimize": "speed"}, made)


def _verdicts(before: Entry, after: Entry, tolerance: float = 0.05) -> dict[str, str]:
    return {change.metric: change.verdict for change in between([before], [after], tolerance=tolerance)}


def test_nothing_changed() -> None:
    entry = _entry(accuracy=(0.9, "counted"), latency_us=(10, "measured"))
    assert between([entry], [entry]) == []


def test_what_was_counted_has_no_tolerance() -> None:
    before = _entry(flash_bytes=(1000, "counted"), accuracy=(0.9, "counted"), energy_uj=(5.0, "estimated"))
    after = _entry(flash_bytes=(1001, "counted"), accuracy=(0.91, "counted"), energy_uj=(4.99, "estimated"))
    assert _verdicts(before, after, 0.5) == {"flash": "worse", "accuracy": "better", "energy": "better"}
    assert _verdicts(after, before, 0.5) == {"flash": "better", "accuracy": "worse", "energy": "worse"}


def test_what_was_measured_may_move_a_little() -> None:
    before = _entry(latency_us=(100, "measured"))
    assert _verdicts(before, _entry(latency_us=(104, "measured"))) == {}
    assert _verdicts(before, _entry(latency_us=(106, "measured"))) == {"latency": "worse"}
    assert _verdicts(before, _entry(latency_us=(94, "measured"))) == {"latency": "better"}
    assert _verdicts(before, _entry(latency_us=(101, "measured")), 0) == {"latency": "worse"}
    unsure = _entry(latency_us=(100, "measured", 6))
    assert _verdicts(unsure, _entry(latency_us=(109, "measured", 8))) == {}
    assert _verdicts(unsure, _entry(latency_us=(111, "measured", 8))) == {"latency": "worse"}


def test_what_is_known_in_other_ways_is_not_compared() -> None:
    before, after = (
        _entry(latency_us=(100, "estimated"), cycles=(5, "estimated")),
        _entry(latency_us=(1, "measured")),
    )
    changes = between([before], [after])
    assert [(change.metric, change.verdict) for change in changes] == [
        ("latency", "other"),
        ("cycles", "other"),
    ]
    assert changes[0].note == "was estimated, is measured"
    assert changes[0].ratio == -0.99
    assert changes[1].ratio is None


def test_entries_come_go_and_fail() -> None:
    old, new, broken = (_entry(name, latency_us=(1, "estimated")) for name in ("old", "new", "broken"))
    failed = Entry("broken", "cortex-m4", {"optimize": "speed"}, {}, "no compiler")
    broken = replace(broken, ways={**broken.ways, "toolchain": "zig"})  # known once it has run
    changes = {change.name: change for change in between([old, broken], [new], [failed])}
    assert changes["old on cortex-m4"].verdict == changes["new on cortex-m4"].verdict == "other"
    assert changes["broken on cortex-m4"].verdict == "worse"
    assert "no compiler" in changes["broken on cortex-m4"].note
    assert between([], [], [failed]) == []  # it failed before, too
