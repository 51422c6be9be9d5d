"""Checkpoints: whole or not there, read without executing anything in them."""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from toolkit.atomic import write_bytes
from toolkit.errors import ToolkitError
from toolkit.learn.settings import Epoch, TrainSettings

if TYPE_CHECKING:
    from toolkit.learn.rule import Learner

_FORMAT = 2


def fingerprint(rule: str, settings: TrainSettings, weights: dict[str, Tensor], data: list[Tensor]) -> str:
    """Return a hash of all that decides the result: rule with options, settings, first weights and data."""
    digest = hashlib.sha256(repr((_FORMAT, rule, sorted(asdict(settings).items()))).encode())
    for name, tensor in [*weights.items(), *(("data", tensor) for tensor in data)]:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # a copy: what numpy has looked at torch cannot resize any more, and fake quantization resizes its scales
        digest.update(tensor.detach().clone().contiguous().numpy().data)
    return digest.hexdigest()


def save(path: Path, run: str, epochs: list[Epoch], model: nn.Module, learner: Learner) -> None:
    """Write the state after an epoch; a crash while writing leaves the one before.

    Args:
        path: the file.
        run: the ``fingerprint`` of the run it belongs to.
        epochs: the curves so far; their number is the epoch to go on from.
        model: its whole state, buffers included.
        learner: its whole state.
    """
    state = {
        "run": run,
        "epochs": [asdict(epoch) for epoch in epochs],
        "model": model.state_dict(),
        "learner": learner.state_dict(),
        "generator": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)  # into memory: writing a file, torch would hide what the disk says
    write_bytes(path, buffer.getvalue())


def restore(path: Path, run: str, model: nn.Module, learner: Learner) -> list[Epoch]:
    """Put the state in ``path`` into model, learner and torch's generator; return the curves so far.

    Returns an empty list where there is no file.

    Raises:
        ToolkitError: the file is damaged, or belongs to a run with other settings, weights or data.
    """
    _sweep(path)
    if not path.exists():
        return []
    state = _read(path)
    if state.get("run") != run:
        raise ToolkitError(
            "the checkpoint belongs to another run: settings, model, first weights or data differ",
            at=str(path),
            fix="delete it to train anew, or use another path",
        )
    try:
        model.load_state_dict(state["model"])
        learner.load_state_dict(state["learner"])
        torch.set_rng_state(state["generator"])
        return [Epoch(**epoch) for epoch in state["epochs"]]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _damaged(path) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise _damaged(path) from error
    if not isinstance(state, dict):
        raise _damaged(path)
    return state


def _damaged(path: Path) -> ToolkitError:
    return ToolkitError("the checkpoint cannot be read", at=str(path), fix="delete it to train anew")


def _sweep(path: Path) -> None:
    """Remove what a run killed while it wrote left beside ``path`` (see ``toolkit.atomic.replacing``)."""
    for scratch in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(scratch, ignore_errors=True)
