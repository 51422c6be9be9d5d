"""Well-known families from torch to an emulated core: to the bit as the reference, and close to the float model."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from tests.models.torch_nets import NETS
from toolkit import bundle, tensors
from toolkit.backends.c import emit
from toolkit.describe import describe_tensor
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    make, shape = NETS[name]
    net, data = make(), torch.randn(64, *shape)
    net(data)  # gives each BatchNorm statistics of its own
    return net.eval(), data


@functools.cache
def quantized(name: str, activations: Literal["int8", "int16"] = "int8") -> ExportedProgram:
    """Return the net ``name`` after quantization; several tests look at it."""
    net, data = build(name)
    return quantize_ptq(net, data.numpy(), activations=activations)


@pytest.mark.parametrize("name", NETS)
def test_integers_stay_close_to_the_float_model(name: str) -> None:
    net, data = build(name)
    model = lower(quantized(name))
    assert all(value.dtype == "int8" for step in model.steps for value in (*step.activations, step.output))
    quant = model.outputs[0].quant
    assert quant is not None
    tensor = describe_tensor(model.inputs[0], model.input_permutes[0])
    got = reference.run_batch(model, [tensors.to_device(tensor, data[:16].numpy())])[0]
    real = (got.astype(np.float64) - quant.zero_point[0]) * quant.scale[0]
    steps = np.abs(real - net(data[:16]).detach().numpy()) / quant.scale[0]
    assert steps.mean() < 1.5
    assert steps.max() < 4


@pytest.mark.parametrize("name", NETS)
def test_host_and_core_agree_to_the_bit(name: str, tmp_path: Path) -> None:
    data = build(name)[1]
    pt2.save(quantized(name), tmp_path / "net.pt2", {})
    bundle.export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "out", golden=data[:2].numpy())
    result = verify(tmp_path / "out", fresh=2)
    assert result.ok, result.first_difference
    assert result.exact


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_steps_share_weights_and_tables(name: str) -> None:
    net = build(name)[0]
    source = emit(lower(quantized(name))).model_c
    arrays = [int(size) for size in re.findall(r"static const TK_ROM int8_t \w+\[(\d+)\]", source)]
    weights = [p.numel() for key, p in net.named_parameters() if key.startswith("layer.weight")]
    assert [arrays.count(size) for size in weights] == [1, 1]
    assert arrays.count(256) <= 6  # eight steps of five or three gates would be 24 or more


@pytest.mark.parametrize("name", ["mobilenet_v3", "tcn", "vit", "lstm", "gru"])
def test_int16_activations_are_closer(name: str) -> None:
    net, data = build(name)
    programs = [quantized(name, "int8").module(), quantized(name, "int16").module()]
    expected = net(data[:16]).detach().numpy()
    int8, int16 = (
        np.abs(np.concatenate([p(x).numpy() for x in data[:16].split(1)]) - expected).mean() for p in programs
    )
    assert int16 < int8 / 3


@pytest.mark.parametrize("name", ["mobilenet_v3", "lstm", "vit"])
def test_int16_on_host_and_core_agrees_to_the_bit(name: str, tmp_path: Path) -> None:
    data = build(name)[1]
    pt2.save(quantized(name, "int16"), tmp_path / "net.pt2", {})
    bundle.export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "out", golden=data[:2].numpy())
    result = verify(tmp_path / "out", fresh=2)
    assert result.ok, result.first_difference
    assert result.exact  # vit's softmax and normalizations, which are float32 here, too
