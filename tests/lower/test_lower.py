"""From exported programs to steps: what every pass must keep, on networks made to trip it."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.lower.nets import NETS
from toolkit import bundle, tensors
from toolkit.describe import describe_tensor
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.arena import _overlaps, place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.lower.plan import check
from toolkit.ops.fully_connected import fully_connected_case
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

SINGLE_INPUT = [name for name, (_, shapes) in NETS.items() if len(shapes) == 1]


def build(name: str) -> tuple[nn.Module, list[torch.Tensor]]:
    torch.manual_seed(0)
    make, shapes = NETS[name]
    return make().eval(), [torch.randn(32, *shape) for shape in shapes]


@functools.cache
def quantized(name: str) -> torch.export.ExportedProgram:
    net, (data,) = build(name)
    return quantize_ptq(net, data.numpy())


def float_program(name: str) -> tuple[torch.export.ExportedProgram, list[torch.Tensor]]:
    net, data = build(name)
    return torch.export.export(net, tuple(x[:1] for x in data)), data


def on_device(array: np.ndarray, permute: tuple[int, ...] | None) -> np.ndarray:
    return array if permute is None else array.transpose(permute)


def as_user(array: np.ndarray, permute: tuple[int, ...] | None) -> np.ndarray:
    return array if permute is None else array.transpose(np.argsort(permute))


@pytest.mark.parametrize("name", NETS)
def test_float_steps_compute_what_the_program_computes(name: str) -> None:
    program, data = float_program(name)
    model = lower(program)
    inputs = [on_device(x[:1].numpy(), p) for x, p in zip(data, model.input_permutes, strict=True)]
    got = reference.run(model, inputs)
    expected = program.module()(*(x[:1] for x in data))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for out, permute, want in zip(got, model.output_permutes, expected, strict=True):
        np.testing.assert_allclose(as_user(out, permute), want.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_decomposed_batch_norm_gives_the_same_steps() -> None:
    program, _ = float_program("residual")
    decomposed = lower(program.run_decompositions({}))
    assert [step.op for step in decomposed.steps] == [step.op for step in lower(program).steps]


@pytest.mark.parametrize("name", SINGLE_INPUT)
def test_integer_steps_stay_within_one_step_of_the_fake_quantized_program(name: str) -> None:
    data = build(name)[1][0]
    program = quantized(name)
    model = lower(program)
    assert all(v.dtype == "int8" for step in model.steps for v in (*step.activations, step.output))
    quant = model.outputs[0].quant
    assert quant is not None
    tensor = describe_tensor(model.inputs[0], model.input_permutes[0])
    got = reference.run_batch(model, [tensors.to_device(tensor, data[:16].numpy())])[0]
    real = (got.astype(np.float64) - quant.zero_point[0]) * quant.scale[0]
    module = program.module()
    want = np.concatenate([module(x).numpy() for x in data[:16].split(1)])
    steps = np.abs(as_user(real, model.output_permutes[0]) - want) / quant.scale[0]
    assert steps.max() < 1.01


@pytest.mark.parametrize("name", SINGLE_INPUT)
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0plus"])
def test_host_and_core_agree_to_the_bit(name: str, target: str, tmp_path: Path) -> None:
    data = build(name)[1][0]
    pt2.save(quantized(name), tmp_path / "net.pt2", {})
    bundle.export(tmp_path / "net.pt2", target, tmp_path / "out", golden=data[:4].numpy())
    result = verify(tmp_path / "out", fresh=6)
    assert result.ok, result.first_difference
    assert result.exact
    # golden data; host C and its layers; the core and its layers
    assert [c.samples for c in result.comparisons] == [4, 10, 2, 10, 2]


def test_two_inputs_and_outputs_run_in_float_on_the_core(tmp_path: Path) -> None:
    program, _ = float_program("two_in_two_out")
    pt2.save(program, tmp_path / "net.pt2", {})
    manifest = bundle.export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "out")
    assert [len(manifest[kind]) for kind in ("inputs", "outputs")] == [2, 2]
    result = verify(tmp_path / "out", fresh=2)
    assert result.ok, result.first_difference
    assert result.exact


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("kernels", ["portable", "armv7em"])
def test_the_arena_is_planned_without_collisions(name: str, kernels: str) -> None:
    program, _ = float_program(name)
    model = lower(program)
    arena = place(choose_kernels(model, kernels))
    assert arena.plan.lower_bound_bytes <= arena.plan.arena_bytes <= arena.plan.greedy_bytes
    for step in model.steps:
        for value in (*step.activations, step.output):
            assert arena.offset(value) + value.nbytes <= arena.plan.arena_bytes
    names = [buffer.name for buffer in arena.buffers]
    assert len(set(names)) == len(names)
    check(
        arena.plan,
        arena.buffers,
        _overlaps(model, arena.storage, {b.name: b for b in arena.buffers}),
    )


def test_what_a_kernel_reads_behind_its_input_lies_in_the_arena() -> None:
    case = fully_connected_case(8, 1, 4, "int8")  # rows of one byte, read four at a time
    step = replace(case.step, kernel="tk_fully_connected_s8_dsp")
    (x, *_), y = step.inputs, step.output
    arena = place(Model("rows", [x], [y], [step]))
    assert arena.offset(x) == y.nbytes  # the last bytes of the arena
    assert arena.plan.arena_bytes == arena.offset(x) + x.nbytes + 8


def test_unsupported_operators_are_listed_at_once() -> None:
    class Strange(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cumprod(torch.cumsum(x, 1), 1) + torch.special.bessel_j0(x)

    program = torch.export.export(Strange(), (torch.randn(1, 4),))
    with pytest.raises(ToolkitError) as error:
        lower(program)
    text = str(error.value)
    assert "3 operators" in text
    assert all(op in text for op in ("aten.cumprod", "aten.cumsum", "aten.special_bessel_j0"))


def test_a_dynamic_shape_is_refused() -> None:
    batch = torch.export.Dim("batch")
    program = torch.export.export(nn.Linear(3, 2), (torch.randn(2, 3),), dynamic_shapes=({0: batch},))
    with pytest.raises(ToolkitError, match="dynamic shape") as error:
        lower(program)
    assert "dynamic_shapes" in error.value.fix


def test_values_have_unique_names_after_their_layers() -> None:
    program, _ = float_program("residual")
    model: Model = lower(program)
    names = [value.name for value in (*model.inputs, *(s.output for s in model.steps))]
    assert len(set(names)) == len(names)
    assert {"stem", "first", "second", "head"} <= set(names)
