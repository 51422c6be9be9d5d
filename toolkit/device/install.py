"""The line that installs a program, as far as it can be known."""

from __future__ import annotations

import sys


def line(package: str) -> str:
    """Return the command that installs ``package`` (its name in Debian and Ubuntu) on this system."""
    if package.startswith("qemu-system"):
        if sys.platform == "darwin":
            return "brew install qemu"
        if sys.platform == "win32":
            return "winget install SoftwareFreedomConservancy.QEMU"
    if package == "qemu-user" and sys.platform != "linux":
        return "use Linux: QEMU runs Linux programs nowhere else"
    if sys.platform != "linux":
        return f"install what Debian calls {package}"
    return f"apt-get install {package}"
