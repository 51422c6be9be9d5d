"""What the cycle estimate asks of one machine instruction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    ``kind`` is a key of a target's ``[cycles]``, or "multiple" for one that moves ``registers`` words.
    ``conditional`` marks a branch that may not be taken; ``writes_pc`` one that also jumps (``pop {pc}``).
    """

    kind: str
    registers: int = 0
    conditional: bool = False
    writes_pc: bool = False
