"""Count the instructions in a run of Thumb or RISC-V code by their lengths alone."""

from __future__ import annotations


def thumb_instructions(code: bytes) -> int:
    """Return the number of Thumb instructions: 32-bit ones begin with 0b11101, 0b11110 or 0b11111 (DDI 0403, A5.1)."""
    count = offset = 0
    while offset < len(code):
        offset += 4 if code[offset + 1] >> 3 >= 0b11101 else 2
        count += 1
    return count


def riscv_instructions(code: bytes) -> int:
    """Return the number of RISC-V instructions: 32-bit ones end in 0b11 (unprivileged ISA, 1.5)."""
    count = offset = 0
    while offset < len(code):
        offset += 4 if code[offset] & 0b11 == 0b11 else 2
        count += 1
    return count
