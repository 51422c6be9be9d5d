"""AVR: constants stay in flash, an int has 16 bits, simavr counts every cycle."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.device import toy
from tests.ops import case_program
from toolkit import bundle
from toolkit.backends.c import emit
from toolkit.device import build, run, targets
from toolkit.device.emulated_board import running
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.errors import CHECK_FAILED, DEVICE, USAGE, ToolkitError
from toolkit.golden import golden_samples
from toolkit.measure.bench import bench
from toolkit.measure.board import bench_board
from toolkit.ops import operators
from toolkit.ops.base import Case
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.tune.count import count
from toolkit.verify.verify import verify

RAM_BYTES, CONSTANT_BYTES = 10_000, 24_000  # of the cases of one program
PER_KERNEL = 5  # cases, spread over those that an operator has
WEIGHTS = 64 * 32 + 32 * 10


def _cases(only: tuple[str, ...]) -> dict[str, list[tuple[Case, int, int]]]:
    """Return the cases that each kernel of ``only`` computes, with RAM and constants, where memory reaches."""
    found = defaultdict(list)
    for name in sorted(operators()):
        for kernel_set in ("portable", "avr"):
            for case in case_program.every_kernel(name, kernel_set):
                source = emit(case_program.model_of("case", case))
                kernels = {kernel for layer in source.layers for kernel in layer.kernels}
                arena = source.arena.plan.arena_bytes
                constants = sum(layer.constant_bytes for layer in source.layers)
                if kernels and kernels <= set(only) and arena <= RAM_BYTES and constants <= CONSTANT_BYTES:
                    found[min(kernels)].append((case, arena, constants))
    return found


def _programs(cases: list[tuple[Case, int, int]]) -> list[list[Case]]:
    """Put cases together as far as memory reaches."""
    programs: list[list[Case]] = [[]]
    ram = flash = 0
    for case, arena, constants in cases:
        if ram + arena > RAM_BYTES or flash + constants > CONSTANT_BYTES:
            programs.append([])
            ram = flash = 0
        programs[-1].append(case)
        ram, flash = ram + arena, flash + constants
    return programs


def test_its_kernels_agree_with_their_references(tmp_path: Path) -> None:
    target = targets.load("avr")
    by_kernel = _cases(target.only)
    assert set(by_kernel) == set(target.only)
    spread = [case for of in by_kernel.values() for case in of[:: max(1, len(of) // PER_KERNEL)]]
    wrong = []
    for number, program in enumerate(_programs(spread)):
        written = case_program.write(tmp_path / str(number), program, "avr")
        result = run.run(build.build(tmp_path / str(number), optimize="-Os"), target, [written.sample()])
        wrong += written.mismatches(result.outputs[0], exact_float=True)
    assert wrong == []


def _exported(folder: Path, net: nn.Module, shape: tuple[int, ...]) -> Path:
    torch.manual_seed(0)
    samples = np.random.default_rng(0).random((32, *shape), np.float32)
    pt2.save(quantize_ptq(net.eval(), samples), folder / "net.pt2")
    bundle.export(folder / "net.pt2", "arduino-uno", folder / "bundle")
    return folder / "bundle"


def test_a_network_whose_weights_are_larger_than_its_ram(tmp_path: Path) -> None:
    made = _exported(tmp_path, nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), (64,))
    assert verify(made).ok
    cost = bench(made)
    assert cost.memory is not None
    assert cost.cycles is not None
    assert cost.instructions is not None
    assert targets.load("arduino-uno").regions()[1].bytes < WEIGHTS
    assert cost.memory.weight_bytes >= WEIGHTS
    assert cost.memory.ram_bytes < 600
    assert cost.cycles.kind == "counted"
    assert cost.cycles.value == sum(layer.cycles or 0 for layer in cost.layers) + 7  # two calls and a return
    assert 12 < cost.cycles.value / cost.macs < 30
    assert "__umulsidi3_helper" in {function.function for function in cost.functions}


def test_layers_that_it_cannot_run_are_named_at_once(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4), nn.LogSoftmax(-1))
    with pytest.raises(ToolkitError) as caught:
        _exported(tmp_path, net, (8,))
    assert caught.value.exit_code == USAGE
    assert "cannot run 2 layers" in caught.value.what
    assert "layer_norm in" in caught.value.at
    assert "log_softmax in" in caught.value.at


def test_what_does_not_fit_is_refused_with_its_numbers(tmp_path: Path) -> None:
    made = toy.make(
        tmp_path / "toy", "arduino-uno", globals="volatile uint8_t large[3000];", layer_0="large[1] = 1;"
    )
    with pytest.raises(ToolkitError) as caught:
        build.build(made)
    assert caught.value.exit_code == CHECK_FAILED
    assert "of 2,048 bytes of RAM" in caught.value.what


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ("while (!sink) { }", "still running after 1 s"),
        ("sink = recurse(30000);", "the stack overflowed"),
        ("*(volatile uint8_t *)0x8000 = 1;", "the device faulted"),
    ],
)
def test_what_goes_wrong_is_said_with_its_place(tmp_path: Path, layer: str, what: str) -> None:
    recursion = (
        "volatile int sink;"
        "static __attribute__((noinline)) int recurse(int n) { return n ? recurse(n - 1) + sink : 0; }"
    )
    made = toy.make(tmp_path / "toy", "arduino-uno", globals=recursion, layer_0=layer)
    with pytest.raises(ToolkitError) as caught:
        run.run(build.build(made), targets.load("arduino-uno"), toy.samples(1), timeout_s=1)
    assert caught.value.exit_code == DEVICE
    assert what in caught.value.what
    assert "in recurse" in caught.value.at or "in model_layer_0_relu" in caught.value.at


def test_it_serves_a_model_over_its_usart_and_times_itself(tmp_path: Path) -> None:
    made = _exported(tmp_path, nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), (64,))
    image, target = build.build(made, serial=True), targets.load("arduino-uno")
    manifest = build.read_manifest(made)
    (inputs,), (outputs,) = golden_samples(made, manifest)
    with running(image, target) as board:
        for _ in range(2):
            with SerialLink(board.url) as link:
                model = SerialModel(link, sample_bytes=64, classes=10)
                model.load_sample(inputs[0].tobytes())
                model.infer()
                assert model.outputs() == outputs[0].tobytes()
                laps = [
                    int(line.removeprefix("m-lap-us-")) for line in link.ask("infer 100") if "-lap-" in line
                ]
                assert model.stack_bytes() < target.stack_bytes
            board.reset()
        with SerialLink(board.url) as link:
            found = bench_board(made, link)
        assert board.failure() is None
    exact = found.cycles
    assert exact is not None
    assert found.latency_us is not None
    assert (exact.kind, found.latency_us.kind) == ("counted", "counted")
    # the loop around the model and the timer's interrupt are in it
    assert laps[1] - laps[0] == pytest.approx(100 * exact.value / 16, rel=0.02)


def test_kernels_are_counted_in_programs_that_fit_it() -> None:
    like = next(case.step for case in operators()["relu"].cases() if case.step.output.dtype == "int8")
    steps = []
    for size in range(3000, 3008):  # 24 KB of outputs together, where RAM has 16
        x, y = (replace(value, shape=(1, size)) for value in (like.inputs[0], like.output))
        steps.append(replace(like, name=f"relu{size}", inputs=[x], output=y, kernel="portable"))
    assert all(cost.instructions > 3000 for cost in count(steps, targets.load("arduino-uno")))
