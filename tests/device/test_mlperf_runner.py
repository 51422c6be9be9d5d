"""MLPerf Tiny's runner drives our firmware on an emulated board over a pty: performance, accuracy and energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.device import mlperf_runner
from tests.device.known_load import KnownLoad
from tests.device.lpm01a_board import Lpm01aBoard
from tests.device.mlperf_runner import Dut, Port, PowerShield
from tests.device.pty_line import InterfaceBoard, PtyLine
from toolkit import bundle as bundles
from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulated_board import running
from toolkit.device.emulators.unicorn_board import UnicornBoard
from toolkit.golden import fresh_inputs
from toolkit.lower import reference
from toolkit.verify.bundled import lowered_model

BOARD = "mps2-an386"
SAMPLES = 40
WINDOW_S = (0.01, 60.0)  # that a window may last: the machine may be busy


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
            laps = [dut.infer(10, 1)[1] for _ in range(3)]
        runs = max(1, int(2e6 / min(end - start for start, end in laps)))  # for 0.2 s
        throughput = mlperf_runner.performance(dut, samples, runs, WINDOW_S)
        assert throughput > 0


def test_an_autoencoder_is_judged_by_its_error(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 16)).eval()
    program = quantize_ptq(model, np.random.default_rng(0).normal(size=(24, 16)).astype(np.float32))
    pt2.save(program, tmp_path / "ad01.pt2", {"mean_squared_error": {"quantized": 0.5}, "test_samples": 24})
    bundle = tmp_path / "ad01"
    bundles.export(tmp_path / "ad01.pt2", BOARD, bundle)
    samples, real = answers(bundle, 12)
    manifest = manifests.read(bundle)
    (given,) = tensors.from_bytes(manifest["inputs"], samples)
    errors = ((tensors.to_user(manifest["inputs"][0], given) - real) ** 2).mean(axis=1, keepdims=True)
    labels = (np.arange(12) % 2).astype(int)
    with running(build(bundle, serial=True), targets.load(BOARD)) as board, PtyLine(board.url) as line:
        dut = Dut(Port(line.port, mlperf_runner.BAUD))
        with dut.port:
            dut.load(samples[0])
            assert dut.infer(1, 0)[0] == [pytest.approx(float(errors[0, 0]), rel=1e-4, abs=2e-6)]
        found = mlperf_runner.accuracy(dut, samples, [int(label) for label in labels])
    assert found.auc == pytest.approx(mlperf_runner.summarize(errors, labels).auc, abs=0.03)


class MarkedLoad(KnownLoad):
    """A board whose pin D7 falls when a window begins and when it ends, between which it takes more current."""

    def __init__(self, idle_a: float, busy_a: float) -> None:
        super().__init__(idle_a, busy_a)
        self.falls: list[float] = []
        self._level = 1

    def mark(self, level: int) -> None:
        """Take a change of the pin."""
        if self._level and not level:
            (self.end if len(self.falls) % 2 else self.begin)()
            self.falls.append(self.spans[-1][len(self.falls) % 2])
        self._level = level

    def edges(self, since: float, until: float) -> list[tuple[float, bool]]:
        """Return the falling edges within a time."""
        return [(fall, False) for fall in self.falls if since <= fall < until]


def test_energy_through_an_interface_board_and_a_power_monitor(bundle: Path) -> None:
    samples, _ = answers(bundle, mlperf_runner.LOOPS)
    load = MarkedLoad(1e-3, 8e-3)
    image = build(bundle, serial=True, energy=True)
    with (
        running(image, targets.load(BOARD), emulator="unicorn") as board,
        InterfaceBoard(board.url) as interface,
        Lpm01aBoard(load) as monitor,
    ):
        assert isinstance(board, UnicornBoard)
        board.on_mark = load.mark
        dut = Dut(Port(interface.port, mlperf_runner.BAUD), interface=True)
        assert mlperf_runner.identify(dut) == ("kws01", "kws01")
        with dut.port:
            dut.load(samples[0])
            assert dut.infer(2, 1)[1] == []  # the interface board would tell the times
        first, runs = load.spans[-1], 0
        runs = max(1, int(0.3 / ((first[1] - first[0]) / 2)))
        load.falls.clear()
        found = mlperf_runner.energy(dut, PowerShield(monitor.port), samples, runs, WINDOW_S)
    expected = [8e-3 * 3.3 * (end - start) / runs * 1e6 for start, end in load.spans[1:]]
    assert len(expected) == mlperf_runner.LOOPS
    samples_uj = 2 * 8e-3 * 3.3 * 1e-3 / runs * 1e6  # an edge is known to a sample: much of a short window
    assert found == pytest.approx(expected, rel=0.01, abs=samples_uj)


def test_scores_are_summarized_as_the_area_that_sklearn_finds() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    errors = rng.normal(labels * 1.2, 1.0)[:, None]
    found = mlperf_runner.summarize(errors, labels)
    assert found.auc == pytest.approx(roc_auc_score(labels, errors[:, 0]), abs=0.01)
    assert 0.5 < found.accuracy < 0.9
