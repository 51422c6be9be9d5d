"""``.pte`` files: what ExecuTorch's runtime computes from them, and how their weights are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.backends.nets import built as net
from toolkit.backends import formats
from toolkit.backends.executorch import write_file
from toolkit.errors import ToolkitError
from toolkit.model_file import Written, export_format
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.neurons import LI, LIF, Firing, Timing
from toolkit.spiking.time import EachStep, streaming

pytest.importorskip("executorch", reason='pip install "edge-toolkit[executorch]"')
FORMAT = formats.load("executorch")
_QD = torch.ops.quantized_decomposed
PORTABLE = b"quantized_decomposed::"  # how the names of ExecuTorch's own kernels for integers begin


class Images(nn.Module):
    """A convolution, a depthwise one and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.depthwise = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, groups=6)
        self.head = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.head(torch.relu(self.depthwise(x)).flatten(1))


class Lines(nn.Module):
    """Linear layers of even and odd numbers of columns."""

    def __init__(self) -> None:
        super().__init__()
        self.even, self.odd = nn.Linear(64, 33), nn.Linear(33, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.odd(torch.relu(self.even(x)))


class Points(nn.Module):
    """Pointwise convolutions, of which one leaves pixels out, around a depthwise one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.depthwise = nn.Conv2d(2, 6, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.strided, self.last = nn.Conv2d(6, 4, 1, stride=2), nn.Conv2d(4, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.strided(self.depthwise(torch.relu(self.first(x)))))


def ternary(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        for weight in (parameter for parameter in model.parameters() if parameter.dim() > 1):
            scale = weight.abs().mean()
            weight.copy_((weight / scale).round().clamp(-1, 1) * scale)
    return model


def samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)


def written(program: torch.export.ExportedProgram, folder: Path, x: np.ndarray) -> Written:
    return export_format(program, FORMAT, folder / "model.pte", x, count=40)


def stored(result: Written) -> dict[str, str]:
    return {weight.layer: weight.type for weight in result.weights}


def test_int8_layers_are_xnnpacks_and_differ_by_a_step_at_most(tmp_path: Path) -> None:
    x = samples(2, 8, 8)
    result = written(quantize_ptq(net(Images), x), tmp_path, x)
    assert stored(result) == {"conv": "int8", "depthwise": "int8", "head": "int8"}
    assert PORTABLE not in result.path.read_bytes()
    agreement = result.agreements[0]
    assert agreement.beyond_one_step == 0
    assert agreement.equal > 0.95 * agreement.values


def test_ternary_linear_weights_take_four_bits_where_xnnpack_computes_them_right(tmp_path: Path) -> None:
    x = samples(64)
    program = quantize_ptq(ternary(net(Lines)), x, weights="ternary")
    result = written(program, tmp_path, x)
    assert stored(result) == {"even": "int4", "odd": "int8"}
    assert [weight.bytes for weight in result.weights] == [33 * 32, 5 * 33]
    integers = program.state_dict["even.weight"].numpy().astype(np.uint8) + 8 & 15
    assert (integers[:, ::2] | integers[:, 1::2] << 4).tobytes() in result.path.read_bytes()
    agreement = result.agreements[0]
    assert agreement.exact, agreement


def test_ternary_pointwise_weights_take_four_bits(tmp_path: Path) -> None:
    x = samples(2, 6, 5)
    result = written(quantize_ptq(ternary(net(Points)), x, weights="ternary"), tmp_path, x)
    assert stored(result) == {"first": "int4", "depthwise": "int8", "strided": "int8", "last": "int4"}
    assert PORTABLE not in result.path.read_bytes()
    (agreement,) = result.agreements
    assert agreement.beyond_one_step == 0
    assert agreement.equal > 0.9 * agreement.values


def test_float_layers(tmp_path: Path) -> None:
    x = samples(2, 8, 8)
    result = written(torch.export.export(net(Images), (torch.from_numpy(x[:1]),)), tmp_path, x)
    assert set(stored(result).values()) == {"float32"}
    assert result.agreements[0].exact


def test_int16_activations_are_left_to_portable_kernels(tmp_path: Path) -> None:
    x = samples(64)
    program = quantize_ptq(net(Lines), x, activations="int16")
    result = written(program, tmp_path, x)
    assert PORTABLE in result.path.read_bytes()
    assert "aten::addmm" in write_file(program, tmp_path / "again.pte").portable
    assert result.ok


class Imported(nn.Module):
    """Convolutions as in an imported file: int8 input, values moved before the layer, bias in int32."""

    def __init__(self, scale: float | None) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        self.register_buffer(
            "weight", torch.from_numpy(rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8))
        )
        self.register_buffer("bias", torch.from_numpy(rng.integers(-9000, 9000, 4).astype(np.int32)))
        self.register_buffer("scale", torch.full((4,), 0.01))
        self.register_buffer("zero_point", torch.zeros(4, dtype=torch.int64))
        self.input_scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.input_scale is not None:
            x = _QD.dequantize_per_tensor(x, self.input_scale, 3, -128, 127, torch.int8)
        x = functional.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1))
        weight = _QD.dequantize_per_channel(
            self.weight, self.scale, self.zero_point, 0, -127, 127, torch.int8
        )
        bias = _QD.dequantize_per_tensor(self.bias, 5e-4, 0, -(2**31), 2**31 - 1, torch.int32)
        x = functional.conv2d(x, weight, bias)
        return _QD.quantize_per_tensor(x, 0.1, -128, -128, 127, torch.int8)


@pytest.mark.parametrize("scale", [0.05, None], ids=["int8", "float-input"])
def test_what_is_clamped_stays_clamped_whether_xnnpack_takes_the_layer_or_not(
    scale: float | None, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(-128, 128, (8, 1, 6, 5, 3)).astype(np.int8)
    if scale is None:
        x = x.astype(np.float32) / 20
    module = Imported(scale).eval()
    file = tmp_path / "model.pte"
    FORMAT.write(torch.export.export(module, (torch.from_numpy(x[0]),)), file)
    assert (b"aten::convolution" in file.read_bytes()) == (scale is None)
    expected = np.stack([module(torch.from_numpy(sample)).numpy() for sample in x]).astype(int)
    got = np.stack([outputs[0] for outputs in FORMAT.run(file, [[sample] for sample in x])]).astype(int)
    assert (expected == -128).mean() > 0.1  # much is clamped
    assert np.abs(got - expected).max() <= 1


class Digamma(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.digamma(x)


class Scalars(nn.Module):
    """Constants without axes, one made and one kept, that something with axes is added to and multiplied by."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 3)
        self.register_buffer("factor", torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(()) + self.linear(x) * self.factor


def test_constants_without_axes(tmp_path: Path) -> None:
    """ExecuTorch's passes index into every tensor."""
    x = samples(8)
    result = written(quantize_ptq(net(Scalars), x), tmp_path, x)
    assert PORTABLE not in result.path.read_bytes()
    assert result.agreements[0].beyond_one_step == 0


def test_operators_without_kernels_are_named_with_their_layers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), Digamma(), nn.ReLU(), Digamma()).eval()
    program = torch.export.export(model, (torch.zeros(1, 4),))
    with pytest.raises(ToolkitError, match="no kernels") as caught:
        FORMAT.write(program, tmp_path / "model.pte")
    assert "aten::digamma in 1" in caught.value.at
    assert "aten::digamma in 3" in caught.value.at


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "model.pte"
    file.write_bytes(b"not a program" * 20)
    with pytest.raises(ToolkitError, match="cannot run"):
        FORMAT.run(file, [[np.zeros((1, 4), np.float32)]])


@pytest.mark.parametrize("integers", [False, True])
def test_a_step_of_spiking_neurons_keeps_its_potentials(integers: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    timing = Timing(1e-3)
    net = nn.Sequential(
        EachStep(nn.Conv2d(1, 4, 3)), LIF(timing, Firing(), tau=4e-3, r=9.0), EachStep(nn.Flatten()),
        EachStep(nn.Linear(64, 5)), LI(timing, tau=4e-3),
    ).eval()  # fmt: skip
    x = torch.rand(8, 1, 1, 6, 6)
    step = streaming(net, x[0])
    program = torch.export.export(step, (x[0],)).run_decompositions({})
    if integers:
        program = quantize_ptq(step, x[:, 0].numpy())
    written = export_format(program, FORMAT, tmp_path / "step.pte", x[:, 0].numpy(), count=8)
    assert written.ok
    with torch.no_grad():
        whole = net(x).numpy()
    found = np.concatenate(
        [outputs[0] for outputs in FORMAT.run(tmp_path / "step.pte", [[at.numpy()] for at in x])]
    )
    assert np.abs(found[-1]).max() > 1.2 * np.abs(found[0]).max()  # it adds up
    np.testing.assert_allclose(found, whole[:, 0], atol=0.02 if integers else 1e-5)
