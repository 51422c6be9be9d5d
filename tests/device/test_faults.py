"""A device that faults, hangs or runs out of stack is an error that says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import run
from toolkit.errors import DEVICE, ToolkitError

Need = Callable[[str, str], None]
# one core of each kind under each emulator
CORES = [
    ("cortex-m0plus", "unicorn"),
    ("cortex-m0plus", "qemu"),
    ("cortex-m4", "unicorn"),
    ("cortex-m4", "qemu"),
    ("cortex-m55", "qemu"),
    ("rv32imc", "unicorn"),
    ("rv32imc", "qemu"),
]


def failure(
    folder: Path, target: str, emulator: str, need: Need, layer: str, timeout_s: float = 60
) -> ToolkitError:
    """Run a bundle whose first layer is ``layer`` and return its error."""
    if emulator == "qemu":
        need(target, emulator)
    bundle = toy.make(folder / "b", target, globals="int recurse(int n); volatile int sink;", layer_0=layer)
    with pytest.raises(ToolkitError) as caught:
        run(build(bundle), targets.load(target), toy.samples(1), emulator=emulator, timeout_s=timeout_s)
    assert caught.value.exit_code == DEVICE
    return caught.value


@pytest.mark.parametrize(("target", "emulator"), CORES)
def test_an_endless_loop_is_a_hang_with_its_place(
    tmp_path: Path, target: str, emulator: str, need: Need
) -> None:
    error = failure(tmp_path, target, emulator, need, "while (!sink) { }", timeout_s=1)
    assert "still running after 1 s" in error.what
    assert "in model_layer_0_relu" in error.at
    assert "--timeout" in error.fix


@pytest.mark.parametrize(("target", "emulator"), CORES)
def test_a_bad_pointer_is_a_fault_with_its_place(
    tmp_path: Path, target: str, emulator: str, need: Need
) -> None:
    nowhere = "0xC0000000" if target == "rv32imc" else "0x3F000000"
    error = failure(tmp_path, target, emulator, need, f"sink = *(volatile int *){nowhere};")
    assert "fault" in error.what
    assert "in model_layer_0_relu" in error.at


@pytest.mark.parametrize(("target", "emulator"), CORES)
def test_an_undefined_instruction_is_a_fault_with_its_place(
    tmp_path: Path, target: str, emulator: str, need: Need
) -> None:
    undefined = ".word 0" if target == "rv32imc" else ".inst.n 0xde00"
    error = failure(tmp_path, target, emulator, need, f'__asm volatile("{undefined}");')
    assert "fault" in error.what
    assert "in model_layer_0_relu" in error.at


@pytest.mark.parametrize("emulator", ["unicorn", "qemu"])
def test_unaligned_data_is_a_fault_on_a_cortex_m0(tmp_path: Path, emulator: str, need: Need) -> None:
    layer = "sink = *(volatile int *)(void *)(arena + 1);"
    error = failure(tmp_path, "cortex-m0plus", emulator, need, layer)
    assert "fault" in error.what
    assert "in model_layer_0_relu" in error.at


@pytest.mark.parametrize(("target", "emulator"), CORES)
def test_a_stack_that_overflows_says_so(tmp_path: Path, target: str, emulator: str, need: Need) -> None:
    if emulator == "qemu":
        need(target, emulator)
    bundle = toy.make(
        tmp_path / "b",
        target,
        globals="static volatile int sink; static __attribute__((noinline)) int recurse(int n) {"
        " volatile int a[20]; a[n % 20] = n; if (n == 0) return 1; return recurse(n - 1) + a[n % 20]; }",
        layer_0="sink = recurse(5000);",
    )
    with pytest.raises(ToolkitError, match="the stack overflowed: 4,096 bytes are too few") as caught:
        run(build(bundle), targets.load(target), toy.samples(1), emulator=emulator, timeout_s=60)
    assert caught.value.exit_code == DEVICE
    assert "stack_bytes" in caught.value.fix


def test_a_program_of_this_machine_that_hangs_or_crashes(tmp_path: Path) -> None:
    hang = failure(tmp_path / "hang", "host", "native", None, "while (!sink) { }", timeout_s=1)  # type: ignore[arg-type]
    assert "still running after 1 s" in hang.what
    crash = failure(tmp_path / "crash", "host", "native", None, "__builtin_trap();")  # type: ignore[arg-type]
    assert "failed with exit status" in crash.what


def test_a_linux_program_that_hangs_or_crashes_under_qemu(tmp_path: Path, need: Need) -> None:
    hang = failure(tmp_path / "hang", "rpi", "qemu", need, "while (!sink) { }", timeout_s=1)
    assert "still running after 1 s" in hang.what
    crash = failure(tmp_path / "crash", "rpi", "qemu", need, "__builtin_trap();")
    assert "fault" in crash.what
