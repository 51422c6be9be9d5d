"""``toolkit fuzz``: random models through every backend."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED


@command("Knowledge", 3)
@option(
    "-n", "--count", type=click.IntRange(1), default=20, show_default=True, help="How many models to make."
)
@option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the first model; the others count on from it.",
)
@option(
    "--layers",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Most layers that a model may have.",
)
@option("--backend", multiple=True, type=click.Choice(["eager", "devices", "litert", "litert-export", "onnx"]),
        help="Compare with this one; may be repeated.  [default: all]")  # fmt: skip
@option(
    "-t",
    "--target",
    multiple=True,
    metavar="NAME",
    help="Target that the backend `devices` runs on; may be repeated.  [default: host, cortex-m4]",
)
@option("--keep", type=PATH, metavar="DIR", help="Write models that fail there, as small as they get.")
@common
@click.pass_context
def fuzz(
    ctx: click.Context,
    count: int,
    seed: int,
    layers: int,
    backend: tuple[str, ...],
    target: tuple[str, ...],
    keep: Path | None,
) -> None:
    """Compare random models across torch, LiteRT, ONNX Runtime, host C and emulated cores.

    For people who add operators or kernels. Any disagreement is exit code 1.
    """
    from toolkit.fuzz.campaign import campaign
    from toolkit.fuzz.compare import BACKENDS

    session: Session = ctx.obj
    with session.progress("comparing") as bar:
        result = campaign(
            count,
            seed,
            layers=layers,
            backends=backend or BACKENDS,
            targets=target or ("host", "cortex-m4"),
            keep=keep,
            progress=lambda done: bar(done, count, "") if bar is not None else None,
        )
    session.result(result.to_json())
    if not session.json:
        for failure in result.failures:
            click.echo(str(failure.recipe))
            for finding in failure.findings:
                click.echo(f"  {finding.backend}: {finding.what}")
        failed = f"backends disagree about {len(result.failures)}" if result.failures else "no disagreement"
        click.echo(f"{result.models} models, {result.layers} layers: {failed}")
    if result.failures:
        ctx.exit(CHECK_FAILED)
