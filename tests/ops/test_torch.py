"""Every spelling of an operator that torch exports, read and computed in float, against torch itself."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.quantization.fx._decomposed import quantized_decomposed_lib  # noqa: F401  defines the operators

from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.lower.passes import lower
from toolkit.ops import operators
from toolkit.ops.exponential import exp_f32

IMAGE, LINE = (1, 3, 6, 8), (1, 3, 12)
Function = Callable[..., torch.Tensor]


class Net(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


def _values(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Return distinct values around zero, so that no maximum is a tie."""
    values = torch.randperm(int(np.prod(shape)), generator=torch.Generator().manual_seed(seed))
    return ((values - len(values) / 2) / 10).reshape(shape)


def _check(function: Function, *shapes: tuple[int, ...], decomposed: bool = False) -> None:
    inputs = tuple(_values(shape, i) for i, shape in enumerate(shapes))
    program = torch.export.export(Net(function), inputs)
    model = lower(program.run_decompositions({}) if decomposed else program)
    device = [
        x.numpy() if permute is None else x.numpy().transpose(permute)
        for x, permute in zip(inputs, model.input_permutes, strict=True)
    ]
    (out,), (permute,) = reference.run(model, device), model.output_permutes
    got = out if permute is None else out.transpose(np.argsort(permute))
    expected = function(*inputs)
    assert got.shape == tuple(expected.shape)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-6, atol=1e-6)


COLUMNS, CHANNELS = torch.linspace(-1, 1, 4), torch.linspace(-1, 1, 3).reshape(3, 1, 1)
ROW = torch.linspace(-2, 2, 3)

ONE_INPUT: dict[str, tuple[Function, tuple[int, ...]]] = {
    "add a number": (lambda x: x + 1.5, IMAGE),
    "add a number, reversed": (lambda x: 2 + x, IMAGE),
    "add to itself": (lambda x: x + x, IMAGE),
    "add in place": (lambda x: (x + 1).add_(3.0), IMAGE),
    "add, an activation repeats": (lambda x: x + F.adaptive_avg_pool2d(x, 1), IMAGE),
    "add, fewer axes": (lambda x: x + x[0, 0], IMAGE),
    "sub": (lambda x: x - F.relu(x), IMAGE),
    "sub a number": (lambda x: x - 1.5, IMAGE),
    "sub from a number": (lambda x: 2 - x, IMAGE),
    "sub, both repeat": (lambda x: x[:, :, :1] - x[..., :1], IMAGE),
    "mul": (lambda x: x * F.relu(x), IMAGE),
    "mul by a number": (lambda x: 0.5 * x, IMAGE),
    "mul by itself": (lambda x: x * x, IMAGE),
    "mul, a constant made on the way": (lambda x: x * ROW.view(1, -1, 1, 1), IMAGE),
    "gate per channel": (lambda x: F.max_pool2d(x, 2) * F.adaptive_avg_pool2d(x, 1), IMAGE),
    "gate per pixel": (lambda x: F.max_pool2d(x, 2) * F.max_pool2d(x, 2)[:, 1:2], IMAGE),
    "div": (lambda x: x / (F.relu(x) + 2), IMAGE),
    "div by a number": (lambda x: x / 3, IMAGE),
    "number by": (lambda x: 3 / (x + 100), IMAGE),
    "minimum": (lambda x: torch.minimum(x, x.flip(1)), IMAGE),
    "maximum, a constant": (lambda x: torch.maximum(x, CHANNELS), IMAGE),
    "slice": (lambda x: x[:, 1:, ::2, -3:], IMAGE),
    "slice, pooled": (lambda x: F.max_pool2d(x, 2)[:, 1:, :2], IMAGE),
    "select": (lambda x: x[:, -1], IMAGE),
    "select, pooled": (lambda x: F.max_pool2d(x, 2)[:, 1], IMAGE),
    "narrow": (lambda x: x.narrow(3, 2, 4), IMAGE),
    "flip": (lambda x: x.flip(1, 3), IMAGE),
    "split": (lambda x: torch.cat([part + 1 for part in x.split(2, 1)], 1), IMAGE),
    "split, sizes": (lambda x: torch.cat(x.split([1, 2], 1)[::-1], 1), IMAGE),
    "chunk": (lambda x: x.chunk(2, dim=-1)[1], IMAGE),
    "unbind": (lambda x: x.unbind(1)[2], IMAGE),
    "split, pooled": (lambda x: F.max_pool2d(x, 2).split(1, 1)[1], IMAGE),
    "sum": (lambda x: x.sum(1), IMAGE),
    "sum of all": (lambda x: x.sum(), IMAGE),
    "mean of channels": (lambda x: x.mean(1, keepdim=True), IMAGE),
    "mean of all": (lambda x: x.mean(), IMAGE),
    "mean, pooled": (lambda x: F.max_pool2d(x, 2).mean((1, 3)), IMAGE),
    "amax": (lambda x: x.amax((1, 2)), IMAGE),
    "amin": (lambda x: x.amin(-1, keepdim=True), IMAGE),
    "max over an axis": (lambda x: x.max(2)[0], IMAGE),
    "min over an axis": (lambda x: x.min(2, keepdim=True).values, IMAGE),
    "max of all": (lambda x: x.max(), IMAGE),
    "max pool of one axis": (lambda x: F.max_pool1d(x, 3, 2, 1), LINE),
    "avg pool of one axis": (lambda x: F.avg_pool1d(x, 3, 2, 1), LINE),
    "adaptive avg pool of one axis": (lambda x: F.adaptive_avg_pool1d(x, 4), LINE),
    "adaptive max pool": (lambda x: F.adaptive_max_pool2d(x, (3, 2)), IMAGE),
    "avg pool, ceil, padding counts": (lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), IMAGE),
    "line, pooled, padded": (lambda x: F.avg_pool1d(F.pad(F.max_pool1d(x, 2), (2, 1)), 2), LINE),
    "line, pooled, joined": (lambda x: torch.cat([F.max_pool1d(x, 2), F.avg_pool1d(x, 2)], 1) + 1, LINE),
    "expand": (lambda x: x[:, :1].expand(-1, 4, -1, -1), IMAGE),
    "expand, more axes": (lambda x: x[0, 0, 0].expand(2, 3, 8), IMAGE),
    "repeat": (lambda x: x.repeat(1, 2, 1, 3), IMAGE),
    "tile": (lambda x: x.tile(2), IMAGE),
    "repeat, pooled": (lambda x: F.max_pool2d(x, 2).repeat(1, 2, 1, 1), IMAGE),
    "stack": (lambda x: torch.stack([x, x + 1], 2), IMAGE),
    "cat, a constant": (lambda x: torch.cat([CHANNELS.expand(1, 3, 6, 8), x], 1), IMAGE),
    "index_select": (lambda x: torch.index_select(x, 1, torch.tensor([2, 0, 0])), IMAGE),
    "index": (lambda x: x[:, :, [5, -1, 0]], IMAGE),
    "index, pooled": (lambda x: F.max_pool2d(x, 2)[:, [2, 0]], IMAGE),
    "gather": (lambda x: x.gather(1, torch.tensor([[2, 0], [1, 1]])), (4, 3)),
    "roll": (lambda x: torch.roll(x, 2, 3), IMAGE),
    "channel shuffle": (lambda x: F.channel_shuffle(F.max_pool2d(x, 2), 3), (1, 6, 4, 4)),
    "pixel shuffle": (lambda x: F.pixel_shuffle(F.max_pool2d(x, 2), 2), (1, 8, 6, 4)),
    "pixel unshuffle": (lambda x: F.pixel_unshuffle(x, 2), IMAGE),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), IMAGE),
    "nearest, to a size": (lambda x: F.interpolate(x, size=(4, 11)), IMAGE),
    "nearest, exact": (lambda x: F.interpolate(x, size=(4, 11), mode="nearest-exact"), IMAGE),
    "nearest, of one axis": (lambda x: F.interpolate(x, scale_factor=1.7), LINE),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), IMAGE),
    "bilinear, a factor": (lambda x: F.interpolate(x, scale_factor=(1.3, 0.6), mode="bilinear"), IMAGE),
    "bilinear, corners": (
        lambda x: F.interpolate(x, size=(9, 5), mode="bilinear", align_corners=True),
        IMAGE,
    ),
    "linear": (lambda x: F.interpolate(x, scale_factor=2, mode="linear"), LINE),
    "pad, reflect": (lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"), IMAGE),
    "pad, replicate": (lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"), IMAGE),
    "pad, circular": (lambda x: F.pad(x, (1, 2), mode="circular"), LINE),
    "pad, reflect, pooled": (lambda x: F.pad(F.max_pool2d(x, 2), (1, 1, 1, 1), mode="reflect"), IMAGE),
    "pad, negative": (lambda x: F.pad(x, (-1, 2, 0, -3)), IMAGE),
    "crop": (lambda x: F.pad(x, (-1, 0)), IMAGE),
    # Spellings that torch itself writes out in others.
    "movedim": (lambda x: x.movedim(1, 3), IMAGE),
    "matrix transposed": (lambda x: x.mT, IMAGE),
    "hsplit": (lambda x: torch.hsplit(x[0], 2)[1], IMAGE),
    "rot90": (lambda x: torch.rot90(x, 1, (2, 3)), IMAGE),
    "hstack": (lambda x: torch.hstack([x, x + 1]), IMAGE),
    "addcmul": (lambda x: torch.addcmul(x, x, x + 1, value=0.5), IMAGE),
    "standard deviation": (lambda x: x.std((2, 3)), IMAGE),
    "normalized vectors": (lambda x: F.normalize(x, dim=1), IMAGE),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), IMAGE),
    "zeros_like": (lambda x: x + torch.zeros_like(x) + torch.arange(8) / 8, IMAGE),
    "larger of two": (lambda x: torch.max(x, x.flip(1)), IMAGE),
    "permute of 6": (lambda x: x.view(1, 3, 2, 3, 2, 4).permute(5, 0, 3, 1, 4, 2), IMAGE),
    "max pool": (lambda x: F.max_pool2d(x, 2), IMAGE),
    "max pool, stride and pad": (lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 1)), IMAGE),
    "max pool, dilated": (lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0), (2, 3)), IMAGE),
    "max pool, dilated, ceil": (lambda x: F.max_pool2d(x, 2, 3, 1, 2, ceil_mode=True), IMAGE),
    "max pool of one axis, dilated": (lambda x: F.max_pool1d(x, 3, 2, 1, 2), LINE),
    "max pool, ceil": (lambda x: F.max_pool2d(x, 4, 3, ceil_mode=True), IMAGE),
    "max pool, ceil and pad": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), IMAGE),
    "avg pool": (lambda x: F.avg_pool2d(x, 2), IMAGE),
    "avg pool, padding counts": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGE),
    "avg pool, padding does not count": (lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), IMAGE),
    "avg pool, ceil": (lambda x: F.avg_pool2d(x, 4, 3, ceil_mode=True), IMAGE),
    "avg pool, ceil, padding does not count": (
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        IMAGE,
    ),
    "avg pool, own divisor": (lambda x: F.avg_pool2d(x, 2, divisor_override=3), IMAGE),
    "adaptive avg pool to one": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE),
    "adaptive avg pool": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), IMAGE),
    "adaptive avg pool, windows overlap": (lambda x: F.adaptive_avg_pool2d(x[..., :7], (None, 3)), IMAGE),
    "adaptive avg pool, one side kept": (lambda x: F.adaptive_avg_pool2d(x, (None, 4)), IMAGE),
    "mean": (lambda x: x.mean((2, 3)), IMAGE),
    "mean, kept": (lambda x: x.mean((-1, -2), keepdim=True), IMAGE),
    "relu": (F.relu, IMAGE),
    "relu in place": (lambda x: F.relu_(x + 1), IMAGE),
    "relu6": (F.relu6, IMAGE),
    "hardtanh": (F.hardtanh, IMAGE),
    "hardtanh with bounds": (lambda x: F.hardtanh(x, -2.0, 0.5), IMAGE),
    "clamp": (lambda x: x.clamp(-0.3, 2), IMAGE),
    "clamp below": (lambda x: x.clamp(min=-0.3), IMAGE),
    "clamp above": (lambda x: x.clamp(max=0.3), IMAGE),
    "clamp_min": (lambda x: torch.clamp_min(x, -0.3), IMAGE),
    "clamp_max": (lambda x: torch.clamp_max(x, 0.3), IMAGE),
    "view": (lambda x: x.view(1, -1), IMAGE),
    "reshape": (lambda x: x.reshape(3, 48), IMAGE),
    "flatten": (lambda x: x.flatten(1), IMAGE),
    "unflatten": (lambda x: x.unflatten(1, (3, 1)), IMAGE),
    "unsqueeze, squeeze": (lambda x: x.unsqueeze(2).squeeze(0), IMAGE),
    "squeeze": (lambda x: x.squeeze(), IMAGE),
    "permute": (lambda x: x.permute(0, 3, 1, 2), IMAGE),
    "transpose": (lambda x: x.transpose(1, -1), IMAGE),
    "t": (lambda x: x.t(), (3, 5)),
    "permute of 5": (lambda x: x.unflatten(2, (2, 3)).permute(0, 2, 3, 1, 4), IMAGE),
    "cat": (lambda x: torch.cat([x, F.relu(x)], 1), IMAGE),
    "cat, last axis": (lambda x: torch.cat([x, x, x], dim=-1), IMAGE),
    "cat, first axis by default": (lambda x: torch.cat([x, x]), (2, 3)),
    "softmax": (lambda x: F.softmax(x, -1), (4, 9)),
    "softmax over channels": (lambda x: F.softmax(x, 1), IMAGE),
    "argmax": (lambda x: x.argmax(1), (4, 9)),
    "argmax, kept": (lambda x: x.argmax(-1, keepdim=True), (4, 9)),
    "argmax of all": (lambda x: x.argmax(), (1, 9)),
    "argmax over channels": (lambda x: x.argmax(1), IMAGE),
    "argmax, reshaped": (lambda x: x.argmax(1).unsqueeze(0), (4, 9)),
    "pad": (lambda x: F.pad(x, (1, 2)), IMAGE),
    "pad, value, three axes": (lambda x: F.pad(x, (1, 0, 0, 2, 1, 1), value=-7.5), IMAGE),
    # Around a pooling, where axes turn to channels last.
    "pooled, channels softmax": (lambda x: F.softmax(F.max_pool2d(x, 2), 1), IMAGE),
    "pooled, cat channels": (lambda x: torch.cat([F.max_pool2d(x, 2), F.avg_pool2d(x, 2)], 1), IMAGE),
    "pooled, padded": (lambda x: F.avg_pool2d(F.pad(F.max_pool2d(x, 2), (1, 0, 2, 1), value=3.0), 2), IMAGE),
    "pooled, argmax kept": (lambda x: F.max_pool2d(x, 2).argmax(1, keepdim=True), IMAGE),
    "pooled, argmax of rows": (lambda x: F.max_pool2d(x, 2).argmax(2), IMAGE),
    "pooled, flattened": (lambda x: F.max_pool2d(x, 2).flatten(1) + 1, IMAGE),
    "pooled, constant of one axis": (lambda x: F.max_pool2d(x, 2) + COLUMNS, IMAGE),
    "pooled, constant of channels": (lambda x: F.max_pool2d(x, 2) + CHANNELS, IMAGE),
}


@pytest.mark.parametrize("decomposed", [False, True], ids=["as exported", "decomposed"])
@pytest.mark.parametrize("name", ONE_INPUT)
def test_reads_and_computes(name: str, decomposed: bool) -> None:
    function, shape = ONE_INPUT[name]
    _check(function, shape, decomposed=decomposed)


def test_embedding_takes_int32_indices() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            return F.relu(self.table(words.reshape(-1)))

    net, words = Words().eval(), torch.tensor([[1, 9, 0], [3, 3, 7]])
    model = lower(torch.export.export(net, (words,)))
    assert model.inputs[0].dtype == "int32"
    (out,) = reference.run(model, [words.numpy().astype(np.int32)])
    np.testing.assert_array_equal(out, net(words).detach().numpy())


def test_add_of_two_inputs() -> None:
    _check(lambda x, y: F.relu(x + y), IMAGE, IMAGE)


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv": (nn.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1)), IMAGE),
    "conv, same": (nn.Conv2d(3, 4, (3, 2), padding="same"), IMAGE),
    "conv, reflect": (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), IMAGE),
    "conv, groups": (nn.Conv2d(6, 4, 3, groups=2), (1, 6, 5, 7)),
    "conv, a multiplier": (nn.Conv2d(3, 6, 3, groups=3), IMAGE),
    "conv of one axis": (nn.Conv1d(3, 4, 3, stride=2, padding=1), LINE),
    "conv of one axis, same": (nn.Conv1d(3, 4, 2, padding="same", bias=False), LINE),
    "conv of one axis, groups": (nn.Conv1d(3, 6, 3, groups=3), LINE),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1), IMAGE),
    "transposed, dilated": (
        nn.ConvTranspose2d(3, 4, (3, 2), stride=(1, 3), dilation=(2, 1), bias=False),
        IMAGE,
    ),
    "transposed, groups": (nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2), (1, 6, 5, 7)),
    "transposed of one axis": (nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1), LINE),
    "normalized": (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)), IMAGE),
    "normalized line": (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3, affine=False)), LINE),
    "normalized twice": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)), IMAGE),
    "transposed, normalized": (nn.Sequential(nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4)), IMAGE),
    "grouped, normalized": (nn.Sequential(nn.Conv2d(6, 4, 1, groups=2), nn.BatchNorm2d(4)), (1, 6, 5, 7)),
}


@pytest.mark.parametrize("table", ["as exported", "functional", "core"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_however_exported(name: str, table: str) -> None:
    module, shape = LAYERS[name]
    module = copy.deepcopy(module).eval()
    for norm in module.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            norm.running_mean = torch.linspace(-1, 1, norm.num_features)
            norm.running_var = torch.linspace(0.3, 2, norm.num_features)
    x = _values(shape)
    program = torch.export.export(module, (x,))
    if table != "as exported":
        program = program.run_decompositions(None if table == "core" else {})
    model = lower(program)
    permute = model.input_permutes[0]
    (out,) = reference.run(model, [x.numpy() if permute is None else x.numpy().transpose(permute)])
    permute = model.output_permutes[0]
    got = out if permute is None else out.transpose(np.argsort(permute))
    np.testing.assert_allclose(got, module(x).detach().numpy(), rtol=1e-4, atol=1e-4)


UNSUPPORTED: dict[str, tuple[Function, str]] = {
    "alpha": (lambda x: torch.add(x, x, alpha=2), "alpha other than 1"),
    "uneven adaptive": (lambda x: F.adaptive_avg_pool2d(x, (4, 3)), "does not divide"),
    "batch": (lambda x: F.max_pool2d(torch.cat([x, x]), 2), "batch size"),
    "argmax of an image": (lambda x: x.argmax(), "flatten it first"),
    "integers": (lambda x: F.relu(x.argmax(1)), "int32 values"),
    "indices from values": (lambda x: x[:, x.argmax(1).reshape(-1)], "computed at run time"),
    "roll of all": (lambda x: torch.roll(x, 1), "several axes"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_says_why_it_cannot(name: str) -> None:
    function, why = UNSUPPORTED[name]
    program = torch.export.export(Net(function), (_values(IMAGE),))
    with pytest.raises(ToolkitError, match="cannot be compiled") as caught:
        lower(program)
    assert why in str(caught.value)


@pytest.mark.parametrize("scale", [0.05, 1 / 256, 0.5, 0.0173, 3e-5, 7.0])
@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
def test_quantize_and_dequantize_equal_torch(scale: float, zero_point: int) -> None:
    rng = np.random.default_rng(zero_point + 128)
    ties = (np.arange(-300, 300) + 0.5) * scale
    real = np.concatenate([rng.normal(size=5000) * scale * 60, ties, np.nextafter(ties, 0)]).astype(
        np.float32
    )
    x, q = Value("x", real.shape), Value("q", real.shape, "int8", per_tensor(scale, zero_point))
    args = (scale, zero_point, -128, 127, torch.int8)
    expected = torch.ops.quantized_decomposed.quantize_per_tensor(torch.from_numpy(real), *args)
    integers = operators()["quantize"].reference(Step("quantize", "q", [x], q), [real])
    np.testing.assert_array_equal(integers, expected.numpy())
    every = np.arange(-128, 128).astype(np.int8)
    expected = torch.ops.quantized_decomposed.dequantize_per_tensor(torch.from_numpy(every), *args)
    back = operators()["dequantize"].reference(Step("dequantize", "d", [q], x), [every])
    np.testing.assert_array_equal(back, expected.numpy())


def test_float_exponential_is_within_one_unit_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-86.99, 0, 1_000_001), -np.geomspace(1e-9, 80, 200_001)]).astype(
        np.float32
    )
    exact = np.exp(x.astype(np.float64))
    unit = np.spacing(exact.astype(np.float32)).astype(np.float64)
    assert (np.abs(exp_f32(x) - exact) / unit).max() < 1
    assert exp_f32(np.array([-87.5, -np.inf, 0], np.float32)).tolist() == [0, 0, 1]
