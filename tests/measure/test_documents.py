"""Documents from outside become entries, or an error for the person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.measure.test_store import DOCUMENT
from toolkit.compare.documents import entries_of
from toolkit.compare.entry import names
from toolkit.compare.sources import load
from toolkit.errors import ToolkitError

DEPLOYED: dict[str, Any] = {
    "schema": 1, "command": "deploy", "model": "net", "target": "rpi", "host": "pi@pi", "machine": "Linux 6.6 aarch64",
    "accuracy": {"value": 0.9, "kind": "counted", "source": "100 test samples"},
    "ran": [
        {"file": "model.c", "runtime": "c", "latency": None},
        {"file": "models/int8.pte", "runtime": "executorch",
         "latency": {"runs": 100, "median_us": 20.0, "spread_us": 1.0, "fastest_us": 18.0}},
    ],
}  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from([0, 3, -(10**400), 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def test_a_bench_and_a_matrix_of_them() -> None:
    (one,) = entries_of(DOCUMENT, source="a.json")
    assert (one.model, one.target, one.source) == ("net", "cortex-m4", "a.json")
    assert one.figures["ram_bytes"].value == 200
    matrix = {
        "schema": 1,
        "command": "bench-all",
        "cells": [{"bench": DOCUMENT}, {"bench": None, "error": {}}],
    }
    assert entries_of(matrix, source="a.json") == [one]
    (old,) = entries_of({**DOCUMENT, "model": None}, source="a.json", model="a")
    assert old.model == "a"


def test_what_was_deployed() -> None:
    own, file = entries_of(DEPLOYED, source="pi.json")
    assert names([own, file]) == ["net on rpi model.c", "net on rpi models/int8.pte"]
    assert list(own.figures) == ["accuracy"]  # of the C alone, which is exact
    assert list(file.figures) == ["latency_us"]
    assert (file.figures["latency_us"].value, file.figures["latency_us"].uncertainty) == (
        20.0,
        pytest.approx(2.9),
    )
    assert file.ways["host"] == "pi@pi"


@given(st.sampled_from(sorted({*DOCUMENT, *DEPLOYED, "cells"})), JSON)
@settings(max_examples=300, deadline=None)
def test_anything_else_is_an_error(field: str, value: Any) -> None:
    matrix = {"schema": 1, "command": "bench-all"}
    took = DEPLOYED["ran"][1]["latency"]
    timed = {**DEPLOYED, "ran": [{**DEPLOYED["ran"][1], "latency": {**took, each: value}} for each in took]}
    for document in (
        {**DOCUMENT, field: value},
        {**matrix, field: value},
        {**DEPLOYED, field: value},
        timed,
        value,
    ):
        try:
            entries_of(document, source="a.json", model="a")
        except ToolkitError as error:
            assert error.fix  # noqa: PT017


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"schema": 1}', "\udcff", "NaN"])
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ToolkitError):
        load([str(file)])
    with pytest.raises(ToolkitError):
        load([str(tmp_path / "gone.json")])
    file.write_text(json.dumps(DOCUMENT))
    assert len(load([str(file), str(file)])) == 2
