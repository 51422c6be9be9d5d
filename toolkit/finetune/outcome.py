"""What came of a board's learning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """One run of an entry of the model, on average: ``instructions`` are counted, the rest is estimated from them.

    ``cycles`` is None where the core has no published timings, ``energy_uj`` where no chip's current is known.
    """

    instructions: float
    cycles: float | None
    energy_uj: float | None


@dataclass(frozen=True)
class Memory:
    """Bytes of the firmware, counted: from the linked image, and the stack from a run on the emulated core.

    ``arena_bytes`` holds activations and states, ``state_bytes`` of them what is learnt and kept; ``slots_bytes`` is
    flash for two copies of that; ``flash_bytes`` is without them.
    """

    arena_bytes: int
    state_bytes: int
    other_static_bytes: int
    stack_bytes: int
    flash_bytes: int
    slots_bytes: int

    @property
    def ram_bytes(self) -> int:
        """All of RAM that was used."""
        return self.arena_bytes + self.other_static_bytes + self.stack_bytes


@dataclass(frozen=True)
class Outcome:
    """One method on one board.

    Args:
        method: its name.
        rule: the rule of ``toolkit.training``.
        rate: of every step.
        steps: samples learnt from, each once.
        tests: samples tested with.
        before: share of them that was right in the new world before the first step.
        during: share of right answers to the samples to learn from, each given before it was learnt from, in windows of
            ``window`` samples.
        window: how many samples each of ``during`` stands for; the last one may stand for fewer.
        after: as ``before``, after the last step.
        after_reset: once more, after the power was cut and the board has loaded its states from flash.
        memory: of the firmware.
        step: what one training step costs.
        answer: what one answer costs.
    """

    method: str
    rule: str
    rate: float
    steps: int
    tests: int
    before: float
    during: tuple[float, ...]
    window: int
    after: float
    after_reset: float
    memory: Memory
    step: Cost
    answer: Cost

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        found = asdict(self)
        found["memory"]["ram_bytes"] = self.memory.ram_bytes
        return found
