"""Cycle estimates: instruction by instruction what the manuals' tables say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import elf, targets
from toolkit.device.build import build
from toolkit.device.elf import Elf, Segment
from toolkit.device.profile import Block, Profile, collect
from toolkit.device.run import run
from toolkit.measure.counts import cycles


def estimate(target: str, code: str, instructions: int, count: int = 1, jumped: int = 0) -> int:
    """Cycles of one block of machine code, given as hexadecimal bytes."""
    data = bytes.fromhex(code)
    machine = "EM_RISCV" if target == "rv32imc" else "EM_ARM"
    image = Elf(Path("image"), machine, 0, (), (), (Segment(0x100, data),))
    profile = Profile((Block("layer", 0x100, instructions, len(data), count, jumped),), 1)
    found = cycles.estimate(profile, image, targets.load(target))
    assert found is not None
    assert found.by_layer == {"layer": found.total}
    return found.total


@pytest.mark.parametrize(
    ("target", "code", "instructions", "expected"),
    [
        ("cortex-m4", "0130 0130", 2, 2),  # adds, adds
        ("cortex-m4", "0868", 1, 2),  # ldr r0, [r1]
        ("cortex-m4", "0868 4a68 0b68", 3, 2 + 1 + 1),  # three loads pipeline
        ("cortex-m4", "0868 0130 4a68", 3, 2 + 1 + 2),  # an add between them does not
        ("cortex-m4", "0860", 1, 1),  # str r0, [r1]
        ("cortex-m4", "d1e90023", 1, 3),  # ldrd r2, r3, [r1]
        ("cortex-m4", "fe b4", 1, 8),  # push {r1-r7}
        ("cortex-m4", "0fc9", 1, 5),  # ldm r1!, {r0-r3}
        ("cortex-m4", "01fb02f0", 1, 1),  # mul r0, r1, r2
        ("cortex-m4", "21fb0230", 1, 1),  # smlad r0, r1, r2, r3
        ("cortex-m4", "81fb0203", 1, 1),  # smull r0, r3, r1, r2
        ("cortex-m4", "91fbf2f0", 1, 7),  # sdiv r0, r1, r2
        ("cortex-m4", "20ee810a", 1, 1),  # vmul.f32 s0, s1, s2
        ("cortex-m4", "00ee810a", 1, 3),  # vmla.f32 s0, s1, s2
        ("cortex-m4", "80ee810a", 1, 14),  # vdiv.f32 s0, s1, s2
        ("cortex-m4", "10bd", 1, 1 + 2 + 2),  # pop {r4, pc}: 1 + N + P
        ("cortex-m4", "7047", 1, 3),  # bx lr
        ("cortex-m4", "fee7", 1, 3),  # b .
        ("cortex-m3", "01fb0230", 1, 2),  # mla r0, r1, r2, r3
        ("cortex-m3", "81fb0203", 1, 4),  # smull
        ("cortex-m0plus", "0868 4a68", 2, 4),  # loads do not pipeline
        ("cortex-m0plus", "0860", 1, 2),  # str r0, [r1]
        ("cortex-m0plus", "4843", 1, 1),  # muls r0, r1, r0
        ("cortex-m0plus", "fff7feff", 1, 3),  # bl
        ("cortex-m0plus", "7047", 1, 2),  # bx lr
        ("microbit", "fff7feff", 1, 4),  # bl
        ("microbit", "fee7", 1, 3),  # b .
        ("rv32imc", "13051500 03a50500", 2, 1 + 2),  # addi, lw
        ("rv32imc", "0841", 1, 2),  # c.lw a0, 0(a0)
        ("rv32imc", "23a0a500", 1, 2),  # sw a0, 0(a1)
        ("rv32imc", "3305b502", 1, 3),  # mul a0, a0, a1
        ("rv32imc", "3315b502", 1, 4),  # mulh a0, a0, a1
        ("rv32imc", "3345b502", 1, 38),  # div a0, a0, a1
        ("rv32imc", "8280", 1, 2),  # ret
        ("rv32imc", "01a0", 1, 2),  # c.j .
    ],
)
def test_an_instruction_takes_what_the_table_says(
    target: str, code: str, instructions: int, expected: int
) -> None:
    assert estimate(target, code, instructions) == expected


@pytest.mark.parametrize(
    ("target", "code", "stay", "go"),
    [
        ("cortex-m4", "fed1", 1, 3),  # bne .
        ("cortex-m4", "08b1", 1, 3),  # cbz
        ("cortex-m0plus", "fed1", 1, 2),
        ("microbit", "fed1", 1, 3),
        ("rv32imc", "e3 1f b5 fe", 1, 3),  # bne a0, a1, -2
        ("rv32imc", "11c1", 1, 3),  # c.beqz
    ],
)
def test_a_branch_takes_more_when_it_is_taken(target: str, code: str, stay: int, go: int) -> None:
    assert estimate(target, code, 1, count=10, jumped=0) == 10 * stay
    assert estimate(target, code, 1, count=10, jumped=10) == 10 * go
    assert estimate(target, code, 1, count=10, jumped=4) == 6 * stay + 4 * go


def test_what_the_disassembler_does_not_know_takes_one_cycle() -> None:
    assert estimate("cortex-m4", "ffffffff 0130", 2, count=3) == 6


def test_a_core_without_published_timings_has_no_estimate() -> None:
    image = Elf(Path("image"), "EM_ARM", 0, (), (), ())
    assert cycles.estimate(collect([], 1), image, targets.load("cortex-m55")) is None


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "rv32imc"])
def test_an_estimate_lies_above_the_instructions_and_is_the_same_under_either_emulator(
    tmp_path: Path, target: str, need: Callable[[str, str], None]
) -> None:
    need(target, "qemu")
    image = build(toy.make(tmp_path / "b", target, **toy.winding(3)))
    parts, described = elf.read(image.path), targets.load(target)
    totals = []
    for emulator in ("unicorn", "qemu"):
        profile = run(image, described, toy.samples(4), emulator=emulator, profile=True).profile
        assert profile is not None
        found = cycles.estimate(profile, parts, described)
        assert found is not None
        assert profile.instructions < found.total < 4 * profile.instructions
        assert found.total == sum(found.by_layer.values())
        assert found.source
        totals.append(found.total)
    # Where a block is cut decides which loads are seen side by side: nothing else may differ.
    assert totals[0] == pytest.approx(totals[1], rel=0.002)
