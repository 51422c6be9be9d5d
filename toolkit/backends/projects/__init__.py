"""A model as a project of another framework: one module each, found by being here.

A module defines ``PROJECT``, a ``toolkit.backends.projects.base.Project``; ``esp_idf.py`` is ``--project esp-idf``.
"""

from __future__ import annotations

import difflib
import importlib
import json
import pkgutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit import atomic
from toolkit.backends.projects.base import Part, Project
from toolkit.device import targets
from toolkit.errors import ToolkitError

__all__ = ["Part", "Project", "load", "names", "write"]

_HELPERS = ("base", "golden")


def names() -> list[str]:
    """Return what ``--project`` takes."""
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(__path__)
        if module.name not in _HELPERS
    )


def load(name: str) -> Project:
    """Return the project ``name``. Raises ``ToolkitError`` when there is none."""
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ToolkitError(
            f"there is no project {name!r:.60}", fix=f"{hint}the projects are: {', '.join(names())}"
        )
    project: Project = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").PROJECT
    return project


def write(
    name: str, target: str, output: Path, export: Callable[[Path], dict[str, Any]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write a model as a project into the folder ``output``, which is replaced as a whole.

    Args:
        name: one of ``names()``.
        target: what the model is compiled for.
        output: the project's folder.
        export: writes the model's bundle into the folder it is given and returns its manifest.

    Returns:
        The manifest, and the commands that a user of the framework types.

    Raises:
        ToolkitError: there is no such project, it is not for this target, ``output`` holds something else, or as
            ``toolkit.bundle.export``.
    """
    project, chosen, output = load(name), targets.load(target), Path(output)
    project.check(chosen)
    if output.exists() and not (output / MARK).is_file() and (output.is_file() or any(output.iterdir())):
        raise ToolkitError(
            f"{output} is not empty, and no project of the toolkit", fix="choose another folder with -o"
        )
    with tempfile.TemporaryDirectory(prefix="toolkit-project-", ignore_cleanup_errors=True) as scratch:
        bundle = Path(scratch) / "bundle"
        manifest = export(bundle)
        part = Part.of(bundle, manifest, chosen)
        texts, commands = project.files(part), project.commands(part, output)
        with atomic.replacing(output) as folder:
            folder.mkdir()
            for file, text in {**texts, "README.md": _readme(name, project, part, commands)}.items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(text, encoding="utf-8", newline="\n")
            described = {"project": name, "name": part.name, "target": target, "manifest": manifest}
            (folder / MARK).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return manifest, commands


MARK = "toolkit.json"  # which makes a folder one of ours


def _readme(name: str, project: Project, part: Part, commands: tuple[str, ...]) -> str:
    listed = "\n".join(commands)
    return f"""# {part.name}

{part.sentence} Made by `toolkit export --target {part.target.name} --project {name}`.

```sh
{listed}
```

The example loads one input, runs the model, prints the outputs and says whether they equal those of the reference,
to the bit.

{project.note}
"""
