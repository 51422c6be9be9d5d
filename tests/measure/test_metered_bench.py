"""``toolkit bench`` with a meter: an emulated board whose emulated meter sees when it works, and this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.device.known_load import OPEN, KnownLoad
from tests.device.lpm01a_board import Lpm01aBoard
from tests.device.ppk2_board import Ppk2Board
from tests.measure.test_board import BOARD, learner_bundle
from tests.measure.test_meter_rapl import tree
from toolkit.compare.entry import of_document
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulated_board import running
from toolkit.device.emulators.native import runs_here
from toolkit.device.emulators.unicorn_board import UnicornBoard
from toolkit.device.local_program import LocalProgram
from toolkit.device.serial_link import SerialLink
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError
from toolkit.measure import meters
from toolkit.measure.bench_result import ON_BOARD
from toolkit.measure.board import BoardBench
from toolkit.measure.energy.metered import measure
from toolkit.measure.windows import choose_runs

if TYPE_CHECKING:
    from tests.conftest import Cli

IDLE_A, BUSY_A, VOLTAGE = 2e-3, 14e-3, 3.0


@contextmanager
def working_board(folder: Path, load: KnownLoad) -> Iterator[UnicornBoard]:
    """Yield a board that draws ``load.busy_a``, except while its core waits for a byte."""
    with running(build(folder, serial=True), targets.load(BOARD), as_chip=True) as board:
        assert isinstance(board, UnicornBoard)
        wait = board._port._wait

        def resting() -> None:
            if load.spans and load.spans[-1][1] == OPEN:
                load.end()
            wait()
            load.begin()

        board._port._wait = resting  # type: ignore[method-assign]
        yield board


@pytest.fixture(scope="module")
def learns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a model that learns."""
    return learner_bundle(tmp_path_factory.mktemp("learns") / "bundle")


def test_energy_of_an_inference_and_of_a_training_step_on_a_board(cli: Cli, learns: Path) -> None:
    """The board works without a pause within a window, so that its energy is its power times its time."""
    load = KnownLoad(IDLE_A, BUSY_A, noise_a=1e-4, voltage=VOLTAGE)
    with Lpm01aBoard(load) as meter, working_board(learns, load) as board:
        done = cli(
            "bench", learns, "--port", board.url, "--window", "0.02", "--windows", "1", "--idle", "0.3", "--json",
            "--meter", "lpm01a", "--meter-port", meter.port, "--meter-option", f"voltage={VOLTAGE}",
        )  # fmt: skip
    assert done.code == 0, done.err
    found = done.document
    for job, energy in (("inference", "energy"), ("training step", "training_energy")):
        gross, net, one = found[f"{energy}_uj"], found[f"{energy}_net_uj"], found["metered"][job]
        assert gross["kind"] == net["kind"] == "measured"
        assert gross["source"].startswith("lpm01a, 1 windows")
        run_uj = one["seconds"]["value"] * 1e6 * VOLTAGE  # of one ampere
        assert net["value"] == pytest.approx((BUSY_A - IDLE_A) * run_uj, rel=0.2)
        assert gross["value"] == pytest.approx(BUSY_A * run_uj, rel=0.2)
        assert 0 < gross["uncertainty"] < gross["value"]
    assert one["idle_w"]["value"] == pytest.approx(IDLE_A * VOLTAGE, rel=0.05)
    assert one["busy_w"] == pytest.approx(BUSY_A * VOLTAGE, rel=0.2)
    assert one["windows"][0]["seconds"] > 0.3  # the meter wants one second, whatever --window says
    assert set(one["parts_uj"]) == {"meter", "spread", "edges", "idle", "lost"}
    row = of_document(found, source="the board")
    assert (row.ways["meter"], row.ways["emulator"]) == ("lpm01a", ON_BOARD)
    assert row.figures["training_energy_uj"].uncertainty == found["training_energy_uj"]["uncertainty"]


def test_the_firmwares_pin_marks_windows(learns: Path) -> None:
    """All the way: firmware sets a pin of the emulated board, the emulated PPK2 samples it beside the current."""
    load = KnownLoad(IDLE_A, BUSY_A, noise_a=1e-4, voltage=VOLTAGE)
    kit = Ppk2Board(load)
    with kit, working_board(learns, load) as board, SerialLink(board.url) as link:
        board.on_mark = load.mark
        bench = BoardBench(learns, link)
        assert bench.stats.mark_pin == 1
        bench.load()
        runs, takes_s = choose_runs(bench.infer, 0.2)
        with meters.make("ppk2", kit.port, {"pin": "D0", "voltage": str(VOLTAGE)}) as meter:
            found = measure(meter, bench.infer, runs, takes_s, windows=2, idle_s=0.3)
    run_uj = found.seconds.value * 1e6 * VOLTAGE
    assert found.net_uj.value == pytest.approx((BUSY_A - IDLE_A) * run_uj, rel=0.02)
    assert found.parts_uj["edges"] < 0.001 * found.net_uj.value
    assert load.marked is not None
    assert len(found.windows) == 2 < len(load.marked)


def test_energy_of_this_machine_by_rapl(cli: Cli, tmp_path: Path) -> None:
    """A counter that says 5 W whatever happens: all of an inference's energy is time, and none is above idle."""
    bundle, target = tmp_path / "bundle", "linux-x86" if runs_here("x86_64") else "host"
    folder, ended, began = tree(tmp_path, package_0="0"), threading.Event(), time.monotonic()

    def run() -> None:
        while not ended.wait(0.002):
            new = folder / "new"
            new.write_text(str(int(5e6 * (time.monotonic() - began)) % 1_000_000))
            os.replace(new, folder / "intel-rapl:0" / "energy_uj")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        done = cli(
            "bench", learner_bundle(bundle, target), "--window", "0.05", "--windows", "1", "--idle", "0.5", "--json",
            "--meter", "rapl", "--meter-port", folder,
        )  # fmt: skip
    finally:
        ended.set()
        thread.join()
    assert done.code == 0, done.err
    found = done.document
    one = found["metered"]["inference"]
    assert found["energy_uj"]["value"] == pytest.approx(5.0 * one["seconds"]["value"] * 1e6, rel=0.2)
    assert abs(found["energy_net_uj"]["value"]) < 0.3 * found["energy_uj"]["value"]
    assert any("no document states" in note for note in found["notes"])


def test_what_cannot_be_measured_is_refused(cli: Cli, learns: Path) -> None:
    for arguments, code, said in (
        (["--meter", "volt"], USAGE, "no meter called 'volt'"),
        (["--meter-port", "x"], USAGE, "no meter"),
        (["--meter", "ppk2", "--meter-option", "pin"], USAGE, "has no value"),
        (["--meter", "ppk2", "--meter-port", "/dev/no-such"], MISSING, "cannot open the PPK2"),
        (["--meter", "rapl", "--meter-port", "/no/such"], MISSING, "no RAPL counter"),
    ):
        done = cli("bench", learns, *arguments)
        assert (done.code, said in done.err) == (code, True), done.err


def test_a_program_that_ends_is_a_broken_line(tmp_path: Path) -> None:
    program = tmp_path / "ends"
    program.write_text("#!/bin/sh\nprintf m-\nexit 3\n")
    program.chmod(0o755)
    line = LocalProgram(program)
    said = b""
    while said != b"m-":
        said += line.read(10)
    with pytest.raises(OSError, match="exit status 3"):
        list(iter(lambda: line.read(10), b"never"))
    line.close()
    with pytest.raises(ToolkitError, match="cannot start") as caught:
        LocalProgram(tmp_path / "none")
    assert caught.value.exit_code == DEVICE
