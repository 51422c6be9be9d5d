"""Attacks by few flipped pixels: found by the network's own potentials, as few as it takes, in a report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from toolkit import data, models
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings, loop
from toolkit.measure.studies.robustness import ATTACKS, attack
from toolkit.spiking import surrogate
from toolkit.spiking.methods.snn_attack import flips, with_surrogate
from toolkit.spiking.neurons import LIF

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli


def test_the_surrogate_is_as_wide_as_potentials_are_spread() -> None:
    x = torch.randn(8, 2, 5, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 3.0]).view(
        2, 1, 1
    )
    found = surrogate.DERIVATIVES["potential-dependent"](x, 1.0)
    for channel in range(2):
        values = x[:, channel]
        width = float(values.std(correction=0))
        wanted = torch.exp(-((values - width / 2) ** 2) / (2 * width**2)) / (math.sqrt(2 * math.pi) * width)
        torch.testing.assert_close(found[:, channel], wanted)
    assert surrogate.DERIVATIVES["potential-dependent"](torch.zeros(3, 4), 1.0).isfinite().all()


class _Counting(nn.Module):
    """Answers 1 where at least ``least`` of the pixels of ``kind`` are set, and 0 elsewhere."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = x.flatten(1)[:, :8].sum(1) - self.least + 0.5
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize("least", [1, 3, 8])
def test_it_takes_as_many_flips_as_there_must_be(least: int) -> None:
    torch.manual_seed(0)
    mask = flips(_Counting(least), torch.zeros(1, 1, 4, 4), 0)
    assert mask is not None
    assert mask.shape == (1, 4, 4)
    assert int(mask.sum()) == least
    assert int(mask.flatten()[:8].sum()) == least


def test_what_cannot_be_fooled_is_none_and_what_errs_takes_no_flip() -> None:
    torch.manual_seed(0)
    assert flips(_Counting(9), torch.zeros(1, 1, 4, 4), 0, rounds=3) is None
    mask = flips(_Counting(1), torch.zeros(1, 1, 4, 4), 1)
    assert mask is not None
    assert not mask.any()


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    model = models.build("hoyer_cnn", "digits", layers=[[8, 1, 1], [16, 1, 1], [16, 1, 0]], pooled=[1])
    digits = data.load("digits")
    binary = replace(digits, x_train=digits.x_train.round(), x_test=digits.x_test.round())
    loop.train(model, binary, settings=TrainSettings(epochs=4, batch_size=32, learning_rate=1e-2))
    return model


def test_gradients_beat_chance(trained: nn.Module) -> None:
    digits = data.load("digits")
    x, y = torch.from_numpy(digits.x_test[:24]).round(), torch.from_numpy(digits.y_test[:24])
    results = {each.attack: each for each in attack(trained, x, y, [0, 2, 6])}
    assert list(results) == list(ATTACKS)
    clean = {each.accuracy[0] for each in results.values()}
    assert len(clean) == 1
    assert min(clean) > 0.7
    for each in results.values():
        assert each.accuracy == sorted(each.accuracy, reverse=True)
    assert results["potential-dependent"].accuracy[2] < results["random pixels"].accuracy[2] - 0.2
    again = next(iter(attack(trained, x, y, [0, 2, 6])))
    assert again.flips == results["potential-dependent"].flips


def test_every_flip_found_fools(trained: nn.Module) -> None:
    digits = data.load("digits")
    x, y = torch.from_numpy(digits.x_test[:4]).round(), digits.y_test[:4].tolist()
    torch.manual_seed(0)
    for sample, label in zip(x, y, strict=True):
        mask = flips(with_surrogate(trained), sample[None], label)
        if mask is not None:
            fooled = torch.where(mask, 1.0 - sample, sample)
            with torch.no_grad():
                assert int(trained.eval()(fooled[None]).argmax()) != label


def test_only_copies_are_changed() -> None:
    model = models.build("spiking_cnn", "digits")
    made = with_surrogate(model)
    kinds = [
        {module.firing.surrogate for module in each.modules() if isinstance(module, LIF)}
        for each in (model, made)
    ]
    assert kinds == [{"arctan"}, {"potential-dependent"}]
    with pytest.raises(ToolkitError, match="nothing in the Cnn spikes"):
        with_surrogate(models.build("cnn", "digits"))


def test_the_command(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(
        '[data]\nlimit = 300\n[model]\nfamily = "hoyer_cnn"\noptions = { layers = [[8, 2, 1]] }\n'
        '[train]\nepochs = 2\nlearning_rate = 1e-2\n[quantize]\nmethod = "float"\n'
    )
    words = ("bench", "attack", "--project", tmp_path, "--samples", "6", "--budget", "0", "--budget", "4")
    document = cli(*words, "--json", cwd=tmp_path).document
    assert [each["attack"] for each in document["attacks"]] == list(ATTACKS)
    for each in document["attacks"]:
        assert each["budgets"] == [0, 4]
        assert 0 <= each["accuracy"][1] <= each["accuracy"][0] <= 1
    root = ElementTree.parse(tmp_path / "attack.svg").getroot()
    said = {cast("str", text.text) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*ATTACKS, "flipped pixels", "accuracy"} <= said
