"""The documentation holds: links lead somewhere, commands and options exist, the site builds."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
from markdown.extensions.toc import slugify

from tests.e2e.pages import CHECKOUT, PAGES, command_lines, inline_commands, prose
from toolkit.cli._group import Commands, toolkit

NAMES = [page.relative_to(CHECKOUT).as_posix() for page in PAGES]
MADE_UP = {"some-thing", "layers"}  # commands that docs/adding.md adds


def context(words: list[str]) -> tuple[click.Context, click.Command, list[str]]:
    assert isinstance(toolkit, Commands)
    group = toolkit.make_context("toolkit", [*words], resilient_parsing=True)
    name, command, rest = toolkit.resolve_command(group, words)
    assert name is not None
    assert command is not None
    return group, command, rest


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_command_lines_are_accepted(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOOLKIT_")]:
        monkeypatch.delenv(name)
    for words in command_lines(page):
        if words[0] in MADE_UP:
            continue
        group, command, rest = context(words)
        if "--help" not in rest:
            # raises for what the command does not take
            command.make_context(command.name, rest, parent=group)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_in_prose_exist(page: Path) -> None:
    """In prose an argument may be missing (``toolkit export``), but not the command or an option."""
    for words in inline_commands(page):
        if words[0].startswith("-") or words[0] in MADE_UP:
            continue
        _, command, rest = context(words)
        options = {name for parameter in command.params for name in (*parameter.opts, "--help")}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options, words


@cache
def anchors(page: Path) -> set[str]:
    """Return the names of the page's headings, generated ones included."""
    fill = runpy.run_path(str(CHECKOUT / "docs" / "hooks.py"))["on_page_markdown"]
    headings = re.findall(r"^#+ +(.+)$", fill(prose(page)), re.MULTILINE)
    return {slugify(re.sub(r"[`*]|\[(.*?)\]\(.*?\)", r"\1", heading), "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_internal_links_resolve(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8")))
    docs = CHECKOUT / "docs"
    assert {page.relative_to(docs).as_posix() for page in PAGES if docs in page.parents} == listed


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    done = subprocess.run(
        [*command, str(tmp_path / "site")],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "targets" / "index.html").read_text(encoding="utf-8")
    assert "stm32f4-discovery" in page
    assert "generated:" not in page
    for html in (tmp_path / "site").rglob("*.html"):
        text = html.read_text(encoding="utf-8")
        assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', text) == [], html
