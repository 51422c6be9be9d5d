"""Generated C in other people's hands: GCC, Zig, C++, sanitizers, CMake, and nothing needed beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.runtime import golden
from tests.runtime.c_compiler import C99, CPP11, CPP17, STRICT, call, compiler
from tests.runtime.conftest import BundleOf
from tests.runtime.programs import KINDS
from toolkit import paths

MAIN = paths.runtime_dir() / "harness" / "main_stdio.c"
OPTIMIZE = ("speed", "size")
LANGUAGES = {"gcc-c99": C99, "zig-c99": C99, "gcc-c++11": CPP11, "zig-c++17": CPP17}
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
# What a compiler may call on its own account, whatever the program.
MEMORY_FUNCTIONS = {"memcpy", "memmove", "memset", "memcmp"}
LARGEST_FRAME_BYTES = 256


# "cortex-m4" brings the _dsp kernels, which on this machine run as the C that they fall back to; float32 has none.
MODELS = [(kind, target) for kind in KINDS for target in ("host", "cortex-m4")]
MODELS.remove(("float32", "cortex-m4"))


def every_model(test: Callable[..., None]) -> Callable[..., None]:
    """Run ``test`` for each kind of model, with each kernel set, specialised and shared."""
    test = pytest.mark.parametrize(("kind", "target"), MODELS)(test)
    return pytest.mark.parametrize("optimize", OPTIMIZE)(test)


@every_model
@pytest.mark.parametrize("language", LANGUAGES)
def test_gives_the_golden_outputs_without_a_warning(
    language: str, kind: str, target: str, optimize: str, bundle_of: BundleOf, tmp_path: Path
) -> None:
    bundle = bundle_of(kind, target, optimize)
    compile_ = compiler("host", language.partition("-")[0])
    include = (f"-I{bundle}", f"-I{bundle / 'runtime'}")
    program = tmp_path / "model"
    compile_("-O2", *include, *STRICT, *LANGUAGES[language], bundle / "model.c", MAIN, "-o", program)
    golden.check(program, bundle)


@every_model
def test_sanitizers_find_nothing(
    kind: str, target: str, optimize: str, bundle_of: BundleOf, tmp_path: Path
) -> None:
    bundle = bundle_of(kind, target, optimize)
    include = (f"-I{bundle}", f"-I{bundle / 'runtime'}")
    program = tmp_path / "model"
    compiler("host", "gcc")("-O1", "-g", *SANITIZE, *include, *C99, bundle / "model.c", MAIN, "-o", program)
    golden.check(program, bundle)


@pytest.mark.parametrize("optimize", OPTIMIZE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gcc", "zig"])
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_needs_no_library(
    core: str, name: str, kind: str, optimize: str, bundle_of: BundleOf, tmp_path: Path
) -> None:
    bundle = bundle_of(kind, core, optimize)
    compiler(core, name)(
        "-O2", f"-I{bundle / 'runtime'}", *C99, "-c", bundle / "model.c", "-o", tmp_path / "m.o"
    )
    undefined = _undefined(tmp_path / "m.o") - MEMORY_FUNCTIONS
    # Arm's names for what a core has no instruction for; every compiler brings them in a library of its own.
    helpers = {name for name in undefined if name.startswith("__aeabi_")}
    assert undefined == helpers
    if core == "cortex-m4":
        assert {name for name in helpers if not name.startswith("__aeabi_mem")} == set()


def _undefined(file: Path) -> set[str]:
    """Return the symbols that an object file wants from elsewhere."""
    with file.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        return {s.name for s in table.iter_symbols() if s["st_shndx"] == "SHN_UNDEF" and s.name}


@pytest.mark.parametrize("optimize", OPTIMIZE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_frames_are_small_and_of_fixed_size(
    core: str, kind: str, optimize: str, bundle_of: BundleOf, tmp_path: Path
) -> None:
    bundle = bundle_of(kind, core, optimize)
    flags = ("-O2", "-Wvla", "-Walloca", "-Werror", "-fstack-usage", f"-I{bundle / 'runtime'}", *C99)
    compiler(core, "gcc")(*flags, "-c", bundle / "model.c", "-o", tmp_path / "model.o", cwd=tmp_path)
    lines = (tmp_path / "model.su").read_text(encoding="utf-8").splitlines()
    frames = {where: (int(size), how) for where, size, how in (line.split("\t") for line in lines)}
    assert any("model_run" in where for where in frames)
    assert {where: how for where, (_, how) in frames.items() if how != "static"} == {}
    assert {where: size for where, (size, _) in frames.items() if size > LARGEST_FRAME_BYTES} == {}


def test_structs_are_small(bundle_of: BundleOf, tmp_path: Path) -> None:
    source = tmp_path / "sizes.c"
    source.write_text(
        '#include "tk_window.h"\n'
        "typedef char requant[sizeof(tk_requant_s8) == 28 ? 1 : -1];\n"
        "typedef char window[sizeof(tk_window) == 56 ? 1 : -1];\n",
        encoding="utf-8",
    )
    include = paths.runtime_dir() / "include"
    compiler("cortex-m4", "zig")(f"-I{include}", *C99, "-c", source, "-o", tmp_path / "sizes.o")


USERS_PROJECT = """cmake_minimum_required(VERSION 3.13)
project(user C)
add_subdirectory("{bundle}" model)
add_executable(user "{main}")
target_link_libraries(user PRIVATE toolkit_model)
"""


def test_is_a_cmake_library(bundle_of: BundleOf, tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed: apt-get install cmake")
    bundle = bundle_of("int8", "cortex-m4", "speed")
    text = USERS_PROJECT.format(bundle=bundle.as_posix(), main=MAIN.as_posix())
    (tmp_path / "CMakeLists.txt").write_text(text, encoding="utf-8")
    build = tmp_path / "build"
    strict = "-Wall -Wextra -pedantic -Wconversion -Werror"
    call([cmake, "-S", tmp_path, "-B", build, f"-DCMAKE_C_FLAGS={strict}", "-DCMAKE_BUILD_TYPE=Release"])
    call([cmake, "--build", build])
    golden.check(build / "user", bundle)
