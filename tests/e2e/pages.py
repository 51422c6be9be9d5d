"""The documentation's pages taken apart: code blocks, command lines, prose."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it is meant to be (or none), its text."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the page's fenced blocks."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def command_lines(page: Path) -> list[list[str]]:
    """Return the arguments of every ``toolkit …`` line in the page's shell blocks."""
    lines = []
    for block in blocks(page):
        prompt = "$ " if block.language == "console" else ""
        if block.language in ("sh", "console"):
            lines += [line[len(prompt) :] for line in block.text.splitlines() if line.startswith(prompt)]
    found = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in found if words and Path(words[0]).name == "toolkit"]


def prose(page: Path) -> str:
    """Return the page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def inline_commands(page: Path) -> list[list[str]]:
    """Return the arguments of every ``toolkit …`` in the page's prose."""
    return [shlex.split(text)[1:] for text in re.findall(r"`(toolkit [a-z-][^`]*)`", prose(page))]
