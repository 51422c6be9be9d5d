"""``toolkit export --format``: a file of another framework instead of a bundle of C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED, ToolkitError

if TYPE_CHECKING:
    import numpy as np

    from toolkit.backends.formats import Format
    from toolkit.model_file import Written
    from toolkit.spiking.nir import Settings
    from toolkit.verify.agreement import Agreement

_FOR_C = (
    "target",
    "project",
    "name",
    "prefix",
    "optimize",
    "tune",
    "max_flash",
    "max_ram",
    "rounding",
    "positions",
    "prompt_block",
)


def file_alone(formats: tuple[str, ...], target: str | None) -> str:
    """Return the format whose one file is asked for, and no bundle: a target that runs such files makes it one."""
    if len(formats) != 1 or formats == ("c",):
        return ""
    if target is not None:
        from toolkit.device import targets

        if targets.load(target).runtimes:
            return ""
    return formats[0]


def load_format(ctx: click.Context, name: str) -> Format:
    """Return the format ``name``; refuse options that say how C is made, where they stand on the command line."""
    from toolkit.backends import formats

    given = [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if parameter.name in _FOR_C
        and ctx.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise ToolkitError(f"{', '.join(given)}: only with --format c", fix="leave it out")
    return formats.load(name)


def export_file(
    ctx: click.Context,
    chosen: Format,
    model: Path,
    output: Path | None,
    samples: np.ndarray | None,
    count: int,
    calibration: np.ndarray | None,
    keep_float: bool,
    nir: Settings | None,
) -> None:
    """Write ``model`` to ``output``, and print what is in the file and what its runtime computes.

    Exit code 1 when more differs than the runtime's rounding explains.
    """
    from toolkit.model_file import check_path, export_format
    from toolkit.program.source import load

    session: Session = ctx.obj
    if output is None:
        raise ToolkitError("no output file is given", at="toolkit export", fix=f"add -o FILE{chosen.suffix}")
    check_path(output, chosen)
    if output.exists() and model.exists() and output.samefile(model):
        raise ToolkitError(f"{output} is the model itself", fix="choose another file with -o")
    source = load(model, calibration=calibration, keep_float=keep_float, nir=nir)
    for note in source.notes:
        session.say(note)
    written = export_format(source.program, chosen, output, samples, count=count, rounding=source.rounding)
    session.result(written.to_json())
    if not session.json:
        _show(session, written)
    if not written.ok:
        ctx.exit(CHECK_FAILED)


def _show(session: Session, written: Written) -> None:
    from rich.table import Table

    total = sum(weight.bytes for weight in written.weights)
    click.echo(f"wrote {written.path}: {written.bytes:,} B, weights {total:,} B")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True)
    table.add_column("weights")
    table.add_column("bytes", justify="right")
    for weight in written.weights:
        table.add_row(weight.layer, weight.type, f"{weight.bytes:,}")
    if written.weights:
        session.console.print(table)
    for found in written.agreements:
        click.echo(_sentence(written, found))
    if not written.ok:
        click.echo(
            f"DIFFERS: {written.runtime} computes something else from this file than the model does; do not use it"
        )


def _sentence(written: Written, found: Agreement) -> str:
    """Say how far a runtime is from a reference: ``ONNX Runtime against the reference: …``."""
    text = f"{written.runtime} against {found.against}, {found.samples:,} samples: "
    text += f"{found.equal:,} of {found.values:,} values equal ({_percent(found.equal, found.values)})"
    if found.largest_steps:
        text += f", largest difference {found.largest_steps:.3g} steps, {found.beyond_one_step:,} beyond one"
    if found.largest_difference is not None:
        text += " within 1e-4" if found.exact else ""
        text += f", largest difference {found.largest_difference:.2g}"
    if found.same_class is not None:
        text += f"; the same class for {found.same_class:,}"
    return text


def _percent(part: int, whole: int) -> str:
    """Return a share that says 100 % only of all."""
    share = 100 * part / max(whole, 1)
    return "100 %" if part == whole else f"{min(share, 99.99):.2f} %"
