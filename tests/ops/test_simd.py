"""The vector kernels of hosts without their vector unit: compiled without it, and on a processor that lacks it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ops import case_program
from toolkit import paths
from toolkit.kernels import kernels

OPERATORS = sorted({kernel.op for kernel in kernels().values() if "avx2" in kernel.sets})


def _build(name: str, folder: Path, *flags: str) -> case_program.CaseProgram:
    program = case_program.write(folder, case_program.every_kernel(name, "avx2"), "host", "avx2")
    main = paths.runtime_dir() / "harness" / "main_stdio.c"
    include = (f"-I{folder}", f"-I{folder / 'runtime'}")
    command = ["gcc", "-std=c99", "-O2", *flags, *include, str(folder / "model.c"), str(main)]
    subprocess.run([*command, "-o", str(folder / "cases")], check=True)
    (folder / "input.bin").write_bytes(program.sample())
    return program


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc")
@pytest.mark.parametrize("name", OPERATORS)
def test_plain_c_of_the_vector_kernels(name: str, tmp_path: Path) -> None:
    program = _build(
        name, tmp_path, "-DTK_NO_SIMD", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"
    )
    subprocess.run([str(tmp_path / "cases")], cwd=tmp_path, check=True)
    assert program.mismatches((tmp_path / "output.bin").read_bytes()) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a host that is no x86-64 has no AVX2 to miss")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed: apt-get install gcc")
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="apt-get install qemu-user")
@pytest.mark.parametrize("name", OPERATORS)
def test_a_processor_without_avx2(name: str, tmp_path: Path) -> None:
    program = _build(name, tmp_path, "-static")
    image = str(tmp_path / "cases")
    subprocess.run(["qemu-x86_64", "-cpu", "qemu64", image], cwd=tmp_path, check=True)
    assert program.mismatches((tmp_path / "output.bin").read_bytes()) == []
