"""Cycles: counted by the emulator, or estimated from the executed blocks and published instruction timings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from toolkit.device.elf import Elf
from toolkit.device.profile import Block, Profile
from toolkit.device.targets import CycleTable, Target
from toolkit.measure.counts import arm_instructions, riscv_instructions
from toolkit.measure.counts.instructions import Instruction

_Decoder = Callable[[bytes, int], list[Instruction]]


@dataclass(frozen=True)
class Cycles:
    """Cycles of all inferences together. Estimates are for memory without wait states.

    ``source`` is who counted, or where the timings of an estimate are from.
    """

    total: int
    by_layer: dict[str | None, int]
    source: str
    kind: Literal["counted", "estimated"] = "estimated"


def estimate(profile: Profile, elf: Elf, target: Target) -> Cycles | None:
    """Return the cycles that ``profile`` takes on ``target``, or None when its core has no published timings."""
    if profile.cycles is not None:
        return Cycles(sum(profile.cycles.values()), dict(profile.cycles), "exact, by the emulator", "counted")
    if target.cycles is None:
        return None
    decode: _Decoder = riscv_instructions.decode if target.arch.startswith("rv") else arm_instructions.decode
    by_layer: dict[str | None, int] = defaultdict(int)
    for block in profile.blocks:
        by_layer[block.layer] += _block_cycles(block, _decoded(decode, elf, block), target.cycles)
    return Cycles(sum(by_layer.values()), dict(by_layer), target.cycles.source)


def _decoded(decode: _Decoder, elf: Elf, block: Block) -> list[Instruction]:
    return decode(elf.code(block.address, block.bytes), block.address)


def _block_cycles(block: Block, instructions: list[Instruction], table: CycleTable) -> int:
    """A block's cycles: every instruction as often as it ran; the last one, if a branch, as often as it was taken."""
    once = 0
    previous = ""
    for instruction in instructions:
        once += _cycles(instruction, previous, table)
        previous = instruction.kind
    # What the disassembler does not know takes one cycle.
    once += (block.instructions - len(instructions)) * table.cycles["alu"]
    total = once * block.count
    if instructions and instructions[-1].conditional:
        # Counted above as if always taken.
        total -= (block.count - block.jumped) * (table.cycles["branch_taken"] - table.cycles["branch"])
    return total


def _cycles(instruction: Instruction, previous: str, table: CycleTable) -> int:
    kind = instruction.kind
    if kind == "load" and previous in ("load", "store") and "load_after_load" in table.cycles:
        cycles = table.cycles["load_after_load"]
    elif kind == "multiple":
        cycles = _kind_cycles("multiple_base", table) + instruction.registers
    else:
        cycles = _kind_cycles(kind, table)
    if instruction.writes_pc and kind != "branch_taken":
        cycles += _kind_cycles("jump", table) - table.cycles["alu"]
    return cycles


# What stands in for a kind that a core's table leaves out.
_INSTEAD = {
    "call": "branch_taken",
    "jump": "branch_taken",
    "multiple_base": "alu",
    "multiply": "alu",
    "multiply_add": "multiply",
    "multiply_long": "multiply",
    "divide": "alu",
    "float": "alu",
    "float_multiply_add": "float",
    "float_divide": "float",
}


def _kind_cycles(kind: str, table: CycleTable) -> int:
    while kind not in table.cycles:
        kind = _INSTEAD[kind]
    return table.cycles[kind]
