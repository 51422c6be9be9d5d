"""The runtime ships no kernel that no operator uses, and every operator's calls name headers that exist."""

from __future__ import annotations

import re

import pytest

from tests.ops.case_program import every_kernel, model_of
from toolkit import paths
from toolkit.backends.c import emit
from toolkit.device.targets import KERNEL_SETS
from toolkit.ops import operators

INCLUDE = paths.runtime_dir() / "include"


def _included(header: str) -> set[str]:
    """Return ``header`` and all that it includes from the runtime."""
    text = (INCLUDE / header).read_text(encoding="utf-8")
    nested = re.findall(r'^#include "([^"]+)"', text, flags=re.MULTILINE)
    return {header}.union(*map(_included, nested))


def test_every_header_serves_an_operator() -> None:
    used: set[str] = set()
    for operator in operators().values():
        for kernel_set in KERNEL_SETS:
            for case in every_kernel(operator.name, kernel_set):
                for header in emit(model_of("case", case)).headers:
                    used |= _included(header)
    assert {file.name for file in INCLUDE.glob("*.h")} == used


@pytest.mark.parametrize("header", sorted(file.name for file in INCLUDE.glob("*.h")))
def test_header_guard_names_the_file(header: str) -> None:
    guard = header.upper().replace(".", "_")
    text = (INCLUDE / header).read_text(encoding="utf-8")
    assert text.startswith(f"/* SPDX-License-Identifier: Apache-2.0 */\n#ifndef {guard}\n#define {guard}\n")
