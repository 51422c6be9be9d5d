"""Activations with a scale for each token: as torch's operators compute them, and what of them is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor, nn

from quantize.lowbit import bitnet158
from quantize.method import MethodError
from toolkit import bundle
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.ops.token_scale import token_samples
from toolkit.program import pt2
from toolkit.program.per_token import quantize_per_token
from toolkit.verify.verify import verify

QD = torch.ops.quantized_decomposed


class Shared(nn.Module):
    """Two layers of one input, and an activation behind one; an odd number of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(31, 6), nn.Linear(31, 6, bias=False)
        self.last = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.one(x)) * self.two(x))


class Integers(nn.Module):
    """The integers and scales of each row as floats, by torch's operators."""

    def __init__(self, choose: str = "choose_qparams_per_token") -> None:
        super().__init__()
        self.choose = choose

    def forward(self, x: Tensor) -> Tensor:
        scale, zero = getattr(QD, self.choose)(x, torch.int8)
        x = QD.quantize_per_token(x, scale, zero, -128, 127, torch.int8)
        return QD.dequantize_per_token(x, scale, zero, -128, 127, torch.int8, torch.float32)


def _ternary() -> Shared:
    torch.manual_seed(0)
    net = Shared().eval()
    with torch.no_grad():
        for layer in (net.one, net.two, net.last):
            layer.weight.copy_(0.3 * torch.randint(-1, 2, layer.weight.shape))
        net.two.weight[2] *= 0.5  # a scale for each channel
    return net


@pytest.mark.parametrize("data", [data for _, data in token_samples() if data.ndim == 2])
def test_scales_and_integers_are_those_of_torch(data: np.ndarray) -> None:
    program = torch.export.export(Integers(), (torch.from_numpy(data),))
    model = lower(program)
    assert [step.op for step in model.steps] == ["token_scale", "quantize_per_token", "dequantize_per_token"]
    scale, integers, real = (out for _, out in reference.trace(model, [data]))
    finite = np.isfinite(data).all(1)
    wanted, zero = QD.choose_qparams_per_token(torch.from_numpy(data), torch.int8)
    np.testing.assert_array_equal(scale, wanted.numpy())
    rounded = QD.quantize_per_token(torch.from_numpy(data), wanted, zero, -128, 127, torch.int8)
    np.testing.assert_array_equal(integers[finite], rounded.numpy()[finite])
    np.testing.assert_array_equal(real[finite], program.module()(torch.from_numpy(data)).numpy()[finite])
    assert np.isnan(real[~finite]).any(1).all()


@pytest.mark.parametrize("weights", ["ternary", "int8"])
def test_layers_share_the_integers_of_their_input_and_compute_what_torch_does(weights: str) -> None:
    net = _ternary()
    x = torch.randn(3, 31)
    program = quantize_per_token(net, x, weights=weights)
    model = lower(program)
    assert [step.op for step in model.steps] == [
        "token_scale", "quantize_per_token", "fully_connected_per_token", "fully_connected_per_token", "mul",
        "token_scale", "quantize_per_token", "fully_connected_per_token",
    ]  # fmt: skip
    (out,) = reference.run(model, [x.numpy()])
    np.testing.assert_allclose(out, program.module()(x).detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out, net(x).detach().numpy(), rtol=0.05, atol=0.05)
    held = {tuple(value.unique().tolist()) for name, value in program.state_dict.items() if "weight" in name}
    assert ((-1, 0, 1) in held) == (weights == "ternary")


def test_every_device_computes_the_same_bits(tmp_path: Path) -> None:
    pt2.save(quantize_per_token(_ternary(), torch.randn(1, 31), weights="ternary"), tmp_path / "net.pt2")
    for target in (
        "cortex-m0plus",
        "cortex-m7",
    ):  # floats in software, and a core that could fuse multiply and add
        bundle.export(tmp_path / "net.pt2", target, tmp_path / target)
        result = verify(tmp_path / target)
        assert result.ok
        assert result.exact


def test_what_has_no_scale_for_each_token_is_refused() -> None:
    with pytest.raises(ToolkitError, match="for linear layers, and this is Conv2d") as error:
        quantize_per_token(nn.Sequential(nn.Conv2d(1, 2, 3)).eval(), torch.zeros(1, 1, 5, 5))
    assert error.value.at == "0"
    options = bitnet158.Options(activation_scale="token")
    with pytest.raises(MethodError, match="0 is Conv2d"):
        bitnet158.quantize(nn.Sequential(nn.Conv2d(1, 2, 3)), None, options)
    with pytest.raises(ToolkitError, match="not ternary"):
        quantize_per_token(nn.Linear(3, 2).eval(), torch.zeros(1, 3), weights="ternary")
    broken = nn.Linear(3, 2).eval()
    broken.weight.data[0, 0] = torch.nan
    with pytest.raises(ToolkitError, match="NaN"):
        quantize_per_token(broken, torch.zeros(1, 3))
    affine = torch.export.export(Integers("choose_qparams_per_token_asymmetric"), (torch.zeros(1, 4),))
    with pytest.raises(ToolkitError, match="choose_qparams_per_token_asymmetric"):
        lower(affine)
