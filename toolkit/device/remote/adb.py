"""A connection over adb, to an Android device by USB or network, by the adb program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from toolkit.device import install
from toolkit.device.remote.link import Done
from toolkit.device.remote.rehearsal import Rehearsal
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

ANY = "any"
_QUICK_S = 20.0


class AdbLink:
    """A device that adb sees.

    Args:
        serial: its serial number as ``adb devices`` lists it, or "any" for the only one.

    Raises:
        ToolkitError: adb is missing or sees no such device (3), or may not use it (2).
    """

    home = "/data/local/tmp/"  # where programs may be started

    def __init__(self, serial: str) -> None:
        program = shutil.which("adb")
        if program is None:
            raise ToolkitError("adb is not installed", fix=install.line("adb"), exit_code=MISSING)
        self.name = "the device" if serial == ANY else serial
        self._adb = [program] if serial == ANY else [program, "-s", serial]
        done = self._call(["get-state"], _QUICK_S, "asking adb for the device")
        if done.code:
            raise _absent(done.err.strip() or done.out.strip(), self.name)

    def run(self, command: str, timeout_s: float) -> Done:
        """Run a shell's line there."""
        return self._call(["shell", "-T", command], timeout_s, f"`{command}`")

    def put(self, local: Path, remote: str, timeout_s: float) -> None:
        """Copy a file or a folder there."""
        self._checked(["push", str(local), remote], timeout_s, f"copying {local.name}")

    def get(self, remote: str, local: Path, timeout_s: float) -> None:
        """Copy a file from there."""
        self._checked(["pull", remote, str(local)], timeout_s, f"fetching {remote}")

    def close(self) -> None:
        """There is nothing to end: adb's server stays."""

    def _checked(self, arguments: list[str], timeout_s: float, doing: str) -> None:
        done = self._call(arguments, timeout_s, doing)
        if done.code:
            said = (done.err.strip() or done.out.strip())[-500:]
            raise ToolkitError(
                f"{self.name}: {doing} failed: {said}",
                fix="free some space there, or choose another folder with --path",
                exit_code=DEVICE,
            )

    def _call(self, arguments: list[str], timeout_s: float, doing: str) -> Done:
        try:
            done = subprocess.run(
                [*self._adb, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"{self.name}: {doing} did not end within {timeout_s:g} s",
                fix="is the device awake? `adb devices` lists it; give it more time with --timeout",
                exit_code=DEVICE,
            ) from error
        return Done(done.returncode, done.stdout, done.stderr)


def rehearsal(serial: str) -> Rehearsal:
    """Return what notes the commands of adb. The argument is that of ``AdbLink``."""
    adb = ["adb"] if serial == ANY else ["adb", "-s", serial]
    return Rehearsal(
        "the device" if serial == ANY else serial,
        AdbLink.home,
        [*adb, "shell", "-T"],
        lambda local, remote: [*adb, "push", local, remote],
        lambda remote, local: [*adb, "pull", remote, local],
    )


def _absent(said: str, name: str) -> ToolkitError:
    if "unauthorized" in said:
        return ToolkitError(
            f"{name} does not let this computer use it: {said}",
            fix="unlock it and answer its question about USB debugging with yes",
            exit_code=USAGE,
        )
    if "more than one" in said:
        return ToolkitError(
            f"adb sees several devices: {said}", fix="name one: --adb SERIAL; `adb devices` lists them"
        )
    return ToolkitError(
        f"adb sees no such device: {said}",
        fix="turn on USB debugging in its developer options, connect it, and look at `adb devices`",
        exit_code=MISSING,
    )
