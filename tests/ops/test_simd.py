"""The vector kernels of hosts on every kind of processor: each one's instructions, and none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ops import case_program
from toolkit import paths
from toolkit.kernels import kernels

# Of TK_CPU_MASK in runtime/include/tk_avx2.h; a processor that lacks one runs what it has.
PROCESSORS = {"avx2": 1, "avx-vnni": 1 | 2, "avx512-vnni": 1 | 4, "avx512": 1 | 4 | 8}
# A kernel that all layers share takes a sanitizer a seventh of the time of one inlined into each.
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DTK_SHARE_KERNELS")
OPERATORS = sorted({kernel.op for kernel in kernels().values() if "avx2" in kernel.sets})
ARM_OPERATORS = sorted({kernel.op for kernel in kernels().values() if "neon" in kernel.sets})


ARM = "aarch64-linux-gnu-gcc"
DOT_PRODUCT = "-march=armv8.2-a+dotprod"  # a Raspberry Pi 5 has it, one before has not


def _build(
    name: str, folder: Path, *flags: str, compiler: str = "gcc", kernel_set: str = "avx2"
) -> case_program.CaseProgram:
    program = case_program.write(folder, case_program.every_kernel(name, kernel_set), "host")
    main = paths.runtime_dir() / "harness" / "main_stdio.c"
    include = (f"-I{folder}", f"-I{folder / 'runtime'}")  # -include looks there, too
    command = [compiler, "-std=c99", "-O1", *flags, *include, str(folder / "model.c"), str(main)]
    subprocess.run([*command, "-o", str(folder / "cases")], check=True)
    (folder / "input.bin").write_bytes(program.sample())
    return program


def _need_gcc() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc")


# Asked when the program runs: one compilation serves all processors.
MASK = """#include <stdlib.h>
static inline int test_mask(void) { return atoi(getenv("TEST_MASK")); }
"""


@pytest.mark.parametrize("name", OPERATORS)
def test_every_kind_of_processor(name: str, tmp_path: Path) -> None:
    _need_gcc()
    (tmp_path / "mask.h").write_text(MASK, encoding="utf-8")
    program = _build(name, tmp_path, *SANITIZE, "-include", "mask.h", "-DTK_CPU_MASK=test_mask()")
    for processor, mask in PROCESSORS.items():
        environment = {**os.environ, "TEST_MASK": str(mask)}
        subprocess.run([str(tmp_path / "cases")], cwd=tmp_path, env=environment, check=True)
        assert program.mismatches((tmp_path / "output.bin").read_bytes()) == [], processor


@pytest.mark.parametrize("name", OPERATORS)
def test_plain_c(name: str, tmp_path: Path) -> None:
    _need_gcc()
    program = _build(name, tmp_path, "-DTK_NO_SIMD", *SANITIZE)
    subprocess.run([str(tmp_path / "cases")], cwd=tmp_path, check=True)
    assert program.mismatches((tmp_path / "output.bin").read_bytes()) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a host that is no x86-64 has no AVX2 to miss")
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="apt-get install qemu-user")
@pytest.mark.parametrize("name", OPERATORS)
def test_inlined_on_this_processor_and_one_without_avx2(name: str, tmp_path: Path) -> None:
    _need_gcc()
    program = _build(name, tmp_path, "-static")
    for emulator in ((), ("qemu-x86_64", "-cpu", "qemu64")):
        subprocess.run([*emulator, str(tmp_path / "cases")], cwd=tmp_path, check=True)
        assert program.mismatches((tmp_path / "output.bin").read_bytes()) == [], emulator


@pytest.mark.skipif(shutil.which(ARM) is None, reason="apt-get install gcc-aarch64-linux-gnu")
@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="apt-get install qemu-user")
@pytest.mark.parametrize("name", ARM_OPERATORS)
def test_arm_with_dot_products(name: str, tmp_path: Path) -> None:
    flags = (DOT_PRODUCT, "-static", "-DTK_SHARE_KERNELS")  # test_cases inlines kernels, without dot products
    program = _build(name, tmp_path, *flags, compiler=ARM, kernel_set="neon")
    subprocess.run(["qemu-aarch64", str(tmp_path / "cases")], cwd=tmp_path, check=True)
    assert program.mismatches((tmp_path / "output.bin").read_bytes()) == []
