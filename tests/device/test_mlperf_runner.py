"""MLPerf Tiny's runner drives our firmware on an emulated board over a pty: performance, accuracy and energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.device import mlperf_runner
from tests.device.mlperf_runner import Dut, Port
from tests.device.pty_line import PtyLine
from toolkit import bundle as bundles
from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulated_board import running
from toolkit.golden import fresh_inputs
from toolkit.lower import reference
from toolkit.measure.bundled import lowered_model

BOARD = "mps2-an386"
SAMPLES = 40


@pytest.fixture(scope="module")
def bundle(tiny_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network under the name of a benchmark, by which the runner chooses its script."""
    folder = tmp_path_factory.mktemp("kws") / "kws01"
    bundles.export(tiny_program, BOARD, folder, name="kws01")
    return folder


def answers(bundle: Path, count: int) -> tuple[list[bytes], np.ndarray]:
    """Return random samples as the device takes them, and the reference's scores as real numbers."""
    manifest = manifests.read(bundle)
    inputs = fresh_inputs(manifest, count, seed=3)
    (outputs,) = reference.run_batch(lowered_model(bundle, manifest), inputs)
    return tensors.to_bytes(inputs), tensors.to_user(manifest["outputs"][0], outputs).reshape(count, -1)


@pytest.mark.parametrize("emulator", ["unicorn", "qemu"])
def test_performance_and_accuracy(bundle: Path, emulator: str) -> None:
    samples, scores = answers(bundle, SAMPLES)
    labels = scores.argmax(axis=1)
    labels[::4] = (labels[::4] + 1) % scores.shape[1]  # a quarter is answered wrongly
    with (
        running(build(bundle, serial=True), targets.load(BOARD), emulator=emulator) as board,
        PtyLine(board.url) as line,
    ):
        dut = Dut(Port(line.port, mlperf_runner.BAUD))
        assert mlperf_runner.identify(dut) == ("kws01", "kws01")
        found = mlperf_runner.accuracy(dut, samples, [int(label) for label in labels])
        expected = mlperf_runner.summarize(scores, labels)
        assert found.accuracy == expected.accuracy == pytest.approx(0.75)
        assert found.auc == pytest.approx(expected.auc, abs=0.01)
        with dut.port:
            dut.load(samples[0])
            start, end = dut.infer(10, 1)[1]
        runs = max(1, int(0.2e6 / ((end - start) / 10)))
        throughput = mlperf_runner.performance(dut, samples, runs, (0.02, 20.0))
        assert throughput > 0


def test_scores_are_summarized_as_the_area_that_sklearn_finds() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    errors = rng.normal(labels * 1.2, 1.0)[:, None]
    found = mlperf_runner.summarize(errors, labels)
    assert found.auc == pytest.approx(roc_auc_score(labels, errors[:, 0]), abs=0.01)
    assert 0.5 < found.accuracy < 0.9
