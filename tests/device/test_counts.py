"""Counts are exact: Unicorn, QEMU and counting one instruction at a time agree."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import unicorn

from tests.device import toy
from toolkit.device import elf, targets
from toolkit.device.build import Image, build
from toolkit.device.emulators import base, host_program, lengths, qemu, qemu_plugin, unicorn_core
from toolkit.device.profile import Landmarks, Profile
from toolkit.device.run import run
from toolkit.device.targets import Target
from toolkit.device.toolchain import zig_command

Need = Callable[[str, str], None]
CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "rv32imc"]


def winding_image(folder: Path, target: str, toolchain: str, seed: int = 1) -> Image:
    return build(toy.make(folder / "b", target, **toy.winding(seed)), toolchain=toolchain)


def profile(image: Image, target: Target, emulator: str, count: int = 6) -> tuple[list[bytes], Profile]:
    result = run(image, target, toy.samples(count), emulator=emulator, profile=True)
    assert result.profile is not None
    return result.outputs, result.profile


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("core", CORES)
def test_unicorn_and_qemu_agree_to_the_block(tmp_path: Path, core: str, toolchain: str, need: Need) -> None:
    need(core, toolchain)
    need(core, "qemu")
    image, target = winding_image(tmp_path, core, toolchain), targets.load(core)
    outputs, here = profile(image, target, "unicorn")
    outputs_there, there = profile(image, target, "qemu")
    assert outputs == outputs_there
    assert here.inferences == there.inferences == 6
    assert here.by_layer() == there.by_layer()
    # The two cut very long blocks at different places; instruction by instruction they agree.
    assert by_instruction(here, image) == by_instruction(there, image)
    assert by_branch(here) == by_branch(there)
    assert here.instructions > 5_000
    assert set(here.by_layer()) == {None, "model_layer_0_relu", "model_layer_1_fc"}


def by_branch(profile: Profile) -> Counter[tuple[str | None, int]]:
    """How often the instruction before an address jumped elsewhere, by (layer, address)."""
    jumps: Counter[tuple[str | None, int]] = Counter()
    for block in profile.blocks:
        jumps[block.layer, block.address + block.bytes] += block.jumped
    return +jumps


def by_instruction(profile: Profile, image: Image) -> Counter[tuple[str | None, int]]:
    """Counts by (layer, address of the instruction)."""
    parts = elf.read(image.path)
    counts: Counter[tuple[str | None, int]] = Counter()
    for block in profile.blocks:
        code = parts.code(block.address, block.bytes)
        offset = 0
        for _ in range(block.instructions):
            counts[block.layer, block.address + offset] += block.count
            offset += lengths.length(parts.machine, code, offset)
        assert offset == block.bytes
    return counts


@pytest.mark.parametrize("core", CORES)
def test_one_instruction_at_a_time_gives_the_same(tmp_path: Path, core: str, need: Need) -> None:
    need(core, "qemu")
    image, target = winding_image(tmp_path, core, "zig"), targets.load(core)
    config = target.emulators["qemu"]
    single = dataclasses.replace(config, args=(*config.args, *single_stepping()))
    _, stepped = profile(image, dataclasses.replace(target, emulators={"qemu": single}), "qemu")
    assert {block.instructions for block in stepped.blocks} == {1}
    _, whole = profile(image, target, "unicorn")
    assert by_instruction(stepped, image) == by_instruction(whole, image)


def single_stepping() -> list[str]:
    """The option for blocks of one instruction: QEMU 8.1 renamed it."""
    import re
    import subprocess

    text = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True).stdout
    major, minor = (int(part) for part in re.findall(r"(\d+)\.(\d+)", text)[0])
    return ["-accel", "tcg,one-insn-per-tb=on"] if (major, minor) >= (8, 1) else ["-singlestep"]


@pytest.mark.parametrize("core", ["cortex-m0plus", "rv32imc"])
def test_unicorns_own_instruction_hook_gives_the_same(tmp_path: Path, core: str) -> None:
    # Only cores without conditional execution: that hook leaves out instructions whose condition fails.
    image, target = winding_image(tmp_path, core, "zig"), targets.load(core)
    _, counted = profile(image, target, "unicorn")
    job = base.Job(image.path, target, b"".join(toy.samples(6)), False, 60)
    machine: Any = {"rv32imc": unicorn_core.RiscvMachine}.get(core, unicorn_core.ArmMachine)(job)
    marks = Landmarks.of(job.elf, "model")
    counts: Counter[int] = Counter()
    inside = False

    def on_instruction(_uc: Any, address: int, _size: int, _data: Any) -> None:
        nonlocal inside
        inside = (inside or address == marks.entry) and address not in marks.caller
        if inside:
            counts[address] += 1

    machine.uc.hook_add(unicorn.UC_HOOK_CODE, on_instruction)
    machine.run()
    expected: Counter[int] = Counter()
    for (_, address), count in by_instruction(counted, image).items():
        expected[address] += count
    assert counts == expected


@pytest.mark.parametrize("emulator", ["unicorn", "qemu"])
def test_a_model_of_another_prefix_is_built_and_counted(tmp_path: Path, emulator: str, need: Need) -> None:
    need("cortex-m4", emulator)
    plain = toy.make(tmp_path / "plain")
    named = toy.make(tmp_path / "named")
    for name in ("model.c", "model.h", "manifest.json"):
        text = (named / name).read_text(encoding="utf-8")
        (named / name).unlink()
        for word in ("model_", "MODEL_", "model.h"):
            text = text.replace(word, word.replace("model", "kws").replace("MODEL", "KWS"))
        text = text.replace("KWS_TRACE", "MODEL_TRACE").replace('"schema": 1', '"schema": 1, "prefix": "kws"')
        (named / name.replace("model", "kws")).write_text(text, encoding="utf-8")
    aliases = {"MODEL_INPUTS": "KWS_INPUTS", "MODEL_OUTPUTS": "KWS_OUTPUTS", "model_run": "kws_run"}
    lines = ['#include "kws.h"', *(f"#define {alias} {name}" for alias, name in aliases.items())]
    (named / "model.h").write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = targets.load("cortex-m4")
    outputs, counted = profile(build(named), target, emulator)
    outputs_plain, counted_plain = profile(build(plain), target, emulator)
    assert outputs == outputs_plain
    assert set(counted.by_layer()) == {None, "kws_layer_0_relu", "kws_layer_1_fc"}
    assert counted.instructions == counted_plain.instructions


def test_counts_of_a_linux_program(bundle: Path, need: Need) -> None:
    need("rpi", "qemu")
    image, target = build(bundle, target="rpi"), targets.load("rpi")
    _, once = profile(image, target, "qemu", 1)
    _, thrice = profile(image, target, "qemu", 3)
    assert (once.inferences, thrice.inferences) == (1, 3)
    assert 50 < once.instructions < 1000


def test_without_a_compiler_qemu_runs_and_counts_nothing(
    bundle: Path, need: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need("cortex-m4", "qemu")
    image, target = build(bundle), targets.load("cortex-m4")
    monkeypatch.setattr(host_program, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(host_program, "_compilers", lambda: [])
    result = run(image, target, toy.samples(2), emulator="qemu", profile=True)
    assert result.profile is None
    assert result.outputs == [toy.expected(sample) for sample in toy.samples(2)]


def test_zig_builds_the_plugin_too(
    bundle: Path, need: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need("cortex-m4", "qemu")
    image, target = build(bundle), targets.load("cortex-m4")
    expected = profile(image, target, "unicorn", 2)
    monkeypatch.setattr(host_program, "_cache", lambda: tmp_path / "cache")
    zig = [c for c in host_program._compilers() if c[0][0] == zig_command()[0]]
    monkeypatch.setattr(host_program, "_compilers", lambda: zig)
    assert profile(image, target, "qemu", 2)[1].by_layer() == expected[1].by_layer()


def test_a_plugin_of_the_wrong_version_is_not_the_end(
    bundle: Path, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("cortex-m4", "qemu")
    image, target = build(bundle), targets.load("cortex-m4")
    monkeypatch.setattr(qemu_plugin, "VERSIONS", (99, 0, *qemu_plugin.VERSIONS))
    _, counted = profile(image, target, "qemu", 2)
    assert counted.instructions == profile(image, target, "unicorn", 2)[1].instructions


def test_lengths_of_instructions() -> None:
    # movs r0, #1; mov.w r0, #1; b.w .; it eq; bl
    assert lengths.count("EM_ARM", bytes.fromhex("01204ff00100fff7febf08bffff7feff")) == 5
    # lds r24, 0x0100; ld r24, Z; call; jmp; ldi r24, 1; std Z+1, r24
    assert lengths.count("EM_AVR", bytes.fromhex("8091000180810e9412340c94123481e08183")) == 6
    # c.nop; nop; ebreak
    assert lengths.count("EM_RISCV", bytes.fromhex("01001300000073001000")) == 3


def test_qemu_reads_the_program_counter_of_either_core() -> None:
    assert qemu._program_counter("R12=00000000 R13=20001000 R14=00000035 R15=000000a4") == 0xA4
    assert qemu._program_counter(" pc       80000010\n mhartid 0") == 0x80000010
    assert qemu._program_counter("nothing") is None
