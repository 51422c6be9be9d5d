"""Debian's sshd on a free port of this machine, for this user alone, with keys of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SFTP = "/usr/lib/openssh/sftp-server"


@dataclass(frozen=True)
class Server:
    """A running sshd: where it is, and what a client needs."""

    host: str
    port: int
    identity: Path
    known_hosts: Path
    log: Path


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Start sshd; end it afterwards."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if os.geteuid() == 0:  # it wants this folder then
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=30
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copyfile(folder / "user_key.pub", folder / "authorized_keys")
    key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nSubsystem sftp {_SFTP}\n"
    )
    log = folder / "log"
    process = subprocess.Popen([program, "-D", "-f", folder / "config", "-E", log], stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, log)
        yield Server(f"{getpass.getuser()}@127.0.0.1", port, folder / "user_key", folder / "known_hosts", log)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"sshd does not start: {log.read_text() if log.is_file() else 'no log'}")
