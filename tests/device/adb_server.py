"""An adb server with one device, which is a folder of this machine: what adb's own client asks for, and no more.

Written after the public description of the protocol (adb's OVERVIEW.TXT, SERVICES.TXT and SYNC.TXT).
"""

from __future__ import annotations

import contextlib
import os
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

_VERSION = 41  # of adb 1.0.41, as the client has it
_STDOUT, _STDERR, _EXIT = 1, 2, 3
_CHUNK = 65536


class _Handler(socketserver.BaseRequestHandler):
    server: AdbServer

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, EOFError):
            while self._service(self._read(int(self._read(4), 16)).decode()):
                pass

    def _service(self, asked: str) -> bool:
        """Answer one request; return whether another one follows on this connection."""
        self.server.asked.append(asked)
        if asked == "host:version":
            self._answer(f"{_VERSION:04x}")
        elif asked.endswith(":features"):
            self._answer("shell_v2")
        elif asked.endswith(":get-state"):
            if self.server.state != "device":
                self._refuse(self.server.state)
            else:
                self._answer(self.server.state)
        elif asked.startswith("host:tport:"):
            self.request.sendall(b"OKAY" + struct.pack("<Q", 1))
            return True
        elif asked.startswith(("host:transport:", "host:transport-any")):
            self.request.sendall(b"OKAY")
            return True
        elif asked.startswith("shell,v2"):
            self.request.sendall(b"OKAY")
            self._shell(asked.partition(":")[2])
        elif asked == "sync:":
            self.request.sendall(b"OKAY")
            self._sync()
        else:
            self._refuse(f"unknown request {asked}")
        return False

    def _shell(self, command: str) -> None:
        done = subprocess.run(
            ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
        )
        for kind, data in ((_STDOUT, done.stdout), (_STDERR, done.stderr), (_EXIT, bytes([done.returncode]))):
            if data:
                self.request.sendall(struct.pack("<BI", kind, len(data)) + data)

    def _sync(self) -> None:
        while True:
            kind, size = struct.unpack("<4sI", self._read(8))
            name = self._read(size).decode() if kind != b"QUIT" else ""
            if kind == b"QUIT":
                return
            if kind == b"STAT":
                self.request.sendall(b"STAT" + _stat(name))
            elif kind == b"SEND":
                self._receive(*name.rsplit(",", 1))
            elif kind == b"RECV":
                data = Path(name).read_bytes()
                for i in range(0, len(data), _CHUNK):
                    part = data[i : i + _CHUNK]
                    self.request.sendall(struct.pack("<4sI", b"DATA", len(part)) + part)
                self.request.sendall(struct.pack("<4sI", b"DONE", 0))
            else:
                raise EOFError(kind)

    def _receive(self, name: str, mode: str) -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with Path(name).open("wb") as file:
            while True:
                kind, size = struct.unpack("<4sI", self._read(8))
                if kind != b"DATA":
                    break  # DONE, and when it was changed
                file.write(self._read(size))
        os.chmod(name, int(mode) & 0o777)
        self.request.sendall(struct.pack("<4sI", b"OKAY", 0))

    def _answer(self, text: str) -> None:
        self.request.sendall(f"OKAY{len(text):04x}{text}".encode())

    def _refuse(self, text: str) -> None:
        self.request.sendall(f"FAIL{len(text):04x}{text}".encode())

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def _stat(name: str) -> bytes:
    with contextlib.suppress(OSError):
        found = os.stat(name)
        return struct.pack("<III", found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime))
    return struct.pack("<III", 0, 0, 0)


class AdbServer(socketserver.ThreadingTCPServer):
    """``state`` is "device", or what the server says instead of letting one use it; ``asked`` are all requests."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = "device"
        self.asked: list[str] = []


@contextlib.contextmanager
def running() -> Iterator[AdbServer]:
    """Serve on a free port."""
    with AdbServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
