"""``toolkit export --project``: the model as a project of a framework, and what its users type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from toolkit.cli._session import Session


def write_project(
    session: Session, project: str, target: str, output: Path, export: Callable[[Path], dict[str, Any]]
) -> None:
    """Write the project ``project`` for ``target`` into ``output`` and print the framework's commands."""
    from toolkit.backends import projects

    manifest, commands = projects.write(project, target, output, export)
    session.result({"project": str(output), "commands": list(commands), "manifest": manifest})
    if not session.json:
        title = projects.load(project).title
        click.echo(f"wrote {output}: {manifest['name']} for {manifest['target']}, a project of {title}")
        for command in commands:
            click.echo(f"  {command}")
