"""What a board says that it takes, over its serial line; the boards are emulated, and most do not know it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.device import learner
from tests.measure.test_meter_rapl import tree
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulated_board import Board, running
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.errors import CHECK_FAILED, DEVICE, USAGE, ToolkitError
from toolkit.measure.board import BoardBench, bench_board
from toolkit.measure.windows import Windows, choose_runs, measure

if TYPE_CHECKING:
    from tests.conftest import Cli

BOARD = "mps2-an386"


@pytest.fixture(scope="module")
def bundle(cli: Cli, tiny_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the compiler's own."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    done = cli("export", tiny_program, "--target", BOARD, "-o", folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def board(bundle: Path) -> Iterator[Board]:
    """A board on which the bundle runs, its layers marked."""
    with running(build(bundle, serial=True, trace=True), targets.load(BOARD), as_chip=True) as board:
        yield board


def test_time_and_cycles_are_measured_on_a_board_and_its_answers_compared(
    cli: Cli, bundle: Path, board: Board
) -> None:
    done = cli("bench", bundle, "--port", board.url, "--window", "0.05", "--windows", "3", "--json")
    assert done.code == 0, done.err
    found = done.document
    assert (found["target"], found["emulator"], found["clock_hz"]) == (BOARD, "none", 25_000_000)
    latency = found["latency_us"]
    assert latency["kind"] == "measured"
    assert latency["value"] > 0
    assert latency["uncertainty"] > 0
    assert found["cycles"]["kind"] == "measured"
    # of one run, alone: its layers cannot take more than all of it
    layers = [layer["cycles"] for layer in found["layers"]]
    assert len(layers) == 2
    assert min(layers) > 0
    assert sum(layers) <= found["cycles"]["value"]
    assert found["memory"]["stack_used_bytes"] > 0
    assert found["instructions"] is found["energy_uj"] is found["training_latency_us"] is None
    count = json.loads((bundle / "manifest.json").read_text("utf-8"))["golden"]["count"]
    assert found["notes"] == [f"{count} golden samples right on the board"]
    shown = cli("bench", bundle, "-p", board.url, "--window", "0.01", "--windows", "2")
    assert "measured" in shown.out
    assert "est. cycles" not in shown.out


def test_nothing_is_measured_on_an_emulated_board(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    with running(build(bundle, serial=True), targets.load(BOARD)) as board:
        done = cli("bench", bundle, "--port", board.url, "--json")
        folder = tree(tmp_path, package_0="0")
        metered = cli("bench", bundle, "--port", board.url, "--meter", "rapl", "--meter-port", folder)
    assert done.code == 0, done.err
    found, counted = done.document, cli("bench", bundle, "--json").document
    assert found["latency_us"] == counted["latency_us"]
    assert found["latency_us"]["kind"] == "estimated"
    assert found["cycles"] == counted["cycles"]
    assert found["instructions"]["kind"] == "counted"
    assert found["emulator"] == "unicorn"
    assert "golden samples right on the board" in found["notes"][0]
    assert "nothing is measured" in found["notes"][1]
    assert (metered.code, "the board is emulated" in metered.err) == (DEVICE, True), metered.err


def test_a_wrong_answer_another_model_and_wrong_options_are_errors(
    cli: Cli, bundle: Path, board: Board, tmp_path: Path
) -> None:
    output = bundle / "golden" / "output_0.npy"
    right = np.load(output)
    try:
        wrong = right.copy()
        wrong[1].flat[2] ^= 1
        np.save(output, wrong)
        done = cli("bench", bundle, "--port", board.url)
        assert done.code == CHECK_FAILED
        assert "golden sample 1" in done.err
    finally:
        np.save(output, right)
    other = learner_bundle(tmp_path / "learner")
    done = cli("bench", other, "--port", board.url)
    assert (done.code, "serves another model" in done.err) == (CHECK_FAILED, True)
    assert cli("bench", bundle, "--port", board.url, "--blocks").code == USAGE
    assert cli("bench", bundle, "--port", "/dev/tty-that-is-not-there").code == DEVICE


def learner_bundle(folder: Path, target: str = BOARD) -> Path:
    """Add to a model that learns what a bundle of the compiler has: layers, and three steps as golden data."""
    learner.make(folder, target)
    samples, labels = learner.samples(3)
    rates = np.full(3, 0.1, np.float32)
    weight, bias = np.zeros((4, 8), np.float32), np.zeros(4, np.float32)
    answers, losses = [], []
    for sample, label in zip(samples, labels, strict=True):
        answers.append(bias + weight @ sample)
        error = np.exp(answers[-1]) / np.exp(answers[-1]).sum() - np.eye(4)[label]
        losses.append((error**2).sum())
        weight, bias = weight - 0.1 * error[:, None] * sample, bias - 0.1 * error
    golden: dict[str, Any] = {"count": 3, "inputs": [], "outputs": []}
    (folder / "golden").mkdir()
    for kind, arrays in {
        "input": [samples, np.eye(4, dtype=np.float32)[labels], rates],
        "output": [np.array(answers), np.array(losses)],
    }.items():
        for index, array in enumerate(arrays):
            name = f"golden/{kind}_{index}.npy"
            np.save(folder / name, array.astype(np.float32))
            golden[f"{kind}s"].append(name)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "layers": [], "golden": golden}), "utf-8")
    return folder


def test_a_model_that_learns_is_timed_answering_and_learning_and_keeps_what_it_saved(tmp_path: Path) -> None:
    folder = learner_bundle(tmp_path / "learner")
    image, target = build(folder, serial=True), targets.load(BOARD)
    with running(image, target, as_chip=True) as board, SerialLink(board.url) as link:
        model = SerialModel(link, sample_bytes=4 * learner.FEATURES, classes=learner.CLASSES)
        model.load_sample(learner.samples(1)[0].tobytes(), 1)
        model.train(0.1)
        model.save()
        before = model.state_crc()
        found = bench_board(folder, link, window_s=0.05, windows=3)
        assert found.latency_us is not None
        assert found.training_latency_us is not None
        assert found.training_latency_us.value > found.latency_us.value
        assert "no cycles by layer" in found.notes[1]
        assert model.state_crc() == before
        assert found.memory is not None
    with running(image, target) as board, SerialLink(board.url) as link:
        found = bench_board(folder, link)
    assert found.latency_us is None
    assert found.training_latency_us is not None
    assert found.training_latency_us.kind == "estimated"


def test_windows_are_long_enough_and_say_how_far_they_are_apart() -> None:
    asked = []

    def run(runs: int, takes_s: float) -> int:
        asked.append((runs, takes_s))
        return 7 + 20 * runs + (len(asked) % 3) * runs // 100

    found = measure(run, 1.0, 9)
    assert found.runs == pytest.approx(50_000, rel=0.01)
    assert found.median_us == pytest.approx(20, abs=0.02)
    assert 0 < found.uncertainty_us < 0.05
    assert asked[-1][1] == pytest.approx(1.0, rel=0.05)
    assert Windows(1, (5.0,)).uncertainty_us == pytest.approx(2 / 6**0.5)
    for wrong in (0.0, -1.0, 61.0, float("nan")):
        with pytest.raises(ToolkitError, match="window of"):
            choose_runs(run, wrong)
    with pytest.raises(ToolkitError, match="stands still"):
        choose_runs(lambda runs, takes_s: 0, 1.0)


def test_a_clock_that_wraps_around_inside_a_window_makes_no_difference(bundle: Path, board: Board) -> None:
    with SerialLink(board.url) as link:
        bench = BoardBench(bundle, link)
        lines = ["m-lap-us-4294967290", "m-lap-us-10", "m-infer-done"]
        assert bench.model._lap(lines, "infer") == 16
        with pytest.raises(ToolkitError, match="the board answers `infer` with"):
            bench.model._lap(lines[:1], "infer")
