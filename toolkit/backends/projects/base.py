"""What every project is made of, and what a module of this folder says of its framework."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.backends.projects import golden
from toolkit.device.targets import Target
from toolkit.errors import ToolkitError

VERSION = "1.0.0"  # of the model's package
NO_FUSING = "-ffp-contract=off"  # a product and a sum are rounded one after the other


@dataclass(frozen=True)
class Part:
    """A compiled model, ready to be put into any framework; all texts are C or C headers.

    Attributes:
        name: the model's, as a C name in lower case.
        prefix: how the model's C files and names begin.
        target: what it is compiled for.
        sources: ``model.c``.
        public: ``model.h``.
        private: the runtime's headers.
        golden: a header with one input, and a function that runs the model on it and compares.
        floats: it computes in floating point.
    """

    name: str
    prefix: str
    target: Target
    sources: dict[str, str]
    public: dict[str, str]
    private: dict[str, str]
    golden: str
    floats: bool

    @classmethod
    def of(cls, bundle: Path, manifest: dict[str, Any], target: Target) -> Part:
        """Read what projects need from a bundle that was just written."""
        prefix = str(manifest["prefix"])
        layers = manifest["layers"]
        floats = any(t["dtype"] == "float32" for t in (*manifest["inputs"], *(x["output"] for x in layers)))
        return cls(
            name=c_name(str(manifest["name"])),
            prefix=prefix,
            target=target,
            sources={f"{prefix}.c": _text(bundle / f"{prefix}.c")},
            public={f"{prefix}.h": _text(bundle / f"{prefix}.h")},
            private={file.name: _text(file) for file in sorted((bundle / "runtime").glob("*.h"))},
            golden=golden.header(bundle, manifest),
            floats=floats,
        )

    @property
    def sentence(self) -> str:
        """One line that says what this is."""
        return f"The neural network {self.name}, compiled to C for {self.target.name}."

    def setting(self, project: str, key: str, otherwise: str) -> str:
        """Return what the target's ``[projects.PROJECT]`` says of ``key``."""
        return self.target.projects.get(project, {}).get(key, otherwise)

    def placed(self, sources: str, public: str, private: str) -> dict[str, str]:
        """Return the model's files under the folders named; an empty name is the project's own folder."""
        placed = ((sources, self.sources), (public, self.public), (private, self.private))
        return {f"{folder}/{name}": text for folder, texts in placed for name, text in texts.items()}


@dataclass(frozen=True)
class Project:
    """One framework's kind of project.

    Attributes:
        title: the framework's name.
        note: what else a user should know, for the project's README.
        files: makes all its files, texts by path.
        commands: up to three lines that a user of the framework types, the second argument being the folder.
        archs: the targets' ``arch`` that it is for; empty for every one.
    """

    title: str
    note: str
    files: Callable[[Part], dict[str, str]]
    commands: Callable[[Part, Path], tuple[str, ...]]
    archs: tuple[str, ...] = ()

    def check(self, target: Target) -> None:
        """Raise ``ToolkitError`` when the framework is not for ``target``."""
        if self.archs and target.arch not in self.archs:
            raise ToolkitError(
                f"{self.title} is not for {target.name}, whose arch is {target.arch}",
                fix=f"choose a --target whose arch is one of: {', '.join(self.archs)}",
            )


MICROCONTROLLERS = ("armv6-m", "armv7-m", "armv7e-m", "armv8.1-m", "rv32imc", "avr", "xtensa")
CORTEX_M = ("armv6-m", "armv7-m", "armv7e-m", "armv8.1-m")


def c_name(text: str) -> str:
    """Return ``text`` as a C name in lower case."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower(), flags=re.ASCII).strip("_")
    return name if name and not name[0].isdigit() else f"model_{name}".rstrip("_")


def unfused(source: str) -> str:
    """Return C that GCC does not fuse products and sums of, where no option can be given it."""
    pragma = '#if defined(__GNUC__) && !defined(__clang__)\n#pragma GCC optimize("fp-contract=off")\n#endif\n'
    return pragma + source


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
