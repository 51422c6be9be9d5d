"""The tuned kernels: one module each, found by being here; portable C is the operators' own.

A module defines one ``KERNEL``, an instance of a subclass of ``toolkit.kernels.base.Kernel``, or a list of ``KERNELS``,
one for every kernel set.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from toolkit.kernels.base import Kernel
from toolkit.kernels.sizing import Sizing
from toolkit.lower.ir import Step
from toolkit.ops import operators
from toolkit.ops.base import Operator

__all__ = ["PORTABLE", "Kernel", "candidates", "constant_bytes", "implementation", "kernels"]

PORTABLE = "portable"  # the name under which a step's own operator computes it


@cache
def kernels() -> dict[str, Kernel]:
    """Return every tuned kernel by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        single = getattr(loaded, "KERNEL", None)
        for kernel in getattr(loaded, "KERNELS", [single] if single else []):
            found[kernel.name] = kernel
    return found


def candidates(step: Step, kernel_set: str) -> list[str]:
    """Return the names of all kernels that compute ``step`` on a kernel set, best rank first.

    Behind PORTABLE, whose rank is 0, are those that are used only when counting shows them to be worth their bytes.
    """
    able = [k for k in kernels().values() if k.op == step.op and kernel_set in k.sets and k.takes(step)]
    ranks = {**{k.name: k.rank for k in able}, PORTABLE: 0}
    return sorted(ranks, key=lambda name: -ranks[name])


def implementation(step: Step) -> Kernel | Operator:
    """Return what emits ``step``: the kernel chosen for it, or its operator."""
    return kernels()[step.kernel] if step.kernel not in ("", PORTABLE) else operators()[step.op]


def constant_bytes(step: Step) -> int:
    """Return what the constants of the kernel chosen for ``step`` take."""
    sizing = Sizing()
    implementation(step).emit(step, sizing)
    return sizing.constant_bytes
