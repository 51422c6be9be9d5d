"""Flash and RAM of a linked image: code, weights, arena, other statics, stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.device import elf
from toolkit.errors import CHECK_FAILED, ToolkitError

WEIGHTS = ".weights"  # the output section that link.ld keeps apart
STACK = ".stack"


@dataclass(frozen=True)
class Memory:
    """Bytes of a bare-metal image. ``stack_used_bytes`` is the high-water mark of a run, None when nothing ran."""

    code_bytes: int  # everything in flash but weights: vectors, start-up, harness, kernels, model, constants
    weight_bytes: int
    arena_bytes: int
    other_static_bytes: int
    stack_reserved_bytes: int
    stack_used_bytes: int | None = None

    @property
    def flash_bytes(self) -> int:
        """All of flash."""
        return self.code_bytes + self.weight_bytes

    @property
    def ram_bytes(self) -> int:
        """All of RAM, with the stack that is reserved."""
        return self.arena_bytes + self.other_static_bytes + self.stack_reserved_bytes


def ram_in_use(memory: dict[str, Any]) -> int:
    """Return the RAM that a bench's ``memory`` says: the stack as used where a run found that, else as reserved."""
    used = memory["stack_used_bytes"]
    stack = memory["stack_reserved_bytes"] if used is None else used
    return int(memory["arena_bytes"] + memory["other_static_bytes"] + stack)


def of_image(image: Path, arena_bytes: int, stack_used_bytes: int | None = None) -> Memory:
    """Return where an image's bytes go.

    Args:
        image: a bare-metal ELF.
        arena_bytes: the model's arena, from the manifest.
        stack_used_bytes: what a run found.

    Raises:
        ToolkitError: the image has less static memory than the arena: it is of another model.
    """
    sections = elf.read(image).sections
    flash = sum(section.size for section in sections if section.in_flash)
    weights = sum(section.size for section in sections if section.name == WEIGHTS)
    stack = sum(section.size for section in sections if section.name == STACK)
    static = sum(section.size for section in sections if section.in_ram) - stack
    if static < arena_bytes:
        raise ToolkitError(
            f"the image has {static:,} bytes of static RAM, fewer than the arena's {arena_bytes:,}",
            at=str(image),
            fix="export the bundle again",
            exit_code=CHECK_FAILED,
        )
    return Memory(flash - weights, weights, arena_bytes, static - arena_bytes, stack, stack_used_bytes)
