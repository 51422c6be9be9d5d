"""What was learnt survives: power cut at every step of a save, changed bytes, another model, another size."""

from __future__ import annotations

import ctypes
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import toy
from tests.runtime.c_compiler import C99, CPP11, STRICT, compiler
from toolkit import paths
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import run

HERE = Path(__file__).parent
TRAIN = paths.runtime_dir() / "train"
OK, EMPTY, CORRUPT, OTHER_MODEL, OTHER_SIZE, TOO_SMALL, FLASH = range(0, -7, -1)
PAGE, PAGES = 64, 4
STATE = bytes(range(7, 97))  # 90 bytes: not a whole number of words


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The slots, compiled for this machine with undefined behaviour as an error."""
    file = tmp_path_factory.mktemp("slots") / "slots.so"
    sanitize = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
    compiler("host", "gcc")(
        *C99, *STRICT, *sanitize, "-O1", "-shared", "-fPIC", f"-I{TRAIN}", HERE / "slots.c", "-o", file
    )
    return ctypes.CDLL(str(file))


class Flash:
    """Four pages of flash in memory, with calls to keep and take a state."""

    def __init__(self, library: ctypes.CDLL, content: bytes = b"\xff" * PAGE * PAGES) -> None:
        self.library = library
        self.memory = (ctypes.c_uint32 * (PAGE * PAGES // 4)).from_buffer_copy(content)

    def keep(self, state: bytes, model: int = 1) -> tuple[int, int]:
        """Return the status and the number of the save."""
        sequence = ctypes.c_uint32()
        status = self.library.keep(self.memory, PAGE, PAGES, model, state, len(state), ctypes.byref(sequence))
        return status, sequence.value

    def take(self, count: int = len(STATE), model: int = 1) -> tuple[int, bytes, tuple[int, ...]]:
        """Return the status, the bytes (0x5a where nothing was taken), and both slots' statuses."""
        buffer, found = ctypes.create_string_buffer(b"\x5a" * count, count), (ctypes.c_int32 * 2)()
        status = self.library.take(self.memory, PAGE, PAGES, model, buffer, count, found)
        return status, buffer.raw, tuple(found)

    def change(self, place: int, value: int) -> None:
        """Replace one byte."""
        (ctypes.c_uint8 * (PAGE * PAGES)).from_buffer(self.memory)[place] = value


@pytest.mark.parametrize("name", ["gcc", "zig"])
@pytest.mark.parametrize("target", ["host", "cortex-m0plus", "cortex-m4", "rv32imc"])
@pytest.mark.parametrize("language", [C99, CPP11], ids=["c99", "c++11"])
def test_headers_compile_alone(name: str, target: str, language: tuple[str, ...], tmp_path: Path) -> None:
    for header in TRAIN.glob("*.h"):
        (tmp_path / f"{header.stem}.c").write_text(f'#include "{header.name}"\n', encoding="utf-8")
    units = sorted(tmp_path.glob("*.c"))
    assert len(units) == 4
    compiler(target, name)(
        "-c", f"-I{TRAIN}", *STRICT, "-Wno-unused-function", *language, *units, cwd=tmp_path
    )


@pytest.mark.parametrize("saves", [0, 1, 2, 3])
def test_power_may_fail_at_every_step(library: ctypes.CDLL, saves: int) -> None:
    cuts = ctypes.c_uint32()
    assert library.cut_everywhere(saves, ctypes.byref(cuts)) == 0
    assert cuts.value > 5_000


def test_power_may_fail_at_every_step_on_an_emulated_core(tmp_path: Path) -> None:
    bundle = toy.make(
        tmp_path / "bundle",
        globals='#include <stddef.h>\n#include "runtime/power_cuts.h"\nstatic uint32_t wrong, cuts;',
        layer_0="wrong = power_cuts((uint8_t)arena[0], &cuts);",
        layer_1="for (int i = 0; i < 4; i++) arena[8 + i] = (int8_t)(i < 2 ? wrong >> 8 * i : cuts >> 8 * (i - 2));",
    )
    for file in (*TRAIN.glob("*.h"), HERE / "power_cuts.h"):
        (bundle / "runtime" / file.name).write_bytes(file.read_bytes())
    result = run(build(bundle), targets.load("cortex-m4"), [bytes([saves, *7 * [0]]) for saves in (0, 1, 2)])
    for output in result.outputs:
        assert output[:2] == b"\0\0"
        assert int.from_bytes(output[2:], "little") > 5_000


def test_writing_over_the_newest_slot_is_found(tmp_path: Path) -> None:
    """The check of power cuts can fail."""
    text = (TRAIN / "tk_slots.h").read_text(encoding="utf-8")
    assert text.count("const uint32_t index = newest == 0") == 1
    for file in TRAIN.glob("*.h"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoiled = text.replace("const uint32_t index = newest == 0", "const uint32_t index = newest == 1")
    (tmp_path / "tk_slots.h").write_text(spoiled, encoding="utf-8")
    file = tmp_path / "slots.so"
    compiler("host", "gcc")(*C99, "-shared", "-fPIC", f"-I{tmp_path}", HERE / "slots.c", "-o", file)
    assert ctypes.CDLL(str(file)).cut_everywhere(2, ctypes.byref(ctypes.c_uint32())) > 0


def test_crc_is_that_of_zlib(library: ctypes.CDLL) -> None:
    library.checksum.restype = ctypes.c_uint32
    for first in (0, 1, 50, 90):
        assert library.checksum(STATE, len(STATE), first) == zlib.crc32(STATE)


def test_newest_save_is_taken_and_numbers_count(library: ctypes.CDLL) -> None:
    flash = Flash(library)
    assert flash.take() == (EMPTY, b"\x5a" * len(STATE), (EMPTY, EMPTY))
    for number in range(1, 6):
        state = bytes((value + number) & 255 for value in STATE)
        assert flash.keep(state) == (OK, number)
        assert flash.take()[:2] == (OK, state)


def test_numbers_wrap_around(library: ctypes.CDLL) -> None:
    flash = Flash(library)
    flash.keep(STATE)
    header = bytearray(bytes(flash.memory)[:20])
    header[12:16] = b"\xff\xff\xff\xff"
    for place, value in enumerate((*header, *zlib.crc32(header).to_bytes(4, "little"))):
        flash.change(place, value)
    assert flash.keep(STATE[::-1]) == (OK, 0)
    assert flash.take()[:2] == (OK, STATE[::-1])
    assert flash.keep(STATE) == (OK, 1)
    assert flash.take()[:2] == (OK, STATE)


def test_another_model_or_size_is_refused_and_nothing_taken(library: ctypes.CDLL) -> None:
    flash = Flash(library)
    flash.keep(STATE)
    assert flash.take(model=2) == (OTHER_MODEL, b"\x5a" * len(STATE), (OTHER_MODEL, EMPTY))
    assert flash.take(count=40) == (OTHER_SIZE, b"\x5a" * 40, (OTHER_SIZE, EMPTY))
    assert flash.take()[:2] == (OK, STATE)


def test_what_does_not_fit_is_refused_before_anything_is_erased(library: ctypes.CDLL) -> None:
    flash = Flash(library)
    flash.keep(STATE)
    before = bytes(flash.memory)
    assert flash.keep(bytes(PAGES // 2 * PAGE - 31))[0] == TOO_SMALL
    assert bytes(flash.memory) == before
    assert flash.keep(bytes(PAGES // 2 * PAGE - 32))[0] == OK


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, PAGE * PAGES - 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(1, 3),
)
def test_changed_bytes_never_give_a_mixture(
    library: ctypes.CDLL, changes: list[tuple[int, int]], saves: int
) -> None:
    flash, kept = Flash(library), [STATE, STATE[::-1], bytes(len(STATE))][:saves]
    for state in kept:
        flash.keep(state)
    before = bytes(flash.memory)
    for place, value in changes:
        flash.change(place, value)
    touched = any(a != b for a, b in zip(before, bytes(flash.memory), strict=True))
    status, taken, _ = flash.take()
    if status == OK:
        assert taken in kept[-2:]
        assert touched or taken == kept[-1]
    else:
        assert status == CORRUPT or (status == EMPTY and touched)
        assert taken == b"\x5a" * len(STATE)
    assert flash.keep(STATE)[0] == OK
    assert flash.take()[:2] == (OK, STATE)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=PAGE * PAGES, max_size=PAGE * PAGES))
def test_noise_is_never_taken(library: ctypes.CDLL, noise: bytes) -> None:
    flash = Flash(library, noise)
    status, taken, _ = flash.take()
    assert status in (CORRUPT, EMPTY)
    assert taken == b"\x5a" * len(STATE)
