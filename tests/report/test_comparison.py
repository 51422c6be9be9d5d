"""The page and the picture of compared models: nothing is mixed silently, nothing is loaded, anything is escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.test_page import HOSTILE, PHONE_PX, Elements, browse, needs_chromium
from toolkit.compare.entry import Entry, called, names
from toolkit.compare.metric import find
from toolkit.errors import ToolkitError
from toolkit.measure.figure import Figure
from toolkit.report import comparison
from toolkit.report.scale import Scale
from toolkit.report.ticks import decades, round_values

SMALL = Entry(
    "small", "cortex-m4", {"toolchain": "zig"},
    {"accuracy": Figure(0.9, "counted", "100 samples"), "latency_us": Figure(120, "estimated", "a manual"),
     "flash_bytes": Figure(4000, "counted")},
)  # fmt: skip
METERED = Entry(
    "large", "board", {"toolchain": "zig", "meter": "ppk2"},
    {"accuracy": Figure(0.95, "counted"), "latency_us": Figure(1000, "measured", "a clock", 40),
     "energy_uj": Figure(55.5, "measured", "a meter", 1.1), "flash_bytes": Figure(9000, "counted")},
)  # fmt: skip
BEATEN = replace(METERED, model="beaten", figures={**METERED.figures, "accuracy": Figure(0.94, "counted")})
UNKNOWN = Entry("unknown", "board", {}, {"flash_bytes": Figure(100, "counted")}, notes=["no clock <there>"])
ENTRIES = [SMALL, METERED, BEATEN, UNKNOWN]


def test_names_are_as_long_as_they_must_be() -> None:
    assert names(ENTRIES) == ["small on cortex-m4", "large on board", "beaten on board", "unknown on board"]
    other = replace(SMALL, ways={"toolchain": "gcc"})
    assert names([replace(SMALL, model="a\x1b[2Jb")]) == ["a\ufffd[2Jb on cortex-m4"]
    assert names([SMALL, other]) == ["small on cortex-m4 zig", "small on cortex-m4 gcc"]


def test_a_few_of_many() -> None:
    assert called(ENTRIES, []) == ENTRIES
    assert called(ENTRIES, ["large", "* on cortex*"]) == [SMALL, METERED]
    with pytest.raises(ToolkitError, match="nothing is called medium"):
        called(ENTRIES, ["medium"])


def test_what_is_compared() -> None:
    chosen = comparison.choose(ENTRIES)
    assert (chosen.x.name, chosen.y.name) == ("latency", "accuracy")
    assert chosen.on_front() == [True, True, False, False]
    assert chosen.on_front(find("flash")) == [True, True, False, False]
    assert [metric.name for metric in chosen.others] == ["energy", "flash"]
    assert chosen.notes == ["latency is estimated for some and measured for others: compare them with care"]
    assert comparison.choose(ENTRIES, find("energy"), find("flash")).on_front() == [False, True, True, False]
    slower = {**METERED.figures, "latency_us": Figure(1070, "measured", "a clock", 20)}
    for accuracy, here in ((0.95, False), (0.94, False)):
        again = replace(METERED, model="again", figures={**slower, "accuracy": Figure(accuracy, "counted")})
        assert comparison.choose([METERED, again]).on_front() == [True, here]
    blurred = {**slower, "latency_us": Figure(1070, "measured", "a clock", 40)}
    assert (
        comparison.choose([METERED, replace(METERED, model="blurred", figures=blurred)]).on_front()
        == [True] * 2
    )
    without = [replace(each, figures={"flash_bytes": each.figures["flash_bytes"]}) for each in ENTRIES]
    assert comparison.choose(without).y.name == "flash"


def test_the_page_says_how_everything_is_known() -> None:
    page = comparison.render(comparison.choose(ENTRIES))
    for text in (
        "120 µs ◇",
        "1 ms ± 4 % ●",
        "90.00 % ■",
        "55.5 µJ ± 2 % ●",
        "compare them with care",
        "a manual",
    ):
        assert text in page
    (row,) = re.findall(r"<tr><th[^>]*><span class=.index.>4</span>unknown on board.*?</tr>", page)
    assert row.count("–") == 3
    found = Elements(page).found
    assert {tag for tag, _ in found} & {"script", "img", "iframe"} == set()
    assert not [
        value
        for _, each in found
        for key, value in each.items()
        if key in ("src", "href") and value != "data:,"
    ]
    assert "http:" not in page
    assert all("scope" in attributes for tag, attributes in found if tag == "th")
    pictures = [each for tag, each in found if tag == "svg" and each.get("class") == "canvas"]
    assert len(pictures) == 3
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)


def test_the_picture_marks_points_by_how_they_are_known() -> None:
    text = str(comparison.picture(comparison.choose(ENTRIES)))
    assert [each for each in ElementTree.fromstring(text).iter() if each.tag.endswith("polyline")]
    points = text.partition("Pareto front")[0]
    assert points.count("<circle") == 2 + 2 + 1  # points, their names, the mark's meaning
    assert points.count("<polygon") == 1 + 1 + 1
    assert text.count('class="within') == 2
    assert comparison.picture(comparison.choose([UNKNOWN])) == ""


def test_names_from_strangers_are_text() -> None:
    hostile = [replace(each, model=HOSTILE, target=HOSTILE, source=HOSTILE) for each in ENTRIES]
    chosen = comparison.choose(hostile)
    assert {tag for tag, _ in Elements(comparison.render(chosen)).found} & {"script", "img"} == set()
    ElementTree.fromstring(str(comparison.picture(chosen)))


@needs_chromium
def test_no_sideways_scrolling_on_a_phone(tmp_path: Path) -> None:
    long = [replace(each, model="averyverylongname" * 8) for each in ENTRIES]
    page = comparison.render(comparison.choose(long))
    assert int(browse(page, tmp_path, PHONE_PX, "d.documentElement.scrollWidth")) <= PHONE_PX


POSITIVE = st.floats(1e-6, 1e12)


THOUSANDTHS = st.integers(-(10**12), 10**12).map(lambda value: value / 1000)


@given(st.lists(st.tuples(THOUSANDTHS, st.none() | THOUSANDTHS.map(abs)), min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_every_value_is_on_the_scale(values: list[tuple[float, float | None]]) -> None:
    scale = Scale(values, 100, 400)
    for value, within in values:
        assert 100 <= scale.at(value - (within or 0)) <= scale.at(value + (within or 0)) <= 500
    assert all(100 <= scale.at(tick) <= 500 for tick in scale.ticks())


@given(POSITIVE, POSITIVE)
@settings(max_examples=100, deadline=None)
def test_ticks(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert all(low <= tick <= high for tick in decades(low, high))
    assert len(decades(low, high)) <= 8
    if high >= 10 * low:
        assert decades(low, high)
    ticks = round_values(low, high)
    assert ticks[0] <= low * (1 + 1e-6)
    assert ticks[-1] >= high * (1 - 1e-6)


@pytest.mark.parametrize("name", ["latency", "latency_us"])
def test_a_figure_goes_by_name_and_by_key(name: str) -> None:
    assert find(name).key == "latency_us"
