"""A web server whose bad manners a test can choose, and the folder with the real datasets."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Page:
    """What the server answers at one path."""

    content: bytes
    ranges: bool = True  # honours Range
    stated_length: bool = True  # sends Content-Length
    cut_after: list[int] = field(default_factory=list)  # the next answers break off after that many bytes
    statuses: list[int] = field(default_factory=list)  # the next answers are these errors
    hang_after: int | None = None  # falls silent after that many bytes, for good
    shift_range_by: int = 0  # answers with another range than asked for
    redirect: str = ""


class Server:
    """A real HTTP server on localhost; ``pages`` says what it serves, ``requests`` what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []  # path, Range header
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"site": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def serve(self, path: str, page: Page | bytes) -> str:
        """Serve ``page`` at ``/path`` and return its address."""
        self.pages[f"/{path}"] = page if isinstance(page, Page) else Page(page)
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/{path}"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.site.requests.append((self.path, asked))
        page = self.site.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        if page.statuses:
            self.send_error(page.statuses.pop(0))
            return
        if page.redirect:
            self.send_response(302)
            self.send_header("Location", page.redirect)
            self.end_headers()
            return
        self._send(page, asked)

    def _send(self, page: Page, asked: str | None) -> None:
        start = 0
        if asked and page.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) + page.shift_range_by
            if start >= len(page.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(page.content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(page.content) - 1}/{len(page.content)}")
        else:
            self.send_response(200)
        body = page.content[start:]
        if page.stated_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if page.cut_after:
            body = body[: page.cut_after.pop(0)]
        if page.hang_after is not None:
            body = body[: page.hang_after]
        self.wfile.write(body)
        self.wfile.flush()
        if page.hang_after is not None:
            self.site.closing.wait(30)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    site = Server()
    yield site
    site.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder that TOOLKIT_DATA points at."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TOOLKIT_DATA", str(folder))
    return folder


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the real datasets; TOOLKIT_DATA points at it."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TOOLKIT_DATA") or beside)
    if not (folder / "mnist").is_dir():
        pytest.skip(f"no datasets in {folder}: set TOOLKIT_DATA to a filled cache")
    monkeypatch.setenv("TOOLKIT_DATA", str(folder))
    return folder
