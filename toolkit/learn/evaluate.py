"""What a model answers, and how often it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from toolkit.data.dataset import NOT_ASKED
from toolkit.learn.loss import cross_entropy

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
    """Return the fraction of labels asked for that are the largest output; outputs may be labels too."""
    outputs = predict(model, x)
    labels = outputs.reshape(y.shape) if outputs.size == y.size else outputs.argmax(-1)
    return float((labels == y)[y != NOT_ASKED].mean())


def mean_squared_error(model: nn.Module | ExportedProgram, x: np.ndarray) -> float:
    """Return how far an autoencoder's outputs are from its inputs, on average over all elements."""
    return float(((predict(model, x) - x) ** 2).mean())


def _static_batch(program: ExportedProgram) -> int:
    name = program.graph_signature.user_inputs[0]
    node = next(node for node in program.graph.nodes if node.op == "placeholder" and node.name == name)
    size = node.meta["val"].shape[0]
    return size if isinstance(size, int) else BATCH_SIZE


def loss_and_hits(model: nn.Module, x: Tensor, y: Tensor, *, labels: bool) -> tuple[float, float | None]:
    """Return the mean test loss and, with ``labels``, the accuracy, of a model in evaluation mode.

    Both are means over the labels that are asked for; an autoencoder's loss is one over samples.
    """
    loss, hits = 0.0, 0
    with torch.no_grad():
        for inputs, targets in zip(x.split(BATCH_SIZE), y.split(BATCH_SIZE), strict=True):
            outputs = model(inputs)
            if labels:
                loss += cross_entropy(outputs, targets, reduction="sum").item()
                hits += int((outputs.argmax(-1) == targets).sum())
            else:
                # the mean over a sample's elements, then over samples
                loss += nn.functional.mse_loss(outputs, inputs).item() * len(inputs)
    if not labels:
        return loss / len(x), None
    asked = int((y != NOT_ASKED).sum())
    return loss / asked, hits / asked
