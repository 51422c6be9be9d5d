"""Weights moved by noise that is never kept: in their own memory, and as torch moves them, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor, nn

from toolkit import bundle
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.learning import answering
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.noise import perturb, stochastic_round
from toolkit.verify.verify import verify

q = torch.ops.quantized_decomposed
EPSILON, RATE, SEED = 0.01, 0.003, 7


def _quantized(x: Tensor) -> Tensor:
    arguments = (0.05, 0, -128, 127, torch.int8)
    return q.dequantize_per_tensor(q.quantize_per_tensor(x, *arguments), *arguments)


class Net(nn.Module):
    """Two convolutions and a layer behind them, on int8, with weights in float32 buffers."""

    weights = ("first", "second", "head")
    first: Tensor
    second: Tensor
    head: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        shapes = {"first": (8, 3, 3, 3), "second": (16, 8, 3, 3), "head": (4, 16)}
        for name, shape in shapes.items():
            weight = torch.randn(shape, generator=generator) * 0.2
            self.register_buffer(name, weight)
            self.register_buffer(f"{name}_scale", weight.flatten(1).abs().amax(1) / 100)
            self.register_buffer(f"{name}_zero", torch.zeros(shape[0], dtype=torch.int64))
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int32))

    def integers_of(self, name: str, weight: Tensor) -> Tensor:
        scales = self.get_buffer(f"{name}_scale"), self.get_buffer(f"{name}_zero")
        arguments = (*scales, 0, -127, 127, torch.int8)
        return q.dequantize_per_channel(q.quantize_per_channel(weight, *arguments), *arguments)

    def scores(self, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        x = _quantized(torch.conv2d(_quantized(x), self.integers_of("first", weights["first"]), None, 1, 1))
        x = _quantized(torch.conv2d(x, self.integers_of("second", weights["second"]), None, 2, 1))
        x = _quantized(x.mean((2, 3)))
        return _quantized(torch.nn.functional.linear(x, self.integers_of("head", weights["head"])))

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x, {name: self.get_buffer(name) for name in self.weights})


class Decay(Net):
    """Inference, and weights in buffers that lose a little at each run."""

    def forward(self, x: Tensor) -> Tensor:
        scores = super().forward(x)
        for name in self.weights:
            self.get_buffer(name).mul_(0.999)
        return scores


class ZerothOrder(Net):
    """A step that compares the losses on both sides of the weights along noise (MeZO, arXiv 2305.17333)."""

    normal = False
    learning = True  # else the last move is of a constant length, whatever the losses are

    def moved(self, weights: dict[str, Tensor], scale: Tensor) -> dict[str, Tensor]:
        return {
            name: perturb(weight, self.steps, scale, SEED, stream, self.normal)
            for stream, (name, weight) in enumerate(weights.items())
        }

    def forward(self, x: Tensor) -> Tensor:
        weights = self.moved(
            {name: self.get_buffer(name) for name in self.weights}, torch.full((1,), EPSILON)
        )
        above = (self.scores(x, weights) ** 2).mean()
        weights = self.moved(weights, torch.full((1,), -2 * EPSILON))
        below = (self.scores(x, weights) ** 2).mean()
        slope = (above - below) / (2 * EPSILON)
        back = (EPSILON - RATE * slope).reshape(1) if self.learning else torch.full((1,), 1.5 * EPSILON)
        weights = self.moved(weights, back)
        for name, weight in weights.items():
            self.get_buffer(name).copy_(weight)
        self.steps.add_(1)
        return ((above + below) / 2).reshape(1, 1)


class Normal(ZerothOrder):
    """The same along normal noise."""

    normal = True


class Integers(Net):
    """A layer of int8 weights that lose a little at each run, rounded up as often as the fraction says."""

    integers: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("integers", (self.head / self.get_buffer("head_scale")[:, None]).to(torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        scales = self.get_buffer("head_scale"), self.get_buffer("head_zero")
        real = q.dequantize_per_channel(self.integers, *scales, 0, -127, 127, torch.int8)
        out = _quantized(torch.nn.functional.linear(_quantized(x.mean((2, 3)).repeat(1, 6)[:, :16]), real))
        inverse = (1.0 / self.get_buffer("head_scale"))[:, None]
        rounded = stochastic_round(real * (0.999 * inverse), self.steps, SEED, 9, -127, 127)
        self.integers.copy_(rounded)
        self.steps.add_(1)
        return out


def _program(model: nn.Module, x: np.ndarray) -> torch.export.ExportedProgram:
    return torch.export.export(model.eval(), (torch.from_numpy(x[:1]),)).run_decompositions({})


def _arena(model: Model) -> int:
    return place(choose_kernels(model, "portable")).plan.arena_bytes


@pytest.fixture
def images() -> np.ndarray:
    """Inputs for runs in a row."""
    return np.random.default_rng(0).normal(size=(5, 3, 12, 10)).astype(np.float32)


@pytest.mark.parametrize("make", [ZerothOrder, Normal])
def test_a_step_takes_no_more_memory_than_inference(make: type[ZerothOrder], images: np.ndarray) -> None:
    step = lower(_program(make(), images))
    arena = _arena(step)
    inference = _arena(lower(_program(Decay(), images)))
    assert arena <= inference + images[0].size + 64  # the input is read twice; losses, and the count of steps
    layout = place(step)
    for state in step.states:
        if state.name in Net.weights:
            assert len(state.between) == 2
            offsets = {layout.offset(value) for value in (state.before, *state.between, state.after)}
            assert len(offsets) == 1
    assert not [s for s in step.steps if s.op in ("permute", "slice")]


def _images_on_device(model: Model, images: np.ndarray) -> np.ndarray:
    quant, permute = model.inputs[0].quant, model.input_permutes[0] or (0, 1, 2, 3)
    if quant is not None:
        integers = np.rint(images / quant.scale[0]) + quant.zero_point[0]
        images = np.clip(integers, quant.qmin, quant.qmax).astype(np.int8)
    return np.ascontiguousarray(images.transpose(permute))


@pytest.mark.parametrize("make", [ZerothOrder, Normal, Integers])
def test_each_run_goes_on_as_in_torch(make: type[Net], images: np.ndarray) -> None:
    model = make()
    if isinstance(model, ZerothOrder):
        model.learning = False
    lowered = lower(_program(model, images))
    memory = reference.Memory(lowered)
    inputs = _images_on_device(lowered, images)
    for i in range(len(images)):
        reference.run(lowered, [inputs[i : i + 1]], memory)
        with torch.no_grad():
            model(torch.from_numpy(images[i : i + 1]))
    for state, got in zip(lowered.states, memory.arrays, strict=True):
        want = model.get_buffer(state.name).numpy()
        assert np.array_equal(got.transpose(0, 3, 1, 2) if got.ndim == 4 else got, want), state.name
        assert (got != state.initial).any()


def test_steps_along_noise_learn(images: np.ndarray) -> None:
    model = lower(_program(ZerothOrder(), images))
    memory, image = reference.Memory(model), _images_on_device(model, images[:1])
    losses = [reference.run(model, [image], memory)[0].item() for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


class Answering(nn.Module):
    """A step that answers with weights which it moves."""

    weight: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(4))
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int32))

    def forward(self, sample: Tensor, target: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        moved = perturb(self.weight, self.steps, rate, SEED, 0)
        logits = sample @ moved
        self.weight.copy_(perturb(moved, self.steps, -2.0 * rate, SEED, 0))
        self.steps.add_(1)
        return logits, ((logits - target) ** 2).mean().reshape(1)


def test_an_answer_alone_leaves_the_weights_as_they_are() -> None:
    example = (torch.zeros(1, 4), torch.zeros(1, 4), torch.zeros(1))
    model = lower(torch.export.export(Answering(), example).run_decompositions({}))
    assert model.learns
    layout = place(choose_kernels(model, "portable"))
    written = {layout.offset(step.output) for step in answering(model)}
    assert written.isdisjoint(layout.offset(state.before) for state in model.states)


@pytest.mark.parametrize("make", [ZerothOrder, Normal, Integers])
@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_a_device_computes_the_same(make: type[Net], target: str, images: np.ndarray, tmp_path: Path) -> None:
    pt2.save(_program(make(), images), tmp_path / "net.pt2")
    bundle.export(tmp_path / "net.pt2", target, tmp_path / "net")
    result = verify(tmp_path / "net", fresh=3, host=False)
    assert result.ok, result.first_difference
