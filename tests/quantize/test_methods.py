"""Methods are found by their modules being there, and the package stands alone."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import quantize
from quantize.method import Method, find
from toolkit import project
from toolkit.data import load
from toolkit.errors import ToolkitError
from toolkit.learn import Epoch
from toolkit.program.flow import quantize_by

# Trains twice, as a method that prunes and then recovers would.
TWICE = """
import copy
from dataclasses import dataclass
from quantize.method import Method, MethodError, Training

METHOD = Method("twice", "t", "p", "sparse", "c")

@dataclass(frozen=True)
class Options(Training):
    refuse: bool = False

def quantize(model, flow, options):
    if options.refuse:
        raise MethodError("it cannot be", fix="ask for less")
    trained = copy.deepcopy(model)
    flow.train(trained, options)
    flow.train(trained, options)
    return flow.program(trained, calibration=64)
"""


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A method in a folder of its own kind, which nothing else names."""
    for file, text in (("__init__.py", ""), ("_helper.py", ""), ("twice.py", TWICE)):
        place = tmp_path / "more" / "tried_out" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    monkeypatch.setattr(quantize, "__path__", [*quantize.__path__, str(tmp_path / "more")])
    importlib.invalidate_caches()
    quantize._modules.cache_clear()
    yield "twice"
    monkeypatch.undo()
    quantize._modules.cache_clear()


def test_methods_carry_what_a_reader_needs() -> None:
    found = quantize.methods()
    assert {"bitnet158", "int8-ptq", "int8-qat"} <= found.keys()
    for slug, method in found.items():
        assert slug == method.slug
        assert all((method.title, method.paper, method.cost))
        assert (
            Path(str(sys.modules[quantize.load(slug).quantize.__module__].__file__)).parent.name
            == method.kind
        )
        options = quantize.load(slug).Options
        assert is_dataclass(options)
        assert options.__dataclass_params__.frozen  # type: ignore[attr-defined]
        options()  # every setting has a default


def test_a_method_is_found_and_configured_by_its_file_alone(twice: str, tmp_path: Path) -> None:
    assert twice in quantize.slugs()
    assert "-helper" not in quantize.slugs()
    (tmp_path / "toolkit.toml").write_text("[quantize]\nmethod = 'twice'\nepochs = 3\nrefuse = true\n")
    chosen = project.load(tmp_path).quantize
    assert (chosen.options.epochs, chosen.options.refuse) == (3, True)
    with pytest.raises(ToolkitError, match="twice: it cannot be") as error:
        quantize_by(twice, nn.Linear(2, 2), load("digits", limit=10), options=chosen.options)
    assert error.value.fix == "ask for less"


def test_a_method_that_trains_twice_resumes_in_its_second_training(twice: str, tmp_path: Path) -> None:
    class Stopped(Exception):
        """Stands for the power going off."""

    heard: list[int] = []

    def stop(epoch: Epoch) -> None:
        heard.append(epoch.epoch)
        if len(heard) == 3:
            raise Stopped

    torch.manual_seed(0)
    model, data = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), load("digits", limit=200)
    options = quantize.load(twice).Options(epochs=2)
    whole, _ = quantize_by(twice, model, data, options=options)
    with pytest.raises(Stopped):
        quantize_by(twice, model, data, options=options, checkpoint=tmp_path / "run.pt", progress=stop)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("run*.pt")}
    assert len(before) == 2
    resumed, result = quantize_by(twice, model, data, options=options, checkpoint=tmp_path / "run.pt")
    assert result is not None
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3, 4]
    assert (tmp_path / "run.pt").stat().st_mtime_ns == before[tmp_path / "run.pt"]  # not trained again
    for name, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[name]), name


def test_two_modules_with_one_slug_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("ptq", "qat"):
        (tmp_path / "twins_package" / kind).mkdir(parents=True)
        (tmp_path / "twins_package" / kind / "__init__.py").write_text("")
        (tmp_path / "twins_package" / kind / "one_way.py").write_text("")
    (tmp_path / "twins_package" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"twins_package.qat.one_way repeats the method 'one-way'"):
        find(importlib.import_module("twins_package"))


def test_method_is_plain_data() -> None:
    assert Method("a", "b", "c", "ptq", "d") == Method("a", "b", "c", "ptq", "d")


def test_importing_every_module_of_quantize_imports_no_toolkit_and_says_nothing() -> None:
    code = "import sys, quantize; quantize.methods(); print(sorted(m for m in sys.modules if m.startswith('toolkit')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_listing_the_slugs_imports_none_of_them() -> None:
    code = "import sys, quantize; assert quantize.slugs(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
