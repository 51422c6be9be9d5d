"""Train a model here, make its training step a program, compile that for the board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit import bundle
from toolkit.data.dataset import Dataset
from toolkit.finetune.methods import LAST_LAYER, Method
from toolkit.finetune.world import World

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram

_CALIBRATION = 512  # samples that show the ranges of activations


def trained(world: World, *, epochs: int, seed: int) -> nn.Module:
    """Return the world's model, trained on the dataset as it was."""
    import torch

    from toolkit import models
    from toolkit.learn import TrainSettings, loop

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = models.build(*world.model, input_shape=world.dataset.input_shape)
    loop.train(model, world.dataset, settings=TrainSettings(epochs=epochs, learning_rate=1e-2, seed=seed))
    return model.eval()


def step_program(
    model: nn.Module, method: Method, dataset: Dataset, *, int8: bool = False
) -> ExportedProgram:
    """Return the training step of ``method`` as a program, its states as the rehearsal leaves them.

    Args:
        model: trained.
        method: which rule and settings.
        dataset: to rehearse with, and to find the ranges of activations.
        int8: quantize the forward pass.

    Raises:
        ToolkitError: the rule is not there, or cannot train the model.
    """
    import torch

    from toolkit.program.quantize import quantize_ptq
    from toolkit.training.settings import StepSettings
    from toolkit.training.step import training_step

    layers = tuple(_last_layer(model) if layer == LAST_LAYER else layer for layer in method.layers)
    source = quantize_ptq(model, dataset.x_train[:_CALIBRATION]) if int8 else model
    settings = StepSettings(rule=method.rule, layers=layers, epsilon=method.epsilon)
    program = training_step(source, torch.from_numpy(dataset.x_train[:1]), settings)
    if method.rehearsal:
        _rehearse(program, dataset, method.rehearsal)
    return program


def export(program: ExportedProgram, target: str, folder: Path, name: str) -> Path:
    """Compile a training step for ``target`` and return the bundle's folder.

    Raises:
        ToolkitError: as ``toolkit.bundle.export``.
    """
    from toolkit.program import pt2

    file = folder.with_suffix(".pt2")
    pt2.save(program, file, {})
    bundle.export(file, target, folder, name=name)
    return folder


def _rehearse(program: ExportedProgram, dataset: Dataset, rate: float) -> None:
    """Run one step for every sample, and make what is learnt the program's first states."""
    import torch

    module = program.module(check_guards=False)
    eye = torch.eye(len(dataset.classes))
    with torch.no_grad():
        for sample, label in zip(dataset.x_train, dataset.y_train, strict=True):
            module(torch.from_numpy(sample[None]), eye[None, int(label)], torch.tensor([rate]))
    for name in program.graph_signature.buffers_to_mutate.values():
        _kept_in(program, name)[name] = module.get_buffer(name).detach().clone()


def _kept_in(program: ExportedProgram, name: str) -> dict[str, torch.Tensor]:
    return program.state_dict if name in program.state_dict else program.constants  # type: ignore[return-value]


def _last_layer(model: nn.Module) -> str:
    from torch import nn

    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]


def as_device_bytes(tensor: dict[str, object], samples: np.ndarray) -> list[bytes]:
    """Return each sample as the device takes it; ``tensor`` is the manifest's first input."""
    from toolkit import tensors

    return [sample.tobytes() for sample in tensors.to_device(tensor, samples)]
