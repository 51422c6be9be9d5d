"""Building: with every compiler there is, only when something changed, and refusing clearly."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import elf, targets, toolchain
from toolkit.device.build import build
from toolkit.errors import CHECK_FAILED, MISSING, USAGE, ToolkitError

Need = Callable[[str, str], None]

# Those that build with other flags than their family
OWN_COMPILERS = [
    name
    for name in targets.names()
    if (target := targets.load(name)).arch != "host"
    and (target.family == name or target.compilers != targets.load(target.family).compilers)
]


def test_nothing_is_compiled_twice(bundle: Path) -> None:
    first = build(bundle)
    made = first.path.stat().st_mtime_ns
    assert build(bundle) == first
    assert first.path.stat().st_mtime_ns == made


def test_a_changed_source_header_or_flag_compiles_again(bundle: Path) -> None:
    def made(**options: str) -> int:
        return build(bundle, **options).path.stat().st_mtime_ns

    times = [made()]
    for file in (bundle / "model.c", bundle / "model.h", bundle / "runtime" / "tk.h"):
        file.write_text(file.read_text(encoding="utf-8") + "\n/* changed */\n", encoding="utf-8")
        times.append(made())
    times.append(made(optimize="-Os"))
    assert len(set(times)) == len(times)


def test_builds_lie_side_by_side(bundle: Path) -> None:
    paths = {build(bundle).path, build(bundle, trace=True).path, build(bundle, target="microbit").path}
    assert {path.parent.name for path in paths} == {"zig", "zig-trace", "microbit-zig"}
    assert all(path.is_file() for path in paths)


def test_a_harness_that_the_user_changed_is_used(bundle: Path) -> None:
    before = build(bundle).path.stat().st_mtime_ns
    (bundle / "main.c").write_text("#error mine\n", encoding="utf-8")
    with pytest.raises(ToolkitError, match="mine"):
        build(bundle)
    assert build(bundle, target="microbit").path.is_file()  # other targets keep their own harness
    (bundle / "main.c").unlink()
    assert build(bundle).path.stat().st_mtime_ns == before  # a failed build leaves the last good one


def test_a_compile_error_shows_the_compilers_text(tmp_path: Path) -> None:
    bundle = toy.make(tmp_path / "b", layer_0="this_is_not_c;")
    with pytest.raises(ToolkitError, match="this_is_not_c") as caught:
        build(bundle)
    assert caught.value.exit_code == CHECK_FAILED
    assert not (bundle / "build").exists()


def test_an_undeclared_function_is_an_error(tmp_path: Path) -> None:
    bundle = toy.make(tmp_path / "b", layer_0="undeclared(3);")
    with pytest.raises(ToolkitError, match="undeclared"):
        build(bundle)


@pytest.mark.parametrize(
    ("target", "name"),
    [(t, name) for t in OWN_COMPILERS for name in targets.load(t).compilers],
)
def test_every_target_links_what_its_core_cannot_do_by_itself(
    target: str, name: str, tmp_path: Path, need: Need
) -> None:
    need(target, name)
    bundle = toy.make(
        tmp_path / "b",
        globals="static volatile float f; static struct { int a[64]; } volatile s, t;",
        layer_0="f = f * 1.5f + (float)arena[0] / 3.0f; s = t; arena[1] = (int8_t)(100 / (1 + arena[2]));"
        "arena[3] = (int8_t)((int64_t)arena[4] * 12345678901 >> 33); for (int i = 0; i < 64; i++) t.a[i] = 0;",
    )
    assert build(bundle, target=target, toolchain=name).path.is_file()


@pytest.mark.parametrize("name", ["zig", "gcc"])
def test_startup_and_harness_take_at_most_450_bytes_on_a_cortex_m4(
    bundle: Path, name: str, need: Need
) -> None:
    need("cortex-m4", name)
    image = elf.read(build(bundle, toolchain=name).path)
    model = sum(s.size for s in image.symbols if s.name.startswith("model_"))
    flash = sum(s.size for s in image.sections if s.in_flash)
    weights = sum(s.size for s in image.sections if s.name == ".weights")
    assert weights == 32
    assert flash - weights - model <= 450


def test_weights_are_apart_from_code(bundle: Path) -> None:
    for target in ("cortex-m4", "rv32imc"):
        image = elf.read(build(bundle, target=target).path)
        assert {s.name: s.size for s in image.sections}[".weights"] == 32


def test_a_missing_compiler_names_the_command_that_installs_it(bundle: Path, no_programs: None) -> None:
    with pytest.raises(ToolkitError, match="arm-none-eabi-gcc is not installed") as caught:
        build(bundle, toolchain="gcc")
    assert caught.value.exit_code == MISSING
    assert "gcc-arm-none-eabi" in caught.value.fix


def test_a_missing_zig_names_the_command_that_installs_it(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(ToolkitError, match="Zig is not installed") as caught:
        build(bundle)
    assert caught.value.exit_code == MISSING
    assert "pip install ziglang" in caught.value.fix


def test_zig_needs_no_other_program(bundle: Path, no_programs: None) -> None:
    assert build(bundle).path.is_file()


def test_an_unknown_toolchain_or_optimization_lists_the_known(bundle: Path) -> None:
    with pytest.raises(ToolkitError, match="no toolchain 'icc'") as caught:
        build(bundle, toolchain="icc")
    assert "zig" in caught.value.fix
    with pytest.raises(ToolkitError, match="-O9") as caught:
        build(bundle, optimize="-O9")
    assert "-O2" in caught.value.fix


def test_zig_caches_where_this_user_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path))
    found = toolchain.find(targets.load("cortex-m4"))
    assert (
        found.environment["ZIG_GLOBAL_CACHE_DIR"] == found.environment["ZIG_LOCAL_CACHE_DIR"] == str(tmp_path)
    )


@pytest.mark.parametrize("name", ["zig", "gcc"])
def test_too_much_flash_is_refused_with_numbers_and_a_target_that_fits(
    tmp_path: Path, name: str, need: Need
) -> None:
    need("microbit", name)
    bundle = toy.make(
        tmp_path / "b",
        "microbit",
        globals="TK_WEIGHTS static const volatile uint8_t large[300000] = {1};",
        layer_0="arena[0] = (int8_t)large[arena[1] & 127];",
    )
    with pytest.raises(
        ToolkitError, match=r"does not fit microbit: it needs 300,\d\d\d of 262,144 bytes of flash"
    ) as e:
        build(bundle, toolchain=name)
    assert e.value.exit_code == CHECK_FAILED
    assert "--target pico" in e.value.fix
    assert not (bundle / "build").exists()


@pytest.mark.parametrize("name", ["zig", "gcc"])
def test_too_much_ram_is_refused_with_numbers_and_a_target_that_fits(
    tmp_path: Path, name: str, need: Need
) -> None:
    need("microbit", name)
    bundle = toy.make(
        tmp_path / "b",
        "microbit",
        globals="static volatile uint8_t large[200000];",
        layer_0="arena[0] = (int8_t)large[arena[1] & 127];",
    )
    with pytest.raises(ToolkitError, match=r"needs 202,\d\d\d of 16,384 bytes of RAM") as caught:
        build(bundle, toolchain=name)
    assert "--target pico" in caught.value.fix


def test_what_fits_nowhere_says_so(tmp_path: Path) -> None:
    bundle = toy.make(
        tmp_path / "b",
        globals="static volatile uint8_t large[9000000];",
        layer_0="arena[0] = (int8_t)large[arena[1] & 127];",
    )
    with pytest.raises(ToolkitError, match="of RAM") as caught:
        build(bundle)
    assert "--target " in caught.value.fix
    assert " or rpi" in caught.value.fix
    assert "no microcontroller here has that much memory" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "has no manifest.json"),
        ("{", "not a valid manifest"),
        ("[1]", "not a manifest of schema 1"),
        ('{"schema": 2, "target": "host"}', "not a manifest of schema 1"),
        ('{"schema": 1}', "names no target"),
        ('{"schema": 1, "target": "host", "prefix": "../model"}', "prefix is no C name"),
        ('{"schema": 1, "target": "host"}', "does not describe the inputs"),
        ('{"schema": 1, "target": "host", "inputs": [{"bytes": "8"}]}', "does not describe the inputs"),
        (
            '{"schema": 1, "target": "m44", "inputs": [{"bytes": 8}], "outputs": [{"bytes": 8}]}',
            "no target is called",
        ),
        ("[" * 100_000, "not a valid manifest"),
    ],
)
def test_a_wrong_manifest_is_named(bundle: Path, text: str | None, why: str) -> None:
    if text is None:
        (bundle / "manifest.json").unlink()
    else:
        (bundle / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ToolkitError, match=why) as caught:
        build(bundle)
    assert caught.value.exit_code == USAGE


def test_a_bundle_without_its_source_is_refused(bundle: Path) -> None:
    (bundle / "model.c").unlink()
    with pytest.raises(ToolkitError, match=r"model\.c") as caught:
        build(bundle)
    assert "export" in caught.value.fix


def test_a_damaged_stamp_only_means_building_again(bundle: Path) -> None:
    image = build(bundle)
    stamp = image.path.parent / "stamp.json"
    stamp.write_text("{", encoding="utf-8")
    build(bundle)
    assert json.loads(stamp.read_text(encoding="utf-8"))
