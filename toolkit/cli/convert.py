"""``toolkit convert``: a trained ReLU network becomes a spiking one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, project_option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    import numpy as np
    from torch import nn
    from torch.export import ExportedProgram


@command("Model", 4)
@click.argument("model", type=PATH, required=False, metavar="[MODEL]")
@option("-c", "--calibration", type=PATH, metavar="X.npy",
        help="Inputs like those of real use, first axis the sample; for MODEL.")  # fmt: skip
@option("-o", "--output", type=PATH, metavar="OUT.pt2",
        help="The spiking program, or OUT.nir.  [default: spiking.pt2 in the project's build folder]")  # fmt: skip
@option("--steps", type=click.IntRange(1, 4096), default=8, show_default=True,
        help="How many steps an input is shown for.")  # fmt: skip
@option("--balance", type=click.Choice(["error", "percentile"]), default="error", show_default=True,
        help="How thresholds are found.")  # fmt: skip
@option("--percentile", type=click.FloatRange(0, 100, min_open=True), default=99.9, show_default=True,
        help="Of a layer's activations, what its neurons give at most.")  # fmt: skip
@option("--stream", is_flag=True, help="One step a run, potentials kept; without, all steps in one program.")
@project_option
@common
@click.pass_obj
def convert(
    session: Session,
    model: Path | None,
    calibration: Path | None,
    output: Path | None,
    steps: int,
    balance: str,
    percentile: float,
    stream: bool,
    project: Path,
) -> None:
    """Turn a trained ReLU network into a spiking program, without training.

    With MODEL, a float .pt2, .onnx or .tflite file, thresholds come from the calibration samples. Without, it is the
    project's trained model, its training data, and its accuracy before and after.
    """
    settings: dict[str, Any] = {"steps": steps, "balance": balance, "percentile": percentile}
    if model is not None:
        report = _file(model, calibration, output, settings, stream)
    elif calibration is not None:
        raise ToolkitError("--calibration goes with a MODEL", fix="name the model, or leave it out")
    else:
        report = _project(session, project, output, settings, stream)
    session.result(report)
    if not session.json:
        scores = report.get("accuracy")
        shown = f", {scores['spiking']:.2%} right where ReLU has {scores['relu']:.2%}" if scores else ""
        click.echo(f"{report['program']}: {steps} steps{', one a run' if stream else ''}{shown}")
    session.next(f"toolkit export {report['program']} --target NAME -o DIR")


def _file(
    model: Path, calibration: Path | None, output: Path | None, settings: dict[str, Any], stream: bool
) -> dict[str, Any]:
    for given, name in ((calibration, "--calibration X.npy"), (output, "-o OUT.pt2")):
        if given is None:
            raise ToolkitError(f"{name} is missing", at=str(model), fix=f"add {name}")
    from toolkit import tensors
    from toolkit.program.source import load

    assert calibration is not None
    assert output is not None
    source = load(model, keep_float=True)
    _write(source.program, tensors.load_npy(calibration), output, settings, stream, source.info)
    return {"program": str(output), **settings, "stream": stream}


def _project(
    session: Session, folder: Path, output: Path | None, settings: dict[str, Any], stream: bool
) -> dict[str, Any]:
    from toolkit.cli._recipe import walk
    from toolkit.learn.evaluate import accuracy
    from toolkit.stages.stage import Work
    from toolkit.stages.train import load_dataset, trained_model

    project, _ = walk(session, folder, "train")
    dataset = load_dataset(project)
    model = trained_model(Work(project, ""), dataset)
    info = {"classes": list(dataset.classes), "dataset": project.data.dataset, "method": "conversion"}
    file = output or project.build / "spiking.pt2"
    converted = _write(model, dataset.x_train[:512], file, settings, stream, info)
    scores = {
        name: accuracy(each, dataset.x_test, dataset.y_test)
        for name, each in (("relu", model), ("spiking", converted))
    }
    return {"program": str(file), **settings, "stream": stream, "accuracy": scores}


def _write(
    model: nn.Module | ExportedProgram, calibration: np.ndarray, output: Path, settings: dict[str, Any],
    stream: bool, info: dict[str, Any],
) -> nn.Module:  # fmt: skip
    """Convert ``model``, write the program, and return the spiking network."""
    import torch

    from toolkit.program import pt2
    from toolkit.program.capture import samples
    from toolkit.spiking import nir
    from toolkit.spiking.methods.conversion import convert
    from toolkit.spiking.time import streaming

    made = convert(model, calibration, **settings)
    sample = samples(calibration[:1])
    if output.suffix.lower() == ".nir":
        nir.save(made.layers, output, tuple(sample.shape[1:]))
        return made
    shown = streaming(made.layers, sample) if stream else made
    pt2.save(torch.export.export(shown, (sample,)).run_decompositions({}), output, info)
    return made
