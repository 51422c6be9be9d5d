"""What a model answers, and how often it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.export import ExportedProgram

BATCH_SIZE = 500


def predict(model: nn.Module | ExportedProgram, x: np.ndarray) -> np.ndarray:
    """Return the outputs for ``x`` (samples first), with the model as it is: set evaluation mode before.

    An exported program runs at the batch size it was exported with, which must divide ``len(x)``.
    """
    if isinstance(model, nn.Module):
        run, size = model, BATCH_SIZE
    else:
        run, size = model.module(), _static_batch(model)
    with torch.no_grad():
        outputs = [run(torch.from_numpy(x[at : at + size])) for at in range(0, len(x), size)]
    return torch.cat(outputs).numpy()


def accuracy(model: nn.Module | ExportedProgram, x: np.ndarray, y: np.ndarray) -> float:
    """Return the fraction of samples whose largest output is the label; outputs may be labels too."""
    outputs = predict(model, x)
    labels = outputs.argmax(1) if outputs.ndim == 2 and outputs.shape[1] > 1 else outputs.reshape(len(y))
    return float((labels == y).mean())


def mean_squared_error(model: nn.Module | ExportedProgram, x: np.ndarray) -> float:
    """Return how far an autoencoder's outputs are from its inputs, on average over all elements."""
    return float(((predict(model, x) - x) ** 2).mean())


def _static_batch(program: ExportedProgram) -> int:
    name = program.graph_signature.user_inputs[0]
    node = next(node for node in program.graph.nodes if node.op == "placeholder" and node.name == name)
    size = node.meta["val"].shape[0]
    return size if isinstance(size, int) else BATCH_SIZE


def loss_and_hits(model: nn.Module, x: Tensor, y: Tensor, *, labels: bool) -> tuple[float, float | None]:
    """Return the mean test loss and, with ``labels``, the accuracy, of a model in evaluation mode."""
    loss, hits = 0.0, 0
    with torch.no_grad():
        for inputs, targets in zip(x.split(BATCH_SIZE), y.split(BATCH_SIZE), strict=True):
            outputs = model(inputs)
            if labels:
                loss += nn.functional.cross_entropy(outputs, targets, reduction="sum").item()
                hits += int((outputs.argmax(1) == targets).sum())
            else:
                # the mean over a sample's elements, then over samples
                loss += nn.functional.mse_loss(outputs, inputs).item() * len(inputs)
    return loss / len(x), hits / len(x) if labels else None
