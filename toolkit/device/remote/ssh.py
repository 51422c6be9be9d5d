"""A connection over SSH (asyncssh). Host keys are checked; nothing is ever asked for, and every wait has an end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from toolkit.device.remote.link import Done
from toolkit.device.remote.rehearsal import Rehearsal
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError, first_line
from toolkit.verify.child import importable

_Result = TypeVar("_Result")
_CONNECT_S = 15.0
_PORT = 22


class SshLink:
    """An open connection to ``[user@]host``.

    Args:
        host: as ssh takes it; an entry of ``~/.ssh/config`` will do.
        port: of its sshd; what the configuration says, or 22.
        identity: a private key's file; those of ``~/.ssh`` and of the agent by default.
        known_hosts: the file that says which keys hosts have; ``~/.ssh/known_hosts`` by default.

    Raises:
        ToolkitError: asyncssh is missing (3), nobody answers (4), the host's key is unknown or another (2), it lets
            this user not in (2).
    """

    home = ""  # relative paths start in the user's folder

    def __init__(
        self,
        host: str,
        port: int | None = None,
        identity: Path | None = None,
        known_hosts: Path | None = None,
    ) -> None:
        if not importable("asyncssh"):
            raise ToolkitError(
                "asyncssh is not installed", fix='pip install "edge-toolkit[deploy]"', exit_code=MISSING
            )
        self.name = host
        self._runner = asyncio.Runner()
        try:
            self._connection = self._await(
                _connect(host, port, identity, known_hosts), _CONNECT_S, "connecting"
            )
        except BaseException:
            self._runner.close()
            raise

    def run(self, command: str, timeout_s: float) -> Done:
        """Run a shell's line there."""
        done = self._await(self._connection.run(command, check=False), timeout_s, f"`{command}`")
        code = done.exit_status if done.exit_status is not None else 255
        return Done(code, str(done.stdout), str(done.stderr))

    def put(self, local: Path, remote: str, timeout_s: float) -> None:
        """Copy a file or a folder there."""
        self._await(self._copy(str(local), remote, to_device=True), timeout_s, f"copying {local.name}")

    def get(self, remote: str, local: Path, timeout_s: float) -> None:
        """Copy a file from there."""
        self._await(self._copy(remote, str(local), to_device=False), timeout_s, f"fetching {remote}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
        self._runner.close()

    async def _copy(self, source: str, target: str, to_device: bool) -> None:
        async with self._connection.start_sftp_client() as sftp:
            if to_device:
                await sftp.put(source, target, recurse=True, preserve=True)
            else:
                await sftp.get(source, target)

    def _await(self, work: Coroutine[Any, Any, _Result], timeout_s: float, doing: str) -> _Result:
        import asyncssh

        async def limited() -> _Result:
            return await asyncio.wait_for(work, timeout_s)

        try:
            return self._runner.run(limited())
        except TimeoutError as error:
            raise ToolkitError(
                f"{self.name}: {doing} did not end within {timeout_s:g} s",
                fix="check the network and the device, or give it more time with --timeout",
                exit_code=DEVICE,
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise _unknown_key(self.name) from error
        except asyncssh.PermissionDenied as error:
            raise ToolkitError(
                f"{self.name} lets this user not in: {first_line(error)}",
                fix=f"ssh-copy-id {self.name}, or name a key with --identity; one with a passphrase: ssh-add",
                exit_code=USAGE,
            ) from error
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise ToolkitError(
                f"the key cannot be used: {first_line(error)}",
                fix="give the private key's file with --identity; a key with a passphrase goes through ssh-agent",
                exit_code=USAGE,
            ) from error
        except (OSError, asyncssh.Error) as error:
            full = str(error).strip().lower() == "failure" or "no space" in str(error).lower()
            raise ToolkitError(
                f"{self.name}: {doing} failed: {first_line(error)}",
                fix="is the disk there full?" if full else "check the name, the port and that its sshd runs",
                exit_code=DEVICE,
            ) from error


def rehearsal(
    host: str, port: int | None = None, identity: Path | None = None, known_hosts: Path | None = None
) -> Rehearsal:
    """Return what notes the commands of OpenSSH that do the same. Arguments are those of ``SshLink``."""
    options = ["-o", "BatchMode=yes"]
    options += ["-i", str(identity)] if identity else []
    options += ["-o", f"UserKnownHostsFile={known_hosts}"] if known_hosts else []
    ssh = ["ssh", *options, *(["-p", str(port)] if port else []), host]
    scp = ["scp", "-rpq", *options, *(["-P", str(port)] if port else [])]
    return Rehearsal(
        host, SshLink.home, ssh,
        lambda local, remote: [*scp, local, f"{host}:{remote}"],
        lambda remote, local: [*scp, f"{host}:{remote}", local],
    )  # fmt: skip


async def _connect(host: str, port: int | None, identity: Path | None, known_hosts: Path | None) -> Any:
    import asyncssh

    user, _, name = host.rpartition("@")
    options: dict[str, Any] = {}
    if user:
        options["username"] = user
    if port is not None:
        options["port"] = port
    if identity is not None:
        options["client_keys"] = [str(identity)]
    if known_hosts is not None:
        options["known_hosts"] = str(known_hosts)
    return await asyncssh.connect(name, **options)


def _unknown_key(host: str) -> ToolkitError:
    name = host.rpartition("@")[2]
    return ToolkitError(
        f"the key of {name} is not among the known hosts, or is another than it was",
        fix=f"type `ssh {host}` once (with the same -p and -i), compare the fingerprint that it shows with the one on "
        "the device (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), and answer yes",
        exit_code=USAGE,
    )
