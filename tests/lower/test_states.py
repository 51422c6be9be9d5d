"""Models that keep tensors from one run to the next: equal to torch run after run, on the host and on a core."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from toolkit import bundle
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

RUNS = 12


class Recurrent(nn.Module):
    """A GRU cell that keeps its state, and the last three inputs in a window."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 6)
        self.head = nn.Linear(6, 3)
        self.register_buffer("hidden", torch.zeros(1, 6))
        self.register_buffer("window", torch.full((1, 3, 4), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.hidden.copy_(self.cell(x, self.hidden))
        self.window.copy_(torch.cat([self.window[:, 1:], x.unsqueeze(1)], 1))
        return self.head(self.hidden) + self.window.sum(1)[:, :3]


class Images(nn.Module):
    """A feature map that is kept: read as torch has it, left behind by a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 3, 3, padding=1)
        self.register_buffer("map", torch.linspace(-1, 1, 3 * 6 * 5).reshape(1, 3, 6, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.map.copy_(torch.tanh(self.conv(torch.cat([x, self.map], 1))))
        return self.map.mean((2, 3))


class Delays(nn.Module):
    """Inputs one and two runs old, what is given out being the old content; two more that change places."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in (("one", 0.0), ("two", 0.0), ("left", 1.0), ("right", 2.0), ("unread", 3.0)):
            self.register_buffer(name, torch.full((1, 5), value))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        old = self.two.clone()
        self.two.copy_(self.one)
        self.one.copy_(torch.clamp(x, -2, 2))
        left = self.left.clone()
        self.left.copy_(self.right)
        self.right.copy_(left)
        self.unread.copy_(x * 3.0)
        return old, x + left


class Accumulator(nn.Module):
    """A sum that grows in place, and is read both before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sum", torch.zeros(1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = self.sum * 2.0
        self.sum.add_(x)
        return torch.relu(before - self.sum)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "recurrent": (Recurrent, (4,)),
    "images": (Images, (2, 6, 5)),
    "delays": (Delays, (5,)),
    "accumulator": (Accumulator, (8,)),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[nn.Module, np.ndarray]:
    """A model with fresh states, and inputs for runs in a row."""
    torch.manual_seed(0)
    make, shape = MODELS[request.param]
    return make().eval(), np.random.default_rng(0).normal(size=(RUNS, *shape)).astype(np.float32)


def _program(model: nn.Module, x: np.ndarray) -> torch.export.ExportedProgram:
    return torch.export.export(model, (torch.from_numpy(x[:1]),)).run_decompositions({})


@torch.no_grad()
def _eager(model: nn.Module, x: np.ndarray) -> list[np.ndarray]:
    runs = [model(torch.from_numpy(x[i : i + 1])) for i in range(len(x))]
    tuples = [run if isinstance(run, tuple) else (run,) for run in runs]
    return [torch.cat(parts).numpy() for parts in zip(*tuples, strict=True)]


def _device(lowered: Model, x: np.ndarray) -> np.ndarray:
    value, permute = lowered.inputs[0], lowered.input_permutes[0]
    device = x if permute is None else x.transpose(permute)
    if value.quant is None:
        return np.ascontiguousarray(device)
    scaled = np.rint(device / value.quant.scale[0]) + value.quant.zero_point[0]
    return np.ascontiguousarray(np.clip(scaled, -128, 127).astype(np.int8))


def test_float_runs_equal_torch(model: tuple[nn.Module, np.ndarray]) -> None:
    net, x = model
    lowered = lower(_program(net, x))
    for got, want in zip(reference.run_batch(lowered, [_device(lowered, x)]), _eager(net, x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
@pytest.mark.parametrize("quantized", [False, True], ids=["float32", "int8"])
def test_c_equals_the_reference(
    target: str, quantized: bool, model: tuple[nn.Module, np.ndarray], tmp_path: Path
) -> None:
    net, x = model
    pt2.save(quantize_ptq(net, x) if quantized else _program(net, x), tmp_path / "net.pt2")
    manifest = bundle.export(tmp_path / "net.pt2", target, tmp_path / "net", golden=x)
    assert manifest["states"]
    result = verify(tmp_path / "net", fresh=4, layer_samples=5, host=False)
    assert result.ok, result.first_difference


def test_int8_states_follow_torch(model: tuple[nn.Module, np.ndarray]) -> None:
    net, x = model
    lowered = lower(quantize_ptq(net, x))
    computed = {
        "hidden",
        "window",
        "map",
        "sum",
        "left",
        "right",
    }  # the others are only moved, and may stay float
    for state in lowered.states:
        before, after = state.before, state.after
        assert (
            (before.dtype, before.shape)
            == (after.dtype, after.shape)
            == (state.initial.dtype, state.initial.shape)
        )
        if before.quant is None:
            assert state.name not in computed
        else:
            assert before.quant.same_as(after.quant)
    got = reference.run_batch(lowered, [_device(lowered, x)])
    for value, array, want in zip(lowered.outputs, got, _eager(net, x), strict=True):
        real = array if value.quant is None else (array - value.quant.zero_point) * value.quant.scale
        assert np.abs(real - want).max() < 0.1 * np.ptp(want)


def test_quantizing_does_not_move_the_states() -> None:
    net = Recurrent().eval()
    x = np.random.default_rng(1).normal(size=(RUNS, 4)).astype(np.float32)
    lowered = lower(quantize_ptq(net, x))
    window = next(state for state in lowered.states if state.name == "window")
    assert window.before.quant is not None
    real = (window.initial - window.before.quant.zero_point) * window.before.quant.scale
    assert np.abs(real - 0.5).max() <= window.before.quant.scale[0] / 2
    assert not net.hidden.any()


def test_what_can_be_written_in_place_takes_no_copy() -> None:
    x = np.zeros((1, 8), np.float32)
    lowered = lower(_program(Accumulator().eval(), x))
    assert [step.op for step in lowered.steps].count("slice") == 0
    arena = place(choose_kernels(lowered, "portable"))
    (state,) = lowered.states
    assert arena.offset(state.before) == arena.offset(state.after)


def test_a_buffer_that_is_never_read_takes_no_memory() -> None:
    lowered = lower(_program(Delays().eval(), np.zeros((1, 5), np.float32)))
    assert {state.name for state in lowered.states} == {"one", "two", "left", "right"}


def test_reset_forgets(tmp_path: Path) -> None:
    net = Recurrent().eval()
    x = np.random.default_rng(2).normal(size=(RUNS, 4)).astype(np.float32)
    pt2.save(quantize_ptq(net, x), tmp_path / "net.pt2")
    bundle.export(tmp_path / "net.pt2", "host", tmp_path / "net", golden=x)
    loop = (tmp_path / "net" / "main_loop.h").read_text(encoding="utf-8")
    assert "MODEL_STATE_BYTES" in loop
    # a harness that forgets before every run computes every sample as if it were the first
    forgetful = loop.replace("model_run();", "model_reset(); model_run();")
    (tmp_path / "net" / "main_loop.h").write_text(forgetful, encoding="utf-8")
    shutil.rmtree(tmp_path / "net" / "build", ignore_errors=True)
    result = verify(tmp_path / "net", fresh=0)
    assert not result.ok
    first = result.first_difference
    assert first is not None
    assert first.sample > 0
    assert first.layer is not None


def test_writing_into_the_input_is_refused() -> None:
    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x.add_(1)
            return x * 2

    with pytest.raises(ToolkitError, match="writes into its input"):
        lower(_program(Writes(), np.zeros((1, 3), np.float32)))


def test_a_memory_goes_on_where_it_was() -> None:
    x = np.random.default_rng(4).normal(size=(6, 4)).astype(np.float32)
    lowered = lower(_program(Recurrent().eval(), x))
    (whole,) = reference.run_batch(lowered, [x])
    memory = reference.Memory(lowered)
    parts = [reference.run(replace(lowered), [x[i : i + 1]], memory)[0] for i in range(6)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


class Cached(nn.Module):
    """One position of causal attention: keys and values go to a cache, and only those up to here count."""

    def __init__(self, positions: int = 6, heads: int = 2, size: int = 4) -> None:
        super().__init__()
        self.heads, width = heads, heads * size
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(1, heads, positions, size))
        self.register_buffer("mask", torch.full((positions, positions), -torch.inf).triu(1))

    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(1, len(x), self.heads, -1).transpose(1, 2)

    def forward(self, x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        self.keys.copy_(self.keys.index_copy(2, position, self.split(self.key(x))))
        self.values.copy_(self.values.index_copy(2, position, self.split(self.value(x))))
        scores = self.split(self.query(x)) @ self.keys.transpose(-2, -1) / 2 + F.embedding(
            position, self.mask
        )
        return (torch.softmax(scores, -1) @ self.values).transpose(1, 2).flatten(1)


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_attention_over_a_cache_equals_causal_attention(target: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x, positions = Cached().eval(), torch.randn(6, 8), torch.arange(6)
    with torch.no_grad():
        parts = [net.split(layer(x)) for layer in (net.query, net.key, net.value)]
        want = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(6, 8).numpy()
    program = torch.export.export(net, (x[:1], positions[:1])).run_decompositions({})
    lowered = lower(program)
    (got,) = reference.run_batch(lowered, [x.numpy(), positions.numpy().astype(np.int32)])
    np.testing.assert_allclose(got, want, atol=1e-6)
    arena = place(choose_kernels(lowered, "portable"))
    assert [arena.offset(s.before) for s in lowered.states] == [arena.offset(s.after) for s in lowered.states]
    pt2.save(program, tmp_path / "net.pt2")
    bundle.export(tmp_path / "net.pt2", target, tmp_path / "net")
    result = verify(tmp_path / "net", fresh=8, host=False)
    assert result.ok, result.first_difference
