"""What the toolkit asks of an ELF file: sections, symbols, and the bytes to load."""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from toolkit.errors import ToolkitError


@dataclass(frozen=True)
class Section:
    """An allocated section. ``in_flash`` and ``in_ram`` are both true for initialised data."""

    name: str
    address: int
    size: int
    in_flash: bool
    in_ram: bool


@dataclass(frozen=True)
class Symbol:
    """A function or object. ``address`` has no Thumb bit."""

    name: str
    address: int
    size: int
    is_function: bool

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size


@dataclass(frozen=True)
class Segment:
    """Bytes to load at a physical address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Elf:
    """The parts of an ELF file that are used here."""

    path: Path
    machine: str  # EM_ARM, EM_RISCV, EM_AARCH64, EM_X86_64
    entry: int
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    segments: tuple[Segment, ...]

    @cached_property
    def by_name(self) -> dict[str, Symbol]:
        """Symbols by name."""
        return {symbol.name: symbol for symbol in self.symbols}

    @cached_property
    def functions(self) -> list[Symbol]:
        """Functions by address."""
        return sorted((s for s in self.symbols if s.is_function), key=lambda s: s.address)

    @cached_property
    def _starts(self) -> list[int]:
        return [function.address for function in self.functions]

    def function_at(self, address: int) -> Symbol | None:
        """Return the function that holds ``address``."""
        index = bisect.bisect_right(self._starts, address) - 1
        while index >= 0:
            function = self.functions[index]
            if address < max(function.end, function.address + 1):
                return function
            if function.size:
                return None
            index -= 1
        return None

    def code(self, address: int, size: int) -> bytes:
        """Return the bytes that stand at a virtual address in the file; empty when they do not."""
        for segment in self.segments:
            offset = address - segment.address
            if offset >= 0 and offset + size <= len(segment.data):
                return segment.data[offset : offset + size]
        return b""


def read(path: Path) -> Elf:
    """Return an ELF file's parts. Raises ``ToolkitError`` when it cannot be read as one."""
    try:
        with path.open("rb") as stream:
            file = ELFFile(stream)
            return Elf(
                path=path,
                machine=file["e_machine"],
                entry=file["e_entry"],
                sections=tuple(_sections(file)),
                symbols=tuple(_symbols(file)),
                segments=tuple(_segments(file)),
            )
    except OSError as error:
        raise ToolkitError(f"cannot read {path}: {error.strerror}", fix="build it again") from error
    except (ELFError, ValueError, KeyError, IndexError, struct.error) as error:
        raise ToolkitError(f"{path} is not a valid ELF file: {error}", fix="build it again") from error


def with_byte(path: Path, symbol: str, value: int) -> bytes:
    """Return the content of an ELF file with another first byte of the object ``symbol``.

    Raises:
        ToolkitError: the file cannot be read, or stores no such object.
    """
    found = read(path).by_name.get(symbol)
    with path.open("rb") as stream:
        offsets = list(ELFFile(stream).address_offsets(found.address)) if found else []
    if not offsets:
        raise ToolkitError(f"{path} has no {symbol}", fix="build it again: toolkit build DIR --serial")
    content = bytearray(path.read_bytes())
    content[offsets[0]] = value
    return bytes(content)


def _segments(file: ELFFile) -> Iterator[Segment]:
    """Yield what is loaded, without the file's own headers, which a linker may put in front of it."""
    starts = [
        section["sh_offset"]
        for section in file.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
        and section["sh_type"] != "SHT_NOBITS"
        and section["sh_size"]
    ]
    for segment in file.iter_segments("PT_LOAD"):
        first, end = segment["p_offset"], segment["p_offset"] + segment["p_filesz"]
        inside = [start for start in starts if first <= start < end]
        if segment["p_filesz"] and (inside or not starts):
            skip = min(inside, default=first) - first
            yield Segment(segment["p_paddr"] + skip, segment.data()[skip:])


# The sections of link.ld. Others go by their flags; those of `.stack`, which holds no input, differ by linker, and
# GCC calls volatile constants writable.
_FLASH_ONLY = (".text", ".weights", ".rodata")
_RAM_ONLY = (".stack", ".bss")


def _sections(file: ELFFile) -> list[Section]:
    sections = []
    for section in file.iter_sections():
        flags, name = section["sh_flags"], section.name
        if flags & SH_FLAGS.SHF_ALLOC and section["sh_size"]:
            stored = name in _FLASH_ONLY or (name not in _RAM_ONLY and section["sh_type"] != "SHT_NOBITS")
            writable = name in _RAM_ONLY or (name not in _FLASH_ONLY and bool(flags & SH_FLAGS.SHF_WRITE))
            sections.append(
                Section(name, section["sh_addr"], section["sh_size"], stored, writable or not stored)
            )
    return sections


_NO_TYPE, _FUNCTION = 0, 2  # kinds of symbols; 1 is an object


def _symbols(file: ELFFile) -> list[Symbol]:
    """Return the symbols that have a name of their own: no marks of a compiler (``$t``), no local labels (``.L``).

    pyelftools takes a second for the thousands of labels that RISC-V linkers keep.
    """
    thumb, avr = file["e_machine"] == "EM_ARM", file["e_machine"] == "EM_AVR"
    wide = file.elfclass == 64
    entry = struct.Struct(("<" if file.little_endian else ">") + ("IBBHQQ" if wide else "IIIBBH"))
    symbols = {}
    for table in file.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        names = file.get_section(table["sh_link"]).data()
        for fields in entry.iter_unpack(table.data()):
            if wide:
                at, info, _, _, value, size = fields
            else:
                at, value, size, info, _, _ = fields
            kind = info & 0xF
            if not at or kind > _FUNCTION or names.startswith((b"$", b".L"), at):
                continue
            name = names[at : names.index(b"\0", at)].decode("utf-8", "replace")
            # the functions of AVR's libgcc have no type
            is_function = kind == _FUNCTION or (avr and kind == _NO_TYPE and size > 0)
            address = value & ~1 if thumb and is_function else value
            symbols[name, address] = Symbol(name, address, size, is_function)
    return list(symbols.values())
