"""The spike-driven transformer: attention is what it says, only spikes meet weights, and a board computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolkit import data, models
from toolkit.bundle import export
from toolkit.learn import TrainSettings, loop
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.methods.meta_spikeformer import SpikeAttention
from toolkit.spiking.neurons import LIF
from toolkit.spiking.time import EachStep, streaming
from toolkit.verify.verify import verify


def _small() -> Any:
    torch.manual_seed(0)
    model = models.build("meta_spikeformer", "digits", channels=[6, 8], heads=2, steps=3)
    for _ in range(30):
        model(torch.rand(32, 1, 8, 8))  # statistics of its normalizations
    return model.eval()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_keys_meet_values_first_and_nothing_changes(heads: int) -> None:
    """The same as each query with each key, then with their values, as the paper's equation has it."""
    torch.manual_seed(0)
    spikes = (torch.rand(3, 24, 2, 3) < 0.4).float()
    query, key, value = (each.reshape(3, heads, -1, 6).transpose(2, 3) for each in spikes.chunk(3, 1))
    wanted = (query @ key.transpose(2, 3)) @ value  # (n, heads, tokens, size)
    found = SpikeAttention(heads)(spikes)
    assert torch.equal(found, wanted.transpose(2, 3).reshape(3, 8, 2, 3))
    assert found.max() > 1


def test_attention_stays_within_its_step() -> None:
    attention = EachStep(SpikeAttention(2))
    spikes = (torch.rand(4, 2, 24, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    other = spikes.clone()
    other[1] = 1.0 - other[1]
    same = (attention(spikes) == attention(other)).flatten(1).all(1)
    assert same.tolist() == [True, False, True, True]


def test_only_spikes_meet_weights() -> None:
    """All but the first layer, which sees the image, and what a layer of its own kind feeds, add up chosen weights."""
    model = _small()
    seen: dict[str, set[float]] = {}

    def look(name: str) -> Any:
        return lambda _, given, __: seen.__setitem__(name, set(given[0].unique().tolist()))

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | SpikeAttention):
            layer.register_forward_hook(look(name))
    model(torch.rand(16, 1, 8, 8))
    plain = [name for name, values in seen.items() if not values <= {0.0, 1.0}]
    assert plain == ["layers.0.module.0", "layers.1.3.module.1"]
    assert len(seen) == 12


def test_every_layer_spikes_and_learns() -> None:
    model = _small()
    rates: dict[str, float] = {}
    model.train()
    for name, layer in model.named_modules():
        if isinstance(layer, LIF):
            layer.register_forward_hook(lambda _, __, z, name=name: rates.__setitem__(name, float(z.mean())))
    model(torch.rand(16, 1, 8, 8)).square().sum().backward()
    assert len(rates) == 11
    assert all(0.01 < rate < 0.9 for rate in rates.values()), rates
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_steps_in_c_are_the_whole(tmp_path: Path) -> None:
    model, image = _small(), torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    step = streaming(model.layers, image)
    pt2.save(torch.export.export(step, (image,)).run_decompositions({}), tmp_path / "step.pt2")
    shown = np.repeat(image.numpy(), model.steps, 0)
    export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden=shown, golden_count=len(shown))
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=len(shown))
    assert result.ok, result.first_difference
    assert result.exact
    found = np.load(tmp_path / "bundle" / "golden" / "output_0.npy")
    with torch.no_grad():
        wanted: Tensor = model(image)
    np.testing.assert_allclose(found[-1].reshape(1, -1), wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(found[-1], found[0] * model.steps, atol=1e-3)  # steps differ: potentials are kept


def test_a_board_computes_the_quantized_one(tmp_path: Path) -> None:
    """Attention multiplies spikes in int8 with sums in int16, for which there is no kernel: that goes in float32."""
    model, images = _small(), np.random.default_rng(1).random((8, 1, 8, 8), np.float32)
    pt2.save(quantize_ptq(model, images), tmp_path / "model.pt2")
    export(tmp_path / "model.pt2", "cortex-m4", tmp_path / "bundle", golden=images[:2], golden_count=2)
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=1)
    assert result.ok, result.first_difference


def test_the_digits_are_learnt() -> None:
    torch.manual_seed(0)
    model = models.build("meta_spikeformer", "digits", channels=[8, 16], steps=2)
    result = loop.train(model, data.load("digits"), settings=TrainSettings(epochs=6, learning_rate=2e-2))
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.75
