"""Checkpoints of trained language models: a folder with ``config.json`` and safetensors files.

``read`` makes a program of one. Nothing in the folder is executed; all that is read of it is checked first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram

__all__ = ["CONFIG", "INDEX", "WEIGHTS", "is_checkpoint", "read"]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files


def is_checkpoint(path: Path) -> bool:
    """True for a folder with ``config.json`` that is no project, or a safetensors file."""
    if path.is_dir():
        return (path / CONFIG).is_file() and not (path / "toolkit.toml").is_file()
    return path.suffix.lower() == ".safetensors"


def read(path: Path, positions: int | None = None) -> tuple[ExportedProgram, dict[str, Any], Path]:
    """Return the program of a checkpoint, what is to be kept beside it, and the file that holds or lists its weights.

    Args:
        path: the folder, or its safetensors file; untrusted.
        positions: how many tokens the model remembers; what the checkpoint was made for by default, at most that.

    Raises:
        ToolkitError: a file is missing or damaged, or holds another kind of model.
    """
    from toolkit.program.checkpoint import bitnet
    from toolkit.program.checkpoint.config import read_config
    from toolkit.program.checkpoint.tensors import Tensors

    folder = path if path.is_dir() else path.parent
    config = read_config(folder / CONFIG)
    with Tensors(folder, None if path.is_dir() else path.name) as tensors:
        return *bitnet.program(config, tensors, positions), tensors.source
