"""``toolkit init``: write a commented ``toolkit.toml``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit import project
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session


@command("Project", 1)
@click.argument("folder", type=PATH, default=Path("."), metavar="[DIR]")
@option(
    "--recipe",
    default="digits-ternary",
    show_default=True,
    metavar="NAME",
    help="What to start from; see --list.",
)
@option("--list", "list_recipes", is_flag=True, help="List the recipes and write nothing.")
@common
@click.pass_obj
def init(session: Session, folder: Path, recipe: str, list_recipes: bool) -> None:
    """Start a project: write a commented toolkit.toml.

    Nothing is ever overwritten.
    """
    recipes = project.recipes()
    if list_recipes:
        session.result({"recipes": recipes})
        if not session.json:
            for name, about in recipes.items():
                click.echo(f"{name:18}{about}")
        return
    file = project.init(folder, recipe)
    session.result({"file": str(file), "recipe": recipe})
    if not session.json:
        click.echo(f"wrote {file}")
    session.next("toolkit make" if folder == Path(".") else f"cd {folder} && toolkit make")
