"""The examples do what their READMEs say: every command of every README runs, from a clean copy."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli, Python, run_program
from toolkit import project
from toolkit.device.build import read_manifest

Run = Callable[[str, Path], str]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
INSTALL = {"make": "apt-get install make", "cmake": "apt-get install cmake", "cc": "apt-get install gcc"}


def _blocks(readme: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", readme.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples as a clone has them."""
    made_here = shutil.ignore_patterns(
        "build", "bundle", "*.npy", "*.pt2", "*.sqlite", "digit", "__pycache__"
    )
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=made_here)


def _run_readme(folder: Path, run: Run) -> list[str]:
    """Run the commands of ``folder``'s README in order and return what each printed."""
    commands = [line for block in _blocks(folder / "README.md", "sh") for line in block.splitlines()]
    assert commands
    return [run(command, folder) for command in commands]


def _run(command: str, folder: Path, cli: Cli, python: Python) -> str:
    program, *arguments = shlex.split(command)
    if program == "toolkit":
        made = cli(*arguments, cwd=folder, timeout=600)
        assert made.code == 0, f"{command}\n{made.out}{made.err}"
        return made.out
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOOLKIT_")}
    if program == "python":
        ran = python(*arguments, cwd=folder, environment=environment)
    else:
        if program in INSTALL and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: {INSTALL[program]}")
        here = str(folder / program) if program.startswith("./") else program
        ran = run_program([here, *arguments], folder, environment)
    assert ran.code == 0, f"{command}\n{ran.out}{ran.err}"
    return ran.out


@pytest.fixture
def run(cli: Cli, python: Python) -> Run:
    """Run a command of a README in its folder and return what it printed."""
    return lambda command, folder: _run(command, folder, cli, python)


def test_every_example_is_listed_and_tested() -> None:
    folders = {file.parent.name for file in EXAMPLES.glob("*/README.md")}
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\) \|", (EXAMPLES / "README.md").read_text("utf-8"), flags=re.M)
    assert {name for pair in listed for name in pair} == folders
    tests = " ".join(name for name in globals() if name.startswith("test_"))
    assert [folder for folder in folders if folder not in tests] == []


def test_digits_ternary_is_what_init_writes(tmp_path: Path) -> None:
    written = project.init(tmp_path, "digits-ternary").read_text(encoding="utf-8")
    assert (EXAMPLES / "digits_ternary" / "toolkit.toml").read_text(encoding="utf-8") == written


def test_digits_ternary_then_drop_in_c(examples: Path, run: Run) -> None:
    if shutil.which("cc") is None:
        pytest.skip(f"cc is not installed: {INSTALL['cc']}")
    made, verified, _ = _run_readme(examples / "digits_ternary", run)
    assert "bit-exact" in made
    assert "verified" in verified
    bundle = read_manifest(examples / "digits_ternary" / "build" / "bundle")
    assert bundle["info"]["accuracy"]["quantized"] > 0.96
    assert {layer["weight_type"] for layer in bundle["layers"]} == {"ternary", None}

    printed = _run_readme(examples / "drop_in_c", run)
    by_make, by_cmake = (text for text in printed if "this is a" in text)
    assert by_make == by_cmake == _blocks(examples / "drop_in_c" / "README.md", "text")[0]


def test_python_api(examples: Path, run: Run) -> None:
    (printed,) = _run_readme(examples / "python_api", run)
    promised = _blocks(examples / "python_api" / "README.md", "text")[0]
    assert _without_numbers(printed.replace("\\", "/")) == _without_numbers(promised)
    accuracies = [float(number) for number in re.findall(r"([\d.]+)%", printed)]
    assert len(accuracies) == 3
    assert min(accuracies) > 96


def test_finetune_on_device(examples: Path, run: Run) -> None:
    folder = examples / "finetune_on_device"
    taught, compared = _run_readme(folder, run)
    promised = _blocks(folder / "README.md", "text")[0]
    assert _without_numbers(taught) == _without_numbers(promised)
    here, before, after, kept = (float(number) for number in re.findall(r"([\d.]+)% right", taught))
    assert here > 90
    assert after == kept > before + 15
    assert re.findall(r"^(nearest-mean|sparse-backprop) ", compared, flags=re.M) == [
        "nearest-mean",
        "sparse-backprop",
    ]
    assert (folder / "build" / "finetune" / "finetune.html").is_file()


def test_compare_targets(examples: Path, run: Run) -> None:
    folder = examples / "compare_targets"
    trained, benched, compared = _run_readme(folder, run)
    assert all(float(right) > 85 for right in re.findall(r"([\d.]+)%", trained))
    assert "5 done, 0 kept from earlier runs, 0 failed" in benched
    promised = _blocks(folder / "README.md", "text")[0]
    assert re.findall(r"mlp.* on \S+", compared) == re.findall(r"mlp.* on \S+", promised)
    assert "*" in re.findall(r"mlp-32-int8 on stm32f4.*", compared)[0]
    assert (folder / "compare.html").read_text(encoding="utf-8").count('class="scatter"') == 4


def test_spoken_digits(examples: Path, run: Run) -> None:
    folder = examples / "spoken_digits"
    (printed,) = _run_readme(folder, run)
    promised = _blocks(folder / "README.md", "text")[0]
    assert _without_numbers(printed) == _without_numbers(promised)
    assert float(re.findall(r"(\d+)% right", printed)[0]) >= 90
    speech, silence = (int(count.replace(",", "")) for count in re.findall(r"([\d,]+) instructions", printed))
    assert speech > silence


def test_one_step(examples: Path, run: Run) -> None:
    folder = examples / "one_step"
    (printed,) = _run_readme(folder, run)
    assert _without_numbers(printed) == _without_numbers(_blocks(folder / "README.md", "text")[0])
    assert int(printed.split()[0]) >= 48
    told = re.findall(r"([\d,]+) additions in the place of ([\d,]+) products", printed)
    assert all(int(few.replace(",", "")) < int(many.replace(",", "")) / 3 for few, many in told)


def test_measure_energy(examples: Path, run: Run) -> None:
    folder = examples / "measure_energy"
    assert (folder / "synthetic.csv").read_text("utf-8").startswith("# SYNTHETIC")
    (printed,) = _run_readme(folder, run)
    assert printed == _blocks(folder / "README.md", "text")[0]
    net, wrong = (float(number) for number in re.findall(r"above idle: ([\d.]+) µJ ± ([\d.]+)", printed)[0])
    assert abs(net - 60) < wrong < 2
    pictures = [folder / "build" / "windows.svg", EXAMPLES.parent / "docs" / "images" / "windows.svg"]
    drawn, shown = (re.findall(r'points="[^"]+"', picture.read_text("utf-8")) for picture in pictures)
    assert len(drawn) == 4
    assert len(drawn[0]) > 4000
    assert len(shown) == len(drawn)


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d.,]*\d", "#", text)


def test_bring_your_own_model(examples: Path, run: Run) -> None:
    folder = examples / "bring_your_own_model"
    printed = _run_readme(folder, run)
    device = float(re.findall(r"on the device: ([\d.]+)%", "".join(printed))[0])
    trained = float(re.findall(r"float: ([\d.]+)%", "".join(printed))[0])
    assert device > 90
    assert abs(device - trained) < 2
    assert np.load(folder / "answers.npy").shape == (397, 10)
