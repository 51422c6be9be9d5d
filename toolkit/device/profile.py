"""The histogram of executed basic blocks: what every figure about speed is made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolkit.device.elf import Elf
from toolkit.errors import ToolkitError

LAYER = re.compile(r"(\w+?)_layer_\d+_")  # model_layer_0_conv1, or with the bundle's own prefix
CALLER = "main"  # of model_run, in the harness that reads files
SERIAL_CALLER = "tk_compute"  # in the one behind a serial line


@dataclass(frozen=True)
class Block:
    """A straight run of instructions that a core executed ``count`` times on behalf of ``layer``.

    ``jumped`` of those times the next block was not the one behind it in memory: its last instruction is a taken
    branch. ``layer`` is a ``model_layer_*`` function, or None for ``model_run`` itself.
    """

    layer: str | None
    address: int
    instructions: int
    bytes: int
    count: int
    jumped: int


@dataclass(frozen=True)
class Profile:
    """All blocks that ran between entering and leaving ``model_run``, over ``inferences`` calls of it.

    Behind a serial line it may be another entry: ``model_predict`` of a model that learns.
    """

    blocks: tuple[Block, ...]
    inferences: int
    cycles: Mapping[str | None, int] | None = None  # by layer, of an emulator that counts them exactly

    @property
    def instructions(self) -> int:
        """Executed instructions of all inferences together."""
        return sum(block.instructions * block.count for block in self.blocks)

    def by_layer(self) -> dict[str | None, int]:
        """Executed instructions of all inferences together, by layer function; None is ``model_run`` itself."""
        totals: dict[str | None, int] = {}
        for block in self.blocks:
            totals[block.layer] = totals.get(block.layer, 0) + block.instructions * block.count
        return totals


@dataclass(frozen=True)
class Landmarks:
    """The addresses by which an emulator knows where in the model it is."""

    body: range  # model_run, or another entry
    caller: range  # main or tk_compute: there the model has returned
    layers: dict[int, str]

    @property
    def entry(self) -> int:
        """The address of the entry."""
        return self.body.start

    @classmethod
    def of(cls, elf: Elf, prefix: str, entry: str = "run", caller: str = CALLER) -> Landmarks:
        """Find ``model_run``, ``main`` and the layer functions; ``prefix`` stands for ``model`` in their names.

        ``entry`` and ``caller`` name other functions than these two.

        Raises ``ToolkitError`` when one is missing.
        """
        body, outside = (_place(elf, name) for name in (f"{prefix}_{entry}", caller))
        layers = {f.address: f.name for f in elf.functions if f.name.startswith(f"{prefix}_layer_")}
        return cls(body, outside, layers)


def _place(elf: Elf, name: str) -> range:
    symbol = elf.by_name.get(name)
    if symbol is None or not symbol.size:
        raise ToolkitError(
            f"cannot profile: the image has no function {name}", at=str(elf.path), fix="build it again"
        )
    return range(symbol.address, symbol.end)


def collect(
    rows: Iterable[tuple[str | None, int, int, int, int, int]],
    inferences: int,
    cycles: Mapping[str | None, int] | None = None,
) -> Profile:
    """Make a profile from (layer, address, instructions, bytes, count, jumped), in order of address."""
    blocks = (Block(*row) for row in rows)
    ordered = sorted(blocks, key=lambda b: (b.address, b.bytes, b.layer or ""))
    return Profile(tuple(ordered), inferences, cycles)
