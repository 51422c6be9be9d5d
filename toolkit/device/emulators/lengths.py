"""The lengths of machine instructions, without knowing what they do."""

from __future__ import annotations


def length(machine: str, code: bytes, offset: int = 0) -> int:
    """Return the bytes of the instruction at ``offset``; ``machine`` is an ELF file's (``EM_ARM`` is Thumb here)."""
    if machine == "EM_ARM":  # 32-bit ones begin with 0b11101, 0b11110 or 0b11111 (DDI 0403, A5.1)
        return 4 if code[offset + 1] >> 3 >= 0b11101 else 2
    if machine == "EM_RISCV":  # 32-bit ones end in 0b11 (unprivileged ISA, 1.5)
        return 4 if code[offset] & 0b11 == 0b11 else 2
    if machine == "EM_AVR":  # 32-bit ones: LDS and STS, JMP and CALL (AVR Instruction Set Manual, DS40002198)
        first = code[offset] | code[offset + 1] << 8
        return 4 if first & 0xFC0F == 0x9000 or first & 0xFE0C == 0x940C else 2
    return 4


def count(machine: str, code: bytes) -> int:
    """Return the number of instructions in a run of code."""
    instructions = offset = 0
    while offset < len(code):
        offset += length(machine, code, offset)
        instructions += 1
    return instructions
