"""LiteRT: a program as a ``.tflite`` file that LiteRT's own kernels run, with the integers that our C has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.backends.formats import Format, Sample, StoredWeight

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    """Write ``program`` to ``path``; see ``toolkit.backends.litert.write``."""
    from toolkit.backends.litert.write import write  # needs ai-edge-litert

    return write(program, path)


def run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return what LiteRT's reference kernels compute; see ``toolkit.backends.litert.run``."""
    from toolkit.backends.litert.run import run  # needs ai-edge-litert

    return run(path, samples)


FORMAT = Format(
    name="litert",
    suffix=".tflite",
    runtime="LiteRT",
    packages=("ai_edge_litert",),
    write=write,
    run=run,
    rounding="litert",
)
