"""Instruction counts by layer and by function, from the histogram of basic blocks and the image's symbols."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from toolkit.device.elf import Elf
from toolkit.device.profile import Profile


@dataclass(frozen=True)
class FunctionCount:
    """Instructions that one function executed on behalf of one layer, in all inferences together.

    ``layer`` is a ``model_layer_*`` function, or None for ``model_run`` itself.
    """

    function: str
    layer: str | None
    instructions: int


def by_function(profile: Profile, elf: Elf) -> list[FunctionCount]:
    """Return the counts by (layer, function), most instructions first. A layer's helpers are listed under it."""
    totals: dict[tuple[str | None, str], int] = defaultdict(int)
    for block in profile.blocks:
        function = elf.function_at(block.address)
        name = function.name if function else f"{block.address:#x}"
        totals[block.layer, name] += block.instructions * block.count
    counts = [FunctionCount(function, layer, n) for (layer, function), n in totals.items()]
    return sorted(counts, key=lambda c: (-c.instructions, c.function, c.layer or ""))
