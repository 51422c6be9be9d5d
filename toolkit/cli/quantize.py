"""``toolkit quantize``: turn a trained model into a program of integers."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, project_option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError


@command("Model", 2)
@click.argument("model", type=PATH, required=False, metavar="[MODEL.pt2]")
@option("-c", "--calibration", type=PATH, metavar="X.npy",
        help="Inputs like those of real use, first axis the sample; for MODEL.")  # fmt: skip
@option("-o", "--output", type=PATH, metavar="OUT.pt2", help="The quantized program; for MODEL.")
@option("--weights", type=click.Choice(["int8", "int4", "ternary"]), default="int8", show_default=True,
        help="For MODEL: round to 8 or 4 bits, or keep weights that are -s, 0 or s already.")  # fmt: skip
@option("--activations", type=click.Choice(["int8", "int16"]), default="int8", show_default=True,
        help="For MODEL: int16 where 8 bits are too coarse; slower, twice the memory.")  # fmt: skip
@project_option
@common
@click.pass_obj
def quantize(
    session: Session,
    model: Path | None,
    calibration: Path | None,
    output: Path | None,
    weights: str,
    activations: str,
    project: Path,
) -> None:
    """Quantize the project's trained model to a .pt2 program, training it first when needed.

    With MODEL.pt2, a float model that torch.export.save wrote: quantize that after watching it run on the
    calibration samples.
    """
    if model is not None:
        _quantize_file(session, model, calibration, output, weights, activations)
        return
    for given, name in ((calibration, "--calibration"), (output, "--output")):
        if given is not None:
            raise ToolkitError(f"{name} goes with a MODEL.pt2", fix="name the model, or edit toolkit.toml")
    from toolkit.cli._recipe import walk
    from toolkit.stages.stage import read

    settings, steps = walk(session, project, "quantize")
    report = read(settings.build / "quantize.json")
    program = settings.build / "quantized.pt2"
    session.result({"program": str(program), "ran": steps[-1].ran, **report})
    if not session.json:
        click.echo(f"{program}: {steps[-1].note}")
    session.next("toolkit export")


def _quantize_file(
    session: Session,
    model: Path,
    calibration: Path | None,
    output: Path | None,
    weights: str,
    activations: str,
) -> None:
    """Quantize the float program in the file ``model`` after training."""
    if calibration is None:
        raise ToolkitError(
            "no calibration data is given",
            at=str(model),
            fix="add --calibration X.npy: some 100 inputs like those of real use, without labels",
        )
    if output is None:
        raise ToolkitError("no output file is given", at=str(model), fix="add -o OUT.pt2")
    from typing import Literal, cast

    from toolkit import tensors
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    samples = tensors.load_npy(calibration)
    program, info = pt2.load(model)
    if any("quantized_decomposed" in str(node.target) for node in program.graph.nodes):
        raise ToolkitError("this program is quantized already", at=str(model), fix=f"toolkit export {model}")
    kind = cast(Literal["int8", "int4", "ternary"], weights)
    wide = cast(Literal["int8", "int16"], activations)
    quantized = quantize_ptq(program, samples, weights=kind, activations=wide)
    pt2.save(quantized, output, {**info, "method": f"{weights}-ptq"})
    result = {"program": str(output), "samples": len(samples), "weights": weights, "activations": activations}
    session.result(result)
    if not session.json:
        click.echo(f"wrote {output}: {weights} weights, {activations} activations; {len(samples)} samples")
    session.next(f"toolkit export {output} --target NAME -o DIR")
