"""Philox in C and in Python against the known answers that come with Random123 (``kat_vectors``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.c_compiler import C99, STRICT, call, compiler
from toolkit import paths
from toolkit.learn import philox

# counter and key, and the words that the authors' own code makes of them
KNOWN = [
    ("00000000 00000000 00000000 00000000  00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff  ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344  a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
MAIN = """#include <stdio.h>
#include <stdlib.h>

#include "tk_philox.h"

int main(int count, char **words) {
    uint32_t given[6], made[4];
    if (count != 7) return 1;
    for (int i = 0; i < 6; ++i) given[i] = (uint32_t)strtoul(words[i + 1], NULL, 16);
    tk_philox(given, given + 4, made);
    for (int i = 0; i < 4; ++i) printf("%08lx ", (unsigned long)made[i]);
    return 0;
}
"""


@pytest.mark.parametrize(("given", "words"), KNOWN)
def test_python_knows_the_answers(given: str, words: str) -> None:
    *counter, low, high = (int(word, 16) for word in given.split())
    first = sum(word << 32 * place for place, word in enumerate(counter))
    assert [f"{word:08x}" for word in philox.words((low, high), first, 1)[0]] == words.split()


def test_c_knows_the_answers(tmp_path: Path) -> None:
    source, program = tmp_path / "main.c", tmp_path / "philox"
    source.write_text(MAIN, encoding="utf-8")
    flags = (*C99, *STRICT, "-fsanitize=undefined", "-fno-sanitize-recover=all")
    compiler("host", "zig")(*flags, f"-I{paths.runtime_dir() / 'include'}", source, "-o", program)
    for given, words in KNOWN:
        assert call([program, *given.split()]).split() == words.split()
