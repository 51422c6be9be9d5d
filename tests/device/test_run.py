"""Running: every target and emulator computes the same, and what is watched is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulators.native import runs_here
from toolkit.device.run import RunResult, TraceEntry, run
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

Need = Callable[[str, str], None]
# The families, and boards whose memory is laid out in another way
NAMES = [
    name
    for name in targets.names()
    if (target := targets.load(name)).family == name or target.boot or name in ("microbit", "sifive-e")
]
ALL = [
    (name, emulator)
    for name in NAMES
    for emulator in targets.load(name).emulators
    if emulator != "native" or runs_here(targets.load(name).arch)
]


def run_toy(
    bundle: Path, target: str, emulator: str | None = None, *, trace: bool = False, count: int = 5
) -> RunResult:
    image = build(bundle, target=target, trace=trace)
    return run(image, targets.load(target), toy.samples(count), emulator=emulator, timeout_s=60)


@pytest.mark.parametrize(("target", "emulator"), ALL)
def test_every_target_computes_the_same(bundle: Path, target: str, emulator: str, need: Need) -> None:
    if emulator == "qemu":
        need(target, emulator)
    result = run_toy(bundle, target, emulator)
    assert result.outputs == [toy.expected(sample) for sample in toy.samples(5)]
    assert result.emulator == emulator
    assert result.trace is None
    if targets.load(target).bare_metal:
        assert result.stack_bytes_used is not None
        assert 16 <= result.stack_bytes_used <= 400
    else:
        assert result.stack_bytes_used is None


@pytest.mark.parametrize("toolchain", ["gcc", "cc"])
def test_every_host_compiler_computes_the_same(bundle: Path, toolchain: str, need: Need) -> None:
    need("host", toolchain)
    image = build(bundle, target="host", toolchain=toolchain)
    assert run(image, targets.load("host"), toy.samples(3)).outputs == [
        toy.expected(s) for s in toy.samples(3)
    ]


def test_the_default_is_the_first_emulator_of_the_target(bundle: Path) -> None:
    assert run_toy(bundle, "cortex-m4").emulator == "unicorn"
    assert run_toy(bundle, "host").emulator == "native"


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc", "host"])
def test_a_trace_build_hands_out_every_layers_output(bundle: Path, target: str) -> None:
    result = run_toy(bundle, target, trace=True, count=2)
    assert result.trace is not None
    for sample, layers in zip(toy.samples(2), result.trace, strict=True):
        relu = bytes(value if value < 128 else 0 for value in sample)
        assert layers == [TraceEntry(0, relu), TraceEntry(1, toy.expected(sample))]
    assert result.outputs == [toy.expected(sample) for sample in toy.samples(2)]


def test_stack_use_is_what_a_layer_takes(tmp_path: Path) -> None:
    deep = "volatile uint8_t large[1000]; for (int i = 0; i < 1000; i++) large[i] = (uint8_t)i; arena[0] = large[999];"
    shallow = run_toy(toy.make(tmp_path / "a"), "cortex-m4").stack_bytes_used
    used = run_toy(toy.make(tmp_path / "b", layer_0=deep), "cortex-m4").stack_bytes_used
    assert shallow is not None
    assert used is not None
    assert 1000 <= used - shallow + 64 <= 1200


def test_many_samples_run_in_one_go(bundle: Path) -> None:
    image = build(bundle)
    samples = toy.samples(1000, seed=4)
    assert run(image, targets.load("cortex-m4"), samples).outputs == [
        toy.expected(sample) for sample in samples
    ]


def test_an_emulator_the_target_does_not_have(bundle: Path) -> None:
    with pytest.raises(ToolkitError, match="cannot be emulated by 'qemu'") as caught:
        run_toy(bundle, "pico", "qemu")
    assert caught.value.exit_code == USAGE
    assert "unicorn" in caught.value.fix


def test_a_missing_emulator_names_the_command_that_installs_it(bundle: Path, no_programs: None) -> None:
    image = build(bundle, target="cortex-m55")
    with pytest.raises(ToolkitError, match="qemu-system-arm is not installed") as caught:
        run(image, targets.load("cortex-m55"), toy.samples(1))
    assert caught.value.exit_code == MISSING
    assert caught.value.fix


@pytest.mark.parametrize("target", ["cortex-m4", "host"])
@pytest.mark.parametrize("samples", [[], [b"1234567"], [b"12345678", b"123456789"], [bytes(16)], [b""]])
def test_samples_of_the_wrong_length(bundle: Path, target: str, samples: list[bytes]) -> None:
    with pytest.raises(ToolkitError, match="sample") as caught:
        run(build(bundle, target=target), targets.load(target), samples)
    assert caught.value.exit_code == USAGE


@pytest.mark.parametrize("target", ["cortex-m4", "host"])
def test_a_model_that_writes_less_than_the_manifest_says(bundle: Path, target: str) -> None:
    manifest = bundle / "manifest.json"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('"bytes": 4', '"bytes": 5'), encoding="utf-8"
    )
    with pytest.raises(ToolkitError, match="wrote 4 bytes for 1 samples") as caught:
        run(build(bundle, target=target), targets.load(target), toy.samples(1))
    assert caught.value.exit_code == DEVICE


def test_an_image_that_is_no_elf(bundle: Path) -> None:
    image = build(bundle)
    image.path.write_bytes(b"\x7fELF but not really")
    with pytest.raises(ToolkitError, match="not a valid ELF file"):
        run(image, targets.load("cortex-m4"), toy.samples(1))


def test_an_image_of_another_target(bundle: Path) -> None:
    image = build(bundle, target="rv32imc")
    with pytest.raises(ToolkitError, match="has no memory") as caught:
        run(image, targets.load("cortex-m4"), toy.samples(1))
    assert "build it for this target" in caught.value.fix
