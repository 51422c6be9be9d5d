"""Ternary weights as code for cores with SADD16: one addition for two columns of two pixels, none for zeros.

A 16-bit lane holds one pixel's sum. For two columns x, y there are the words x, y, x + y and x - y; whatever their two
weights, a row adds or subtracts at most one of them.
"""

from __future__ import annotations

import re

import numpy as np

from quantize.packed import pack_ternary
from toolkit.ops.pack_pairs import finishing_words
from toolkit.ops.pack_ternary import proven
from toolkit.ops.weighted import Folded

ROWS = 8  # of a block: their sums stay in registers
WORDS = 4  # of two columns
_LANE_BITS = 16
_SUMS = tuple(f"r{4 + i}" for i in range(ROWS))
# Which of a pair's words a row takes, and how, by its two weights.
_WORD = {(1, 0): 0, (0, 1): 1, (1, 1): 2, (1, -1): 3}
_WEIGHTS = list(_WORD)
_REACH = 4064  # bytes that a load reaches from its base, the words of two columns less
_STRING_LINES = 120  # of assembly; C compilers promise strings of 4,095 characters


def straight_words(folded: Folded) -> np.ndarray | None:
    """Return (channels, 3) multiplier, constant and shift, or None where a sum leaves 16 bits or rounds otherwise.

    SMLAWB takes the high 32 of the 48 bits of multiplier times lane; see ``finishing_words``.
    """
    if folded.rounding == "double":
        return None
    return finishing_words(folded, np.full(len(folded.bias), _LANE_BITS))


def straight_table(folded: Folded, words: np.ndarray) -> np.ndarray:
    """Return for every block the bias of each row in both lanes, then multiplier and constant of each; int32."""
    lanes = (folded.bias & 0xFFFF) * 0x10001
    starts = lanes.astype(np.uint32).view(np.int32)
    parts = []
    for first in range(0, len(starts), ROWS):
        block = slice(first, first + ROWS)
        parts += [starts[block], words[block, :2].reshape(-1)]
    return np.concatenate(parts).astype(np.int32)


def straight_function(matrix: np.ndarray, shifts: np.ndarray) -> str:
    """Return C for a ``tk_straight_function`` called NAME: ``matrix`` (channels, depth) as code.

    Machines without the instructions get the weights in two bits, and a loop.
    """
    lines = ["push {r4-r11, lr}", "sub sp, #12", "str r0, [sp]", "strd r2, r3, [sp, #4]", "mov lr, r1"]
    for first in range(0, len(matrix), ROWS):
        lines += _block(matrix[first : first + ROWS], shifts[first : first + ROWS], first)
    lines = proven([*lines, "add sp, #12", "pop {r4-r11, pc}"], weights_in, matrix)
    assembly = "".join(
        "    __asm volatile(\n"
        + "".join(f'        "{line}\\n"\n' for line in lines[at : at + _STRING_LINES])
        + "    );\n"
        for at in range(0, len(lines), _STRING_LINES)
    )
    codes, values = (
        ", ".join(map(str, np.ravel(data).tolist())) for data in (pack_ternary(matrix, "t2"), shifts)
    )
    channels, depth = matrix.shape
    return f"""#ifdef TK_HAS_DSP
TK_ASSEMBLY void NAME(TK_STRAIGHT_ARGUMENTS) {{
{assembly}}}
#else
static const uint8_t NAME_codes[] = {{{codes}}};
static const uint8_t NAME_shifts[] = {{{values}}};
static TK_NOINLINE void NAME(TK_STRAIGHT_ARGUMENTS) {{
    tk_straight_c(x, table, first, second, NAME_codes, NAME_shifts, {channels}, {depth});
}}
#endif
"""


def weights_in(lines: list[str], rows: int, columns: int) -> np.ndarray:
    """Return the weights that the code of ``straight_function`` computes with, read from its instructions."""
    matrix = np.zeros((rows, columns + columns % 2), np.int8)
    first, base, loaded = -ROWS, 0, dict[str, tuple[int, int]]()
    for line in lines:
        name, *operands = re.findall(r"[^\s,\[\]{}!#]+", line)
        if operands == ["r12", "sp"]:
            first, base = first + ROWS, 0
        elif name == "addw":
            base += int(operands[2])
        elif operands[0] == "r12" and name == "ldmia":
            loaded = {f"r{word}": (base // (4 * WORDS), word) for word in range(WORDS)}
            base += 4 * WORDS
        elif name == "ldr.w":
            loaded[operands[0]] = divmod((base + int(operands[2])) // 4, WORDS)
        elif name in ("sadd16", "ssub16"):
            pair, word = loaded[operands[2]]
            row = matrix[first + _SUMS.index(operands[0])]
            row[2 * pair : 2 * pair + 2] += np.multiply(_WEIGHTS[word], 1 if name == "sadd16" else -1).astype(
                np.int8
            )
    return matrix[:, :columns]


def _block(matrix: np.ndarray, shifts: np.ndarray, channel: int) -> list[str]:
    """Return the lines for up to eight rows: their sums, then their outputs."""
    sums = _SUMS[: len(matrix)]
    lines = ["ldr r12, [sp]", f"ldmia lr!, {{{', '.join(sums)}}}"]
    skipped = 0  # bytes from r12 to the pair's words
    for column in range(0, matrix.shape[1], 2):
        pairs = np.zeros((len(matrix), 2), int)
        pairs[:, : matrix[:, column : column + 2].shape[1]] = matrix[:, column : column + 2]
        terms = [_term(*pair) for pair in pairs.tolist()]
        used = sorted({term[1] for term in terms if term})
        if skipped == _REACH:
            lines.append(f"addw r12, r12, #{skipped}")
            skipped = 0
        if len(used) <= (0 if skipped == 0 else 2):
            lines += [f"ldr.w r{word}, [r12, #{skipped + 4 * word}]" for word in used]
            skipped += 4 * WORDS
        else:
            lines += [f"addw r12, r12, #{skipped}"] if skipped else []
            lines.append("ldmia r12!, {r0, r1, r2, r3}")
            skipped = 0
        lines += [
            f"{term[0]} {row}, {row}, r{term[1]}" for row, term in zip(sums, terms, strict=True) if term
        ]
    lines.append("ldrd r12, r3, [sp, #4]")
    for at, (row, shift) in enumerate(zip(sums, shifts.tolist(), strict=True), channel):
        lines += [
            "ldmia lr!, {r0, r1}",
            f"smlawb r2, r0, {row}, r1",
            f"smlawt r0, r0, {row}, r1",
            f"ssat r2, #8, r2, asr #{shift}",
            f"ssat r0, #8, r0, asr #{shift}",
            f"strb.w r2, [r12, #{at}]",
            f"strb.w r0, [r3, #{at}]",
        ]
    return lines


def _term(first: int, second: int) -> tuple[str, int] | None:
    """Return the instruction and the word for a row's two weights."""
    if (first, second) in _WORD:
        return "sadd16", _WORD[first, second]
    return ("ssub16", _WORD[-first, -second]) if (-first, -second) in _WORD else None
