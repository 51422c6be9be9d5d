"""``toolkit bench rules``: rules beside backpropagation, in a table, a document and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings
from toolkit.measure.studies.rules import compare
from toolkit.report.bars import Panel, bars

if TYPE_CHECKING:
    from tests.conftest import Cli

SVG = "{http://www.w3.org/2000/svg}"


def test_a_table_and_a_picture(cli: Cli, tmp_path: Path) -> None:
    words = (
        "bench",
        "rules",
        "mono-forward",
        "phyff",
        "gb-nn",
        "--epochs",
        "2",
        "-o",
        tmp_path / "rules.svg",
    )
    done = cli(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["rule", "backprop", "mono-forward", "phyff"]
    assert lines[3].split()[-1] == "ff_mlp"  # the network that it insists on
    assert "gb-nn trains two linear layers with biases, not blocks.conv1.conv" in done.out
    assert "wrote" in done.err
    picture = ElementTree.parse(tmp_path / "rules.svg").getroot()
    said = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"backprop", "mono-forward", "phyff", "test accuracy"} <= set(said)
    assert "gb-nn" not in said
    assert len(list(picture.iter(f"{SVG}rect"))) == 3 * 3


def test_the_document(cli: Cli, tmp_path: Path) -> None:
    words = ("bench-rules", "dfa", "backprop", "--model", "mlp", "--epochs", "3", "--json")
    document = cli(*words, cwd=tmp_path).document
    assert (document["schema"], document["dataset"], document["preset"]) == (1, "digits", "digits")
    assert [row["rule"] for row in document["rows"]] == ["backprop", "dfa"]  # to compare with, first
    for row in document["rows"]:
        assert row["accuracy"] > 0.6
        assert row["peak_bytes"] > 32 * 64 * 4
        assert row["seconds"] > 0
        assert row["refused"] == ""
    assert (tmp_path / document["picture"]).is_file()


def test_memory_is_measured_and_progress_told() -> None:
    told: list[tuple[int, int]] = []
    settings = TrainSettings(epochs=2, batch_size=32, learning_rate=5e-3)
    results = list(
        compare(["mono-forward"], "digits", "cnn", "digits", settings, lambda a, b, _: told.append((a, b)))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    backprop, local = results
    assert backprop.peak_bytes is not None
    assert local.peak_bytes is not None
    assert local.peak_bytes < backprop.peak_bytes  # one block's activations at a time


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(ToolkitError, match="no training rule is called 'mono'"):
        list(compare(["mono"], "digits", "cnn", "digits", TrainSettings(epochs=1)))


def test_bars_are_as_long_as_their_values() -> None:
    panel = Panel("x", [2.0, 4.0, None], ["two", "four", ""])
    picture = ElementTree.fromstring(str(bars("a & b", ["p", "q", "r"], [panel])))
    first, second = (float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect"))
    assert second == 2 * first > 0
    line = next(picture.iter(f"{SVG}line"))
    assert float(line.get("x1", "")) == pytest.approx(
        first + float(next(picture.iter(f"{SVG}rect")).get("x", ""))
    )
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == "a & b"
