"""Every operator's cases through the emitter, on this machine under sanitizers and on emulated cores."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ops import case_program, fences
from toolkit import paths
from toolkit.device import build, run, targets, toolchain
from toolkit.kernels import kernels
from toolkit.ops import operators

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror", "-ffp-contract=off")
# a kernel that all layers share takes GCC a seventh of the time of one inlined into each
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DTK_SHARE_KERNELS")
OPERATORS = sorted(operators())
# Portable kernels run for every operator here and, built by Zig, on two cores: on one inlined into each layer, on the
# other shared by all layers, a quarter of the code to compile. Tuned ones run where they belong.
TUNED = sorted({(kernel.op, kernel_set) for kernel in kernels().values() for kernel_set in kernel.sets})
HERE = [*((name, "portable") for name in OPERATORS), *TUNED]
# With fences, no kernel reads or writes beyond what it is given; without, outputs lie in inputs' places.
CORES = {
    "armv7em": (("cortex-m4", "zig", False), ("cortex-m4", "gcc", True)),
    "armv6m": (("cortex-m0plus", "zig", False), ("cortex-m0plus", "gcc", True)),
    "helium": (("cortex-m55", "zig", False), ("cortex-m55", "gcc", True)),
    "rv32im": (("rv32imc", "zig", False), ("rv32imc", "gcc", True)),
    "neon": (("rpi", "zig", False), ("rpi", "gcc", True)),
}
EMULATED = [
    *(
        (name, target, "zig", False, "portable")
        for name in OPERATORS
        for target in ("cortex-m4", "cortex-m0plus")
    ),
    *((name, *core, kernel_set) for name, kernel_set in TUNED for core in CORES.get(kernel_set, ())),
]


def _compiler(name: str, package: str) -> tuple[list[str], dict[str, str] | None]:
    if name == "zig":
        return [*toolchain.zig_command(), "cc"], toolchain.zig_environment()
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return [name], None


def _call(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> None:
    result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:4000]


@pytest.mark.parametrize(("name", "kernel_set"), HERE)
def test_on_this_machine_under_sanitizers(name: str, kernel_set: str, tmp_path: Path) -> None:
    program = case_program.write(tmp_path, case_program.every_kernel(name, kernel_set), "host", fenced=True)
    flags = ("-O1", *SANITIZE, f"-I{tmp_path}", f"-I{tmp_path / 'runtime'}")
    main = paths.runtime_dir() / "harness" / "main_stdio.c"
    command, environment = _compiler("gcc", "gcc")
    image = str(tmp_path / "cases")
    _call([*command, *flags, *STRICT, str(tmp_path / "model.c"), str(main), "-o", image], environment)
    (tmp_path / "input.bin").write_bytes(program.sample())
    _call([image], folder=tmp_path)
    assert (
        program.mismatches(
            (tmp_path / "output.bin").read_bytes(), exact_float=operators()[name].sums_in_order
        )
        == []
    )


@pytest.mark.parametrize(("name", "target_name", "compiler", "fenced", "kernel_set"), EMULATED)
def test_on_an_emulated_core(
    name: str, target_name: str, compiler: str, fenced: bool, kernel_set: str, tmp_path: Path
) -> None:
    target = targets.load(target_name)
    if compiler == "gcc":
        _compiler(target.compilers["gcc"].command[0], target.compilers["gcc"].package)
    cases = case_program.every_kernel(name, kernel_set)
    shared = (target_name, kernel_set) == ("cortex-m0plus", "portable")
    program = case_program.write(tmp_path, cases, target_name, fenced=fenced, shared=shared)
    image = build.build(tmp_path, toolchain=compiler)
    if fenced:
        output, crossed = fences.crossings(image, target, program.sample(), program.fences)
        assert crossed == []
    else:
        output = run.run(image, target, [program.sample()]).outputs[0]
    assert program.mismatches(output, exact_float=operators()[name].sums_in_order) == []


@pytest.mark.parametrize(
    ("target_name", "kernel_set"),
    [(core[0], kernel_set) for kernel_set, cores in CORES.items() for core in cores if core[2]],
)
def test_fences_are_watched(target_name: str, kernel_set: str, tmp_path: Path) -> None:
    cases = case_program.every_kernel("fully_connected", kernel_set)[:1]
    program = case_program.write(tmp_path, cases, target_name, fenced=True)
    image = build.build(tmp_path, toolchain="gcc")
    target, sample = targets.load(target_name), program.sample()
    assert fences.crossings(image, target, sample, program.fences)[1] == []
    wider = [replace(fence, start=fence.start - 1, bytes=fence.bytes + 1) for fence in program.fences]
    crossed = fences.crossings(image, target, sample, wider[1:])[1]  # the first has nothing in front of it
    assert all(any(part in line for line in crossed) for part in ("_arena,", "_weight,"))


@pytest.mark.parametrize(
    ("compiler", "package", "flags"),
    [
        ("g++", "g++", ("-x", "c++", "-std=c++11")),
        ("zig", "", ("-x", "c++", "-std=c++17")),
        (
            "arm-none-eabi-gcc",
            "gcc-arm-none-eabi",
            ("-std=c99", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard"),
        ),
        ("arm-none-eabi-gcc", "gcc-arm-none-eabi", ("-std=c99", "-mcpu=cortex-m0", "-mthumb", "-Os")),
    ],
    ids=["g++", "zig-c++", "gcc-m4", "gcc-m0"],
)
def test_compiles_without_a_warning(
    compiler: str, package: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    kernel_set = "armv7em" if "-mcpu=cortex-m4" in flags else "portable"
    cases = [case for name in OPERATORS for case in case_program.every_kernel(name, kernel_set)]
    case_program.write(tmp_path, cases, "host")
    strict = [flag for flag in STRICT if not flag.startswith("-std")]
    include = [f"-I{tmp_path}", f"-I{tmp_path / 'runtime'}", "-DTK_SHARE_KERNELS"]
    command, environment = _compiler(compiler, package)
    _call(
        [
            *command,
            *flags,
            *strict,
            *include,
            "-c",
            str(tmp_path / "model.c"),
            "-o",
            str(tmp_path / "model.o"),
        ],
        environment,
    )


INT8_ONLY = {
    "conv2d_add",  # fused where a step of int8 values becomes faster
    "conv2d_trained",  # in float32 the operators of constant weights take those of the run, too
    "depthwise_conv2d_trained",
    "fully_connected_trained",
}
FLOAT_ONLY = {
    "token_scale",
    "compare",
    "where",
    "perturb",
    "sketch",
    "matmul_step",
    "stochastic_round",
    "level_codes",
}  # integers have no use for them, or none yet
CONDITIONS = {"logical"}
MOVES = {"reshape", "permute", "slice"}  # of any type of their size
WHOLE_NUMBERS = {"count_on", "increment"}  # operators that compute with positions and counts only


@pytest.mark.parametrize("name", OPERATORS)
def test_cases_cover_the_types(name: str) -> None:
    dtypes = {
        value.dtype for case in operators()[name].cases() for value in (*case.step.inputs, case.step.output)
    }
    wanted = {"int16"} if name.endswith("_s16") else {"int8", "float32"}
    if name.endswith("_wide"):
        wanted = {"int8", "int16"}
    if operators()[name].takes_int16:
        wanted = {"int8", "int16", "float32"}
    if operators()[name].potentials:
        wanted = {"int16", "float32"}
    if name in FLOAT_ONLY or name.endswith("_gradient"):
        wanted = {"float32"}
    if name == "cast":
        wanted = {"float16", "float32"}
    if operators()[name].half_operands and name not in MOVES and not name.endswith("_s16"):
        wanted = wanted | {"float16"}
    if name in INT8_ONLY:
        wanted = {"int8"}
    if name in CONDITIONS:
        wanted = {"bool"}
    if name in WHOLE_NUMBERS:
        wanted = {"int32"}
    assert wanted <= dtypes


@pytest.mark.parametrize("name", OPERATORS)
def test_case_ids_are_unique(name: str) -> None:
    ids = [case.id for case in operators()[name].cases()]
    assert len(ids) == len(set(ids))
