"""Sort Thumb instructions into the kinds that Arm's timing tables have."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import capstone
from capstone import arm

from toolkit.measure.counts.instructions import Instruction


def _ids(names: str) -> frozenset[int]:
    return frozenset(getattr(arm, f"ARM_INS_{name}") for name in names.split())


_LOADS = _ids("LDR LDRB LDRH LDRSB LDRSH LDRT LDRBT LDRHT LDRSBT LDRSHT VLDR LDREX LDREXB LDREXH")
_STORES = _ids("STR STRB STRH STRT STRBT STRHT VSTR STREX STREXB STREXH")
_PAIRS = _ids("LDRD STRD")
_MULTIPLES = _ids("LDM LDMDB STM STMDB PUSH POP VLDMIA VLDMDB VSTMIA VSTMDB VPUSH VPOP")
_STACK_MULTIPLES = _ids("PUSH POP VPUSH VPOP")  # their base register is not among the operands
_CALLS = _ids("BL BLX")
_COMPARE_BRANCHES = _ids("CBZ CBNZ")
_TABLE_BRANCHES = _ids("TBB TBH")
_MULTIPLIES = _ids("MUL SMULBB SMULBT SMULTB SMULTT SMULWB SMULWT SMUAD SMUADX SMUSD SMUSDX SMMUL SMMULR")
_MULTIPLY_ADDS = _ids(
    "MLA MLS SMLABB SMLABT SMLATB SMLATT SMLAWB SMLAWT SMLAD SMLADX SMLSD SMLSDX SMMLA SMMLAR SMMLS SMMLSR"
)
_LONG_MULTIPLIES = _ids(
    "SMULL UMULL SMLAL UMLAL UMAAL SMLALBB SMLALBT SMLALTB SMLALTT SMLALD SMLALDX SMLSLD SMLSLDX"
)
_DIVIDES = _ids("SDIV UDIV")
_FLOAT_MULTIPLY_ADDS = _ids("VMLA VMLS VNMLA VNMLS VFMA VFMS VFNMA VFNMS")
_FLOAT_DIVIDES = _ids("VDIV VSQRT")

_KINDS = {
    **dict.fromkeys(_LOADS, "load"),
    **dict.fromkeys(_STORES, "store"),
    **dict.fromkeys(_MULTIPLIES, "multiply"),
    **dict.fromkeys(_MULTIPLY_ADDS, "multiply_add"),
    **dict.fromkeys(_LONG_MULTIPLIES, "multiply_long"),
    **dict.fromkeys(_DIVIDES, "divide"),
    **dict.fromkeys(_FLOAT_MULTIPLY_ADDS, "float_multiply_add"),
    **dict.fromkeys(_FLOAT_DIVIDES, "float_divide"),
    **dict.fromkeys(_CALLS, "call"),
    **dict.fromkeys(_TABLE_BRANCHES, "jump"),
}


@lru_cache(maxsize=1)
def _disassembler() -> Any:
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    disassembler.detail = True
    return disassembler


def decode(code: bytes, address: int) -> list[Instruction]:
    """Return the instructions of a run of Thumb code, up to one that Capstone does not know."""
    return [_sort(instruction) for instruction in _disassembler().disasm(code, address)]


def _sort(instruction: Any) -> Instruction:
    number = instruction.id
    operands = instruction.operands
    if number == arm.ARM_INS_B:
        return Instruction(
            "branch_taken", conditional=instruction.cc not in (arm.ARM_CC_AL, arm.ARM_CC_INVALID)
        )
    if number in _COMPARE_BRANCHES:
        return Instruction("branch_taken", conditional=True)
    if number == arm.ARM_INS_BX:
        return Instruction("jump")
    writes_pc = any(o.type == arm.ARM_OP_REG and o.reg == arm.ARM_REG_PC for o in operands)
    if number in _PAIRS:
        return Instruction("multiple", registers=2)
    if number in _MULTIPLES:
        registers = len(operands) - (number not in _STACK_MULTIPLES)
        return Instruction("multiple", registers=registers, writes_pc=writes_pc)
    kind = _KINDS.get(number) or ("float" if instruction.mnemonic.startswith("v") else "alu")
    first_is_pc = bool(operands) and operands[0].type == arm.ARM_OP_REG and operands[0].reg == arm.ARM_REG_PC
    return Instruction(kind, writes_pc=first_is_pc and kind in ("load", "alu"))
