"""Two models in one program: each with a prefix of its own, both right, verified and counted like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.runtime import golden
from tests.runtime.c_compiler import C99, CPP11, STRICT, call, compiler
from tests.runtime.conftest import BundleOf
from toolkit import bundle as bundles
from toolkit.device.build import read_manifest
from toolkit.errors import ToolkitError
from toolkit.measure.bench import bench
from toolkit.verify.verify import verify

# Runs both models on every sample, one after the other, each on its own golden data.
MAIN = """
#include <stdio.h>
#include "kws.h"
#include "vad.h"
#define READ(data, bytes) if (fread(data, 1, bytes, input) != (bytes)) return 1;
#define WRITE(data, bytes) if (fwrite(data, 1, bytes, output) != (bytes)) return 1;
static int run_both(FILE *input, FILE *output) {
    KWS_INPUTS(READ)
    VAD_INPUTS(READ)
    kws_run();
    vad_run();
    KWS_OUTPUTS(WRITE)
    VAD_OUTPUTS(WRITE)
    return 0;
}
int main(void) {
    FILE *const input = fopen("input.bin", "rb"), *const output = fopen("output.bin", "wb");
    int i;
    for (i = 0; i < SAMPLES; ++i) {
        if (run_both(input, output)) return 1;
    }
    return fclose(output);
}
"""
CMAKE = """cmake_minimum_required(VERSION 3.13)
project(user C)
add_subdirectory("{kws}" kws)
add_subdirectory("{vad}" vad)
add_executable(user main.c)
target_compile_definitions(user PRIVATE SAMPLES={samples})
target_link_libraries(user PRIVATE toolkit_kws toolkit_vad)
"""
SAMPLES = 4


@pytest.fixture(scope="module")
def two(bundle_of: BundleOf, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An int8 model called kws and a ternary one called vad, for a Cortex-M4."""
    folder = tmp_path_factory.mktemp("two")
    for kind, prefix in (("int8", "kws"), ("ternary", "vad")):
        program = bundle_of(kind, "cortex-m4", "speed") / "model.pt2"
        bundles.export(program, "cortex-m4", folder / prefix, prefix=prefix, golden_count=SAMPLES)
    return folder / "kws", folder / "vad"


def test_names_and_files_carry_the_prefix(two: tuple[Path, Path]) -> None:
    kws, _ = two
    manifest = read_manifest(kws)
    assert manifest["prefix"] == "kws"
    assert {"kws.c", "kws.h", "model.h"} < set(manifest["files"])
    assert "model.c" not in manifest["files"]
    assert all(layer["function"].startswith("kws_layer_") for layer in manifest["layers"])
    for name in ("kws.c", "kws.h"):
        text = (kws / name).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if "model_" in line or "MODEL_" in line]
        assert [line for line in lines if "trace" not in line and "TRACE" not in line] == []


@pytest.mark.parametrize("language", [C99, CPP11], ids=["c", "c++"])
@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_link_together(name: str, language: tuple[str, ...], two: tuple[Path, Path], tmp_path: Path) -> None:
    main, program = tmp_path / "main.c", tmp_path / "both"
    main.write_text(MAIN, encoding="utf-8")
    include = [f"-I{folder}" for folder in (*two, two[0] / "runtime", two[1] / "runtime")]
    sources = (two[0] / "kws.c", two[1] / "vad.c", main)
    compiler("host", name)(
        "-O2", f"-DSAMPLES={SAMPLES}", *include, *STRICT, *language, *sources, "-o", program
    )
    golden.check(program, *two)


def test_are_two_libraries_of_one_cmake_project(two: tuple[Path, Path], tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed: apt-get install cmake")
    (tmp_path / "main.c").write_text(MAIN, encoding="utf-8")
    text = CMAKE.format(kws=two[0].as_posix(), vad=two[1].as_posix(), samples=SAMPLES)
    (tmp_path / "CMakeLists.txt").write_text(text, encoding="utf-8")
    call([cmake, "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_C_FLAGS=-Wall -Werror"])
    call([cmake, "--build", tmp_path / "build"])
    golden.check(tmp_path / "build" / "user", *two)


def test_verify_and_bench_know_the_prefix(two: tuple[Path, Path]) -> None:
    result = verify(two[0], fresh=2, host=True)
    assert result.ok
    cost = bench(two[0])
    assert {layer.function for layer in cost.functions if layer.layer is None} == {"kws_run"}
    assert all(layer.instructions for layer in cost.layers)


def test_a_changed_source_is_built_again(two: tuple[Path, Path], tmp_path: Path) -> None:
    from toolkit.device.build import build

    folder = shutil.copytree(two[0], tmp_path / "kws")
    before = build(folder).path.stat().st_mtime_ns
    assert build(folder).path.stat().st_mtime_ns == before
    for name in ("kws.c", "kws.h"):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("/* changed */\n")
        after = build(folder).path.stat().st_mtime_ns
        assert after != before
        before = after


@pytest.mark.parametrize(
    "prefix", ["", "Kws", "2x", "a-b", "é", "../x", "tk", "tk_conv", "main", "stdint", "x" * 40]
)
def test_impossible_prefixes_are_refused(prefix: str, two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="prefix") as error:
        bundles.export(two[0] / "model.pt2", "host", tmp_path / "out", prefix=prefix)
    assert error.value.fix
    assert not (tmp_path / "out").exists()
