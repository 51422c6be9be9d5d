"""ELF files: symbols as pyelftools reads them, and whatever is damaged is said so."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.device import toy
from toolkit.device import elf
from toolkit.device.build import build
from toolkit.errors import ToolkitError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image for a Cortex-M0+."""
    return build(toy.make(tmp_path_factory.mktemp("elf") / "bundle", "cortex-m0plus")).path


def test_symbols_are_those_that_pyelftools_reads(file: Path) -> None:
    expected = set()
    with file.open("rb") as stream:
        for table in ELFFile(stream).iter_sections():
            for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
                kind = symbol["st_info"]["type"]
                if (
                    symbol.name
                    and symbol.name[:1] != "$"
                    and symbol.name[:2] != ".L"
                    and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
                ):
                    function = kind == "STT_FUNC"
                    expected.add((symbol.name, symbol["st_value"] & ~function, symbol["st_size"], function))
    found = {(s.name, s.address, s.size, s.is_function) for s in elf.read(file).symbols}
    assert found == expected
    assert ("tk_reset", True) in {(name, function) for name, _, _, function in found}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_raises_nothing_but_toolkit_errors(
    file: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(file.read_bytes())
    headers = content[0x20] | content[0x21] << 8 | content[0x22] << 16  # where the section headers begin
    places = st.one_of(
        st.integers(0, 200), st.integers(headers, len(content) - 1), st.integers(0, len(content) - 1)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.elf"
    damaged.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])
    try:
        named = str(elf.read(damaged).path)
    except ToolkitError as error:
        named = error.what
    assert "damaged.elf" in named
