"""Turn the trained model into an exported program with integer weights and activations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.project import FLOAT, Project
from toolkit.stages.stage import Stage, Work
from toolkit.stages.train import curves, deployed, load_dataset, per_epoch, threads, trained_model

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from toolkit.data import Dataset
    from toolkit.learn import TrainResult


def _settings(project: Project) -> dict[str, Any]:
    return {
        "quantize": asdict(project.quantize),
        "train": asdict(project.train),
        "data": asdict(project.data),
        "stream": project.model.stream,
    }


def _run(work: Work) -> list[Path]:
    from toolkit.learn.evaluate import accuracy, mean_squared_error
    from toolkit.program import pt2
    from toolkit.program.zeros import zeros

    project = work.project
    dataset = load_dataset(project)
    trained = work.read("train.json")
    checkpoint = work.checkpoint("quantize")
    with threads(project.train.threads):
        program, result = _quantize(work, trained_model(work, dataset), dataset, checkpoint)
        shown = deployed(project, dataset)
        tested = (
            project.device.samples if project.model.stream else None
        )  # one after the other takes its time
        if project.train.loss == "cross-entropy":
            score = accuracy(program, shown.x_test[:tested], shown.y_test[:tested])
            scores = {"accuracy": {"float": trained["accuracy"], "quantized": score}}
        else:
            score = mean_squared_error(program, dataset.x_test)
            scores = {"mean_squared_error": {"float": trained["epochs"][-1]["test_loss"], "quantized": score}}
    info = {
        "classes": list(dataset.classes),
        "dataset": project.data.dataset,
        "model": {"family": project.model.family, "preset": project.model.preset},
        "method": project.quantize.method,
        **scores,
        "test_samples": len(shown.x_test[:tested]),
    }
    if project.model.stream:
        info["positions"] = dataset.x_train.shape[1]
    pt2.save(program, work.path("quantized.pt2"), info)
    report = {**info, "training": curves(result) if result else None, "zeros": zeros(program)}
    for file in checkpoint.parent.glob(f"{checkpoint.stem}*"):  # one for each training
        file.unlink()
    return [work.path("quantized.pt2"), work.write("quantize.json", report)]


def _quantize(
    work: Work, model: nn.Module, dataset: Dataset, checkpoint: Path
) -> tuple[ExportedProgram, TrainResult | None]:
    """Apply the project's method; the curves are None when it does not train."""
    from quantize.method import Training
    from toolkit.program.flow import quantize_by

    project, chosen = work.project, work.project.quantize
    if chosen.method == FLOAT:
        import torch

        from toolkit import models

        model = models.streaming(model) if project.model.stream else model
        sample = torch.from_numpy(deployed(project, dataset).x_train[:1])
        return torch.export.export(model, (sample,)).run_decompositions({}), None
    common: dict[str, Any] = {"options": chosen.options, "settings": project.train.settings()}
    common["stream"] = project.model.stream
    if not isinstance(chosen.options, Training):
        return quantize_by(chosen.method, model, dataset, **common)
    with work.listener.progress("quantize") as progress:
        common |= {"rule": project.train.rule, "rule_options": project.train.options}
        common |= {"checkpoint": checkpoint, "progress": per_epoch(progress, chosen.options.epochs)}
        return quantize_by(chosen.method, model, dataset, **common)


def _note(work: Work) -> str:
    report = work.read("quantize.json")
    if "accuracy" in report:
        return f"{report['method']}, {report['accuracy']['quantized']:.2%}"
    return f"{report['method']}, mean squared error {report['mean_squared_error']['quantized']:.5f}"


STAGE = Stage(
    name="quantize",
    needs=("train",),
    sources=("program", "learn", "spiking", "quantize", "stages/quantize.py"),
    packages=("torch", "torchao", "numpy"),
    settings=_settings,
    run=_run,
    note=_note,
)
