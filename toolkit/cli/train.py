"""``toolkit train``: train the project's model, in float or on to integers."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, option, project_option
from toolkit.cli._session import Session

_SHORT = {"ternary": "bitnet158", "int8": "int8-qat"}


@command("Model", 1)
@option("--quantize", "method", metavar="METHOD",
        help="Train on from float by this method; ternary is bitnet158, int8 int8-qat.")  # fmt: skip
@project_option
@common
@click.pass_obj
def train(session: Session, method: str | None, project: Path) -> None:
    """Train the project's model in float; a killed run goes on from its last epoch.

    With --quantize, train it on to weights of few bits, as `toolkit quantize` does by the method in toolkit.toml.
    """
    from toolkit.cli._recipe import walk
    from toolkit.stages.stage import read

    if method is not None:
        _train_on(session, _SHORT.get(method, method), project)
        return
    settings, steps = walk(session, project, "train")
    report = read(settings.build / "train.json")
    session.result({"weights": str(settings.build / "float.pt"), "ran": steps[-1].ran, **report})
    if not session.json:
        click.echo(f"{settings.build / 'float.pt'}: {steps[-1].note}")
    session.next("toolkit quantize")


def _train_on(session: Session, method: str, project: Path) -> None:
    from toolkit.cli._recipe import walk
    from toolkit.project import load
    from toolkit.stages.stage import read

    settings, steps = walk(session, project, "quantize", method=method)
    report = read(settings.build / "quantize.json")
    program = settings.build / "quantized.pt2"
    session.result({"program": str(program), "ran": steps[-1].ran, **report})
    if not session.json:
        click.echo(f"{program}: {steps[-1].note}")
    usual = load(project).quantize.method
    if method != usual:
        session.say(
            f'toolkit.toml says method = "{usual}": write "{method}" there, or `make` will go back to it'
        )
    session.next(f"toolkit export {program} --target {settings.export.target} -o DIR")
