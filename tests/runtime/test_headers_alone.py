"""Every runtime header needs no other before it and gives no warning: two compilers, every core, C and C++."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.c_compiler import C99, CPP11, CPP17, STRICT, compiler
from toolkit import paths
from toolkit.device import targets

INCLUDE = paths.runtime_dir() / "include"
# All that run every kernel; AVR's are compiled, and run, by tests/device/test_avr.py.
FAMILIES = [
    t.name for t in map(targets.load, targets.names()) if t.family == t.name and t.compilers and not t.only
]
LANGUAGES = {"c99": C99, "c++11": CPP11, "c++17": CPP17}
# Headers have other lines only for cores with instructions of their own: there C++ reads them, too. Debian's
# aarch64-linux-gnu-gcc is without C++; Zig covers it.
COMBINATIONS = [
    *(
        (target, name, "c99")
        for target in FAMILIES
        for name in ("gcc", "zig")
        if name in targets.load(target).compilers
    ),
    *((target, "gcc", "c++11") for target in ("host", "cortex-m4", "cortex-m55")),
    *((target, "zig", "c++17") for target in ("host", "rpi")),
]


def test_every_core_is_among_the_families() -> None:
    cores = "cortex-m0plus cortex-m3 cortex-m4 cortex-m55 cortex-m7 host rpi rv32imc"
    assert set(FAMILIES) >= set(cores.split())


@pytest.mark.parametrize(("target", "name", "language"), COMBINATIONS, ids=map("-".join, COMBINATIONS))
def test_compiles_alone_without_a_warning(target: str, name: str, language: str, tmp_path: Path) -> None:
    compile_ = compiler(target, name)
    headers = sorted(INCLUDE.glob("*.h"))
    units = [tmp_path / f"{header.stem}.c" for header in headers]
    for unit, header in zip(units, headers, strict=True):
        unit.write_text(f'#include "{header.name}"\n', encoding="utf-8")
    units.append(tmp_path / "shared.c")  # kernels that are functions of their own, all headers together
    includes = "".join(f'#include "{header.name}"\n' for header in headers)
    units[-1].write_text(f"#define TK_SHARE_KERNELS\n{includes}", encoding="utf-8")
    # Alone GCC reads each. All together are compiled, for what a compiler finds by optimizing; GCC does that in C.
    arguments = (f"-I{INCLUDE}", *STRICT, *LANGUAGES[language])
    if name == "gcc":
        compile_("-fsyntax-only", *arguments, *units, cwd=tmp_path)
    if name == "zig" or language == "c99":
        compile_("-O1", "-c", *arguments, units[-1], cwd=tmp_path)
        assert (tmp_path / "shared.o").stat().st_size
