"""The runtime is a CMake project of its own: it builds, checks itself, installs, and is found again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.c_compiler import C99, CPP11, STRICT, call, compiler
from toolkit import paths

RUNTIME = paths.runtime_dir()
SELF_CHECK = RUNTIME / "check" / "self_check.c"
USER = """cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(toolkit_runtime REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE toolkit::runtime)
"""
# The example of runtime/README.md: (7 + 16 + 27 + 10) / 4 = 15 and (-28 + 40 - 54 + 20) / 4 = -5.5, half up.
MAIN = """
int main(void) {
    tk_fully_connected_s8(input, weight[0], bias, &requant, output, 1, 3, 2);
    return output[0] == 15 && output[1] == -5 ? 0 : 1;
}
"""


@pytest.fixture
def cmake() -> Callable[..., str]:
    program = shutil.which("cmake")
    if program is None:
        pytest.skip("cmake is not installed: apt-get install cmake")
    return lambda *arguments: call([program, *arguments])


def test_builds_alone_checks_itself_installs_and_is_found(cmake: Callable[..., str], tmp_path: Path) -> None:
    build, prefix, user = tmp_path / "build", tmp_path / "prefix", tmp_path / "user"
    cmake("-S", RUNTIME, "-B", build, f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    cmake("--build", build, "--parallel", "2")
    call(["ctest", "--test-dir", build, "--output-on-failure"])
    cmake("--install", build)
    user.mkdir()
    (user / "CMakeLists.txt").write_text(USER, encoding="utf-8")
    (user / "main.c").write_text(_readme_example() + MAIN, encoding="utf-8")
    cmake("-S", user, "-B", tmp_path / "user-build", f"-DCMAKE_PREFIX_PATH={prefix}")
    cmake("--build", tmp_path / "user-build")
    call([tmp_path / "user-build" / "user"])


def _readme_example() -> str:
    """Return the C of the README up to the call, which belongs into a function."""
    block = (RUNTIME / "README.md").read_text(encoding="utf-8").split("```c\n")[1].split("```")[0]
    return block.partition("tk_fully_connected_s8(")[0]


@pytest.mark.parametrize("language", [C99, CPP11], ids=["c", "c++"])
@pytest.mark.parametrize("name", ["gcc", "zig"])
@pytest.mark.parametrize("optimize", ["-O0", "-O3"])
def test_self_check_passes(name: str, language: tuple[str, ...], optimize: str, tmp_path: Path) -> None:
    program = tmp_path / "self_check"
    flags = (optimize, f"-I{RUNTIME / 'include'}", *STRICT, *language)
    compiler("host", name)(*flags, SELF_CHECK, "-o", program)
    call([program])


@pytest.mark.parametrize(
    ("header", "right", "wrong", "code"),
    [
        ("tk.h", "(product + ((int64_t)1 << (shift - 1))) >> shift", "product >> shift", 2),
        ("tk_dsp.h", "low + high); /*", "low - high); /*", 3),
        ("tk_fully_connected_s8_dsp.h", "acc[1] = la", "acc[1] = ra", 4),
        ("tk_ternary.h", "(codes & 3) * value", "(codes & 1) * value", 5),
        ("tk_ternary.h", "(3 * y) & 255", "(3 * y) & 127", 5),
    ],
)
def test_self_check_finds_a_wrong_kernel(
    header: str, right: str, wrong: str, code: int, tmp_path: Path
) -> None:
    include = shutil.copytree(RUNTIME / "include", tmp_path / "include")
    text = (include / header).read_text(encoding="utf-8")
    assert right in text
    (include / header).write_text(text.replace(right, wrong), encoding="utf-8")
    program = tmp_path / "self_check"
    compiler("host", "zig")("-O1", f"-I{include}", *C99, SELF_CHECK, "-o", program)
    with pytest.raises(AssertionError, match=f"exits with {code}"):
        call([program])
