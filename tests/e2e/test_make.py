"""``toolkit make`` does the whole recipe once, and then only what changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit import data, make, project
from toolkit.compare.sources import load
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from tests.conftest import Cli

SETTINGS = """
[project]
name = "small"
[data]
dataset = "digits"
limit = 200
[model]
family = "mlp"
preset = "digits"
[train]
epochs = {epochs}
learning_rate = 5e-3
threads = 1
[quantize]
method = "{method}"
{options}
[export]
target = "mps2-an386"
golden = 4
[device]
samples = {samples}
fresh = 4
"""
STAGES = list(make.NAMES)


def write(folder: Path, method: str = "int8-ptq", epochs: int = 2, samples: int = 50) -> project.Project:
    """Write the settings of a project that takes seconds, and load it."""
    folder.mkdir(exist_ok=True)
    options = {"int8-ptq": "calibration = 64", "bitnet158": "epochs = 2"}[method]
    text = SETTINGS.format(method=method, options=options, epochs=epochs, samples=samples)
    (folder / project.FILE).write_text(text)
    return project.load(folder)


def ran(settings: project.Project, until: str = "report") -> list[str]:
    """Make the project and return the stages that ran."""
    return [step.stage for step in make.make(settings, until=until) if step.ran]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> project.Project:
    """A project, made once; tests that change it put it back."""
    settings = write(tmp_path_factory.mktemp("made"))
    assert ran(settings) == STAGES
    return settings


def test_every_output_is_there(made: project.Project) -> None:
    for name in ("float.pt", "quantized.pt2", "bundle/manifest.json", "bundle/model.c", "report.html"):
        assert (made.build / name).is_file(), name
    assert not list((made.build / "checkpoints").glob("*.pt"))


def test_device_and_program_agree(made: project.Project) -> None:
    quantized = json.loads((made.build / "quantize.json").read_text())["accuracy"]["quantized"]
    test = json.loads((made.build / "test.json").read_text())
    assert test["samples"] == 200
    assert (test["samples_on_core"], test["samples_on_host"]) == (50, 150)
    assert (
        abs(test["accuracy"] - quantized) <= 2 / 200
    )  # torch computes in float and may round a tie the other way
    assert sum(map(sum, test["confusion"])) == 200
    assert sum(row[i] for i, row in enumerate(test["confusion"])) == test["right"]
    bench = json.loads((made.build / "bench.json").read_text())
    assert bench["accuracy"]["value"] in (quantized, test["accuracy"])
    (compared,) = load([str(made.root)])
    assert compared.figures["accuracy"].value == test["accuracy"]
    assert "200 test samples, 50 of them on mps2-an386" in compared.figures["accuracy"].source


def test_the_report_says_where_the_samples_ran(made: project.Project) -> None:
    page = (made.build / "report.html").read_text(encoding="utf-8")
    assert "50 on mps2-an386 under unicorn, 150 as the same C on the host" in page
    assert "Bit-exact" in page
    assert "no energy estimate: mps2-an386" in page


AUTOENCODER = """
[data]
dataset = "digits"
limit = 200
[model]
family = "fc_autoencoder"
preset = "mlperf"
options = { input_shape = [1, 8, 8], hidden = [32, 8, 32] }
[train]
loss = "mse"
epochs = 30
learning_rate = 1e-2
threads = 1
[quantize]
method = "int8-qat"
epochs = 2
[export]
target = "mps2-an386"
[device]
samples = 20
"""


def test_an_autoencoder_is_scored_by_its_loss(tmp_path: Path) -> None:
    (tmp_path / project.FILE).write_text(AUTOENCODER)
    settings = project.load(tmp_path)
    steps = {step.stage: step.note for step in make.make(settings)}
    quantized = json.loads((settings.build / "quantize.json").read_text())["mean_squared_error"]
    test = json.loads((settings.build / "test.json").read_text())
    variance = float(data.load("digits", limit=200).x_test.var())
    assert 0 < quantized["float"] < variance / 2  # it has learnt to rebuild its input
    assert quantized["quantized"] == pytest.approx(quantized["float"], rel=0.1)
    assert test["mean_squared_error"] == pytest.approx(quantized["quantized"], rel=0.01)
    for stage in ("train", "quantize", "test"):
        assert "mean squared error 0.0" in steps[stage], steps
    page = (settings.build / "report.html").read_text(encoding="utf-8")
    assert "Mean squared error of the output against the input" in page
    assert page.count(f"{test['mean_squared_error']:.4g}") >= 2  # in large type and in the table
    assert 'id="accuracy"' not in page


def test_nothing_is_done_twice(made: project.Project) -> None:
    assert ran(made) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"samples": 60}, ["test", "report"]),
        ({"method": "bitnet158"}, [name for name in STAGES if name != "train"]),
    ],
)
def test_only_what_a_setting_touches(made: project.Project, change: dict, expected: list[str]) -> None:  # type: ignore[type-arg]
    try:
        assert ran(write(made.root, **change)) == expected
    finally:
        ran(write(made.root))


def test_a_damaged_output_is_made_again(made: project.Project) -> None:
    (made.build / "test.json").write_text("{}")
    (made.build / "report.html").unlink()
    assert ran(made) == ["test", "report"]


def test_a_damaged_state_is_no_error(made: project.Project) -> None:
    (made.build / "stages.json").write_text("[1, 2")
    assert ran(made) == STAGES


def test_until_does_no_more(tmp_path: Path) -> None:
    settings = write(tmp_path / "p")
    assert ran(settings, until="quantize") == ["train", "quantize"]
    assert not (settings.build / "bundle").exists()
    with pytest.raises(ToolkitError, match="no stage is called"):
        make.make(settings, until="repot")


def test_help_names_every_stage(cli: Cli) -> None:
    assert "Stop after " + ", ".join(STAGES[:-1]) + f" or {STAGES[-1]}." in " ".join(
        cli("make", "--help").out.split()
    )


def test_dry_run_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "p")
    steps = cli("make", "--dry-run", "--json", "--project", tmp_path / "p").document["steps"]
    assert [step["stage"] for step in steps] == STAGES
    assert all(step["ran"] for step in steps)
    assert [file.name for file in (tmp_path / "p").iterdir()] == [project.FILE]


def test_wrong_names_are_said_before_training(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write(folder)
    for old, new, what in (
        ('"digits"\nlimit', '"digit"\nlimit', "digit"),
        ('family = "mlp"', 'family = "mpl"', "mpl"),
        ('target = "mps2-an386"', 'target = "mps2"', "mps2"),
    ):
        text = SETTINGS.format(method="int8-ptq", options="", epochs=2, samples=1).replace(old, new)
        (folder / project.FILE).write_text(text)
        with pytest.raises(ToolkitError, match=what):
            make.make(project.load(folder))
        assert not (folder / "build" / "float.pt").exists()


def test_one_make_at_a_time(made: project.Project) -> None:
    from filelock import FileLock

    with FileLock(made.build / ".lock"), pytest.raises(ToolkitError, match="another `toolkit`"):
        make.make(made)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    """Killed at once, in the middle of an epoch: the second run starts from the last checkpoint."""
    settings = write(tmp_path / "p", epochs=400)
    process = subprocess.Popen([sys.executable, "-m", "toolkit", "train", "--project", str(settings.root)])
    deadline = time.monotonic() + 120
    while not list((settings.build / "checkpoints").glob("train-*.pt")):
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    assert not (settings.build / "float.pt").exists()

    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "train", "--project", str(settings.root), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert [epoch["epoch"] for epoch in report["epochs"]] == list(range(1, 401))
    assert not list((settings.build / "checkpoints").iterdir())


def test_commands_of_a_project(cli: Cli, made: project.Project) -> None:
    folder = made.root
    assert cli("train", "--project", folder, "--json").document["ran"] is False
    assert cli("quantize", "--project", folder, "--json").document["program"].endswith("quantized.pt2")
    done = cli("export", folder, "-t", "cortex-m0plus", "-o", folder / "other", "--json")
    assert done.document["manifest"]["target"] == "cortex-m0plus"
    page = folder / "elsewhere.html"
    assert cli("report", folder, "-o", page).code == 0
    assert "small" in page.read_text(encoding="utf-8")
    table = cli("make", "--project", folder)
    assert table.code == 0
    for text in (
        "Accuracy, on the device",
        "Flash",
        "RAM",
        "Instructions",
        "Latency",
        "bit-exact",
        "report.html",
    ):
        assert text in table.out
    assert "unchanged" in table.err
