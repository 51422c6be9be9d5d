"""Sort RISC-V instructions into the kinds that a timing table has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import capstone

from toolkit.measure.counts.instructions import Instruction

_KINDS = {
    **dict.fromkeys(("lb", "lh", "lw", "lbu", "lhu", "lwsp"), "load"),
    **dict.fromkeys(("sb", "sh", "sw", "swsp"), "store"),
    "mul": "multiply",
    **dict.fromkeys(("mulh", "mulhu", "mulhsu"), "multiply_long"),
    **dict.fromkeys(("div", "divu", "rem", "remu"), "divide"),
    **dict.fromkeys(("jal", "jalr"), "call"),
    **dict.fromkeys(("j", "jr", "ret"), "jump"),
}
_BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu", "beqz", "bnez", "blez", "bgez", "bltz", "bgtz")


@lru_cache(maxsize=1)
def _disassembler() -> Any:
    return capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)


def decode(code: bytes, address: int) -> list[Instruction]:
    """Return the instructions of a run of RISC-V code, up to one that Capstone does not know."""
    return [_sort(mnemonic) for _, _, mnemonic, _ in _disassembler().disasm_lite(code, address)]


def _sort(mnemonic: str) -> Instruction:
    name = mnemonic.removeprefix("c.")
    if name in _BRANCHES:
        return Instruction("branch_taken", conditional=True)
    return Instruction(_KINDS.get(name, "alu"))
