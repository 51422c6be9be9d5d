/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_TERNARY_V6M_H
#define TK_TERNARY_V6M_H

#include "tk_v6m.h"

/* Ternary sums from tables. Four columns' codes (weight + 1) make an index below 81, a byte of flash; a table holds what
 * any four codes make of four columns' words. So four products (eight, where a word holds a pixel in each half) take a
 * load of the byte, a shift, a load from the table and an addition. Words are not negative: values + 128. The last row's
 * codes are all 1, so its sum is that of the words, which the codes add too much to every other row.
 * toolkit/ops/pack_ternary.py says how the bytes lie. */
#define TK_TABLE_V6M 81

#ifdef TK_HAS_V6M
/* clang-format off */
/* Nine entries from r4 on: by the third column's word (r3) and the fourth's (r2). */
#define TK_V6M_THREE_ENTRIES \
    "adds r6, r5, r2\n"      \
    "adds r7, r6, r2\n"      \
    "stmia r0!, {r5-r7}\n"
#define TK_V6M_NINE_ENTRIES                          \
    "movs r5, r4\n" TK_V6M_THREE_ENTRIES             \
    "adds r5, r5, r3\n" TK_V6M_THREE_ENTRIES         \
    "adds r5, r5, r3\n" TK_V6M_THREE_ENTRIES

/* Make `count` tables from four words each. */
TK_V6M_FUNCTION void tk_ternary_tables_v6m(TK_UNUSED const uint32_t *words, TK_UNUSED uint32_t *tables,
                                           TK_UNUSED int32_t count) {
    __asm volatile(TK_V6M_SAVE
                   "mov r10, r0\n"
                   "movs r0, r1\n"
                   "mov r11, r2\n"
                   "1:\n" /* a table */
                   "mov r1, r10\n"
                   "ldmia r1!, {r4-r7}\n"
                   "mov r10, r1\n"
                   "mov r8, r4\n"
                   "mov r9, r5\n"
                   "movs r3, r6\n"
                   "movs r2, r7\n"
                   "movs r4, #0\n"
                   "movs r1, #0\n"
                   "mov r12, r1\n"
                   "movs r1, #3\n"
                   "2:\n" /* the first column's code */
                   TK_V6M_NINE_ENTRIES
                   "add r4, r9\n"
                   TK_V6M_NINE_ENTRIES
                   "add r4, r9\n"
                   TK_V6M_NINE_ENTRIES
                   "add r12, r8\n"
                   "mov r4, r12\n"
                   "subs r1, #1\n"
                   "bne 2b\n"
                   "mov r1, r11\n"
                   "subs r1, #1\n"
                   "mov r11, r1\n"
                   "bne 1b\n"
                   TK_V6M_RESTORE ::: "memory");
}

#define TK_V6M_LOOK_UP(at, table)   \
    "ldrb r3, [r0, #" #at "]\n"     \
    "lsls r3, r3, #2\n"             \
    "ldr r3, [" #table ", r3]\n"    \
    "adds r2, r2, r3\n"

/* Add four tables' entries to the sums from `sums` to `end`, an even number of them, by four bytes each. */
TK_V6M_FUNCTION void tk_ternary_four_v6m(TK_UNUSED const uint8_t *codes, TK_UNUSED uint32_t *sums,
                                         TK_UNUSED const uint32_t *end, TK_UNUSED const uint32_t *tables) {
    __asm volatile(".syntax unified\n"
                   "push {r4-r7, lr}\n"
                   "mov r12, r2\n"
                   "movs r4, r3\n"
                   "movs r7, #162\n"
                   "adds r5, r4, r7\n"
                   "adds r5, r5, r7\n"
                   "adds r6, r5, r7\n"
                   "adds r6, r6, r7\n"
                   "lsls r7, r7, #1\n"
                   "adds r7, r6, r7\n"
                   "1:\n"
                   "ldr r2, [r1]\n"
                   TK_V6M_LOOK_UP(0, r4) TK_V6M_LOOK_UP(1, r5) TK_V6M_LOOK_UP(2, r6) TK_V6M_LOOK_UP(3, r7)
                   "stmia r1!, {r2}\n"
                   "ldr r2, [r1]\n"
                   TK_V6M_LOOK_UP(4, r4) TK_V6M_LOOK_UP(5, r5) TK_V6M_LOOK_UP(6, r6) TK_V6M_LOOK_UP(7, r7)
                   "stmia r1!, {r2}\n"
                   "adds r0, #8\n"
                   "cmp r1, r12\n"
                   "bne 1b\n"
                   "pop {r4-r7, pc}\n" ::: "memory");
}

/* The same of one table, by one byte each. */
TK_V6M_FUNCTION void tk_ternary_one_v6m(TK_UNUSED const uint8_t *codes, TK_UNUSED uint32_t *sums,
                                        TK_UNUSED const uint32_t *end, TK_UNUSED const uint32_t *tables) {
    __asm volatile(".syntax unified\n"
                   "push {r4, lr}\n"
                   "mov r12, r2\n"
                   "movs r4, r3\n"
                   "1:\n"
                   "ldr r2, [r1]\n"
                   TK_V6M_LOOK_UP(0, r4)
                   "stmia r1!, {r2}\n"
                   "ldr r2, [r1]\n"
                   TK_V6M_LOOK_UP(1, r4)
                   "stmia r1!, {r2}\n"
                   "adds r0, #2\n"
                   "cmp r1, r12\n"
                   "bne 1b\n"
                   "pop {r4, pc}\n" ::: "memory");
}
/* clang-format on */
#else
TK_V6M_FUNCTION void tk_ternary_tables_v6m(const uint32_t *words, uint32_t *tables, int32_t count) {
    for (int32_t i = 0; i < count; ++i, words += 4, tables += TK_TABLE_V6M) {
        for (uint32_t e = 0; e < TK_TABLE_V6M; ++e) {
            tables[e] = e / 27 * words[0] + e / 9 % 3 * words[1] + e / 3 % 3 * words[2] + e % 3 * words[3];
        }
    }
}
TK_V6M_FUNCTION void tk_ternary_four_v6m(const uint8_t *codes, uint32_t *sums, const uint32_t *end,
                                         const uint32_t *tables) {
    for (; sums != end; ++sums) {
        for (int32_t i = 0; i < 4; ++i) *sums += tables[TK_TABLE_V6M * i + *codes++];
    }
}
TK_V6M_FUNCTION void tk_ternary_one_v6m(const uint8_t *codes, uint32_t *sums, const uint32_t *end,
                                        const uint32_t *tables) {
    for (; sums != end; ++sums) *sums += tables[*codes++];
}
#endif

/* Add the products of `groups` of four words to `sums`, `rows` (even) of them. Returns the codes' end. `tables` has room
 * for four. */
static TK_NOINLINE TK_UNUSED const uint8_t *tk_ternary_sums_v6m(const uint32_t *words, int32_t groups,
                                                                const uint8_t *codes, uint32_t *tables,
                                                                uint32_t *sums, int32_t rows) {
    while (groups > 0) {
        const int32_t count = groups >= 4 ? 4 : 1;
        tk_ternary_tables_v6m(words, tables, count);
        (count == 4 ? tk_ternary_four_v6m : tk_ternary_one_v6m)(codes, sums, sums + rows, tables);
        codes += count * rows;
        words += 4 * count;
        groups -= count;
    }
    return codes;
}

/* Sums to outputs: from `sums` to `end`, less `minus`; times 8, unless they round twice, for large multipliers' sake. The assembly knows these offsets, and moves pointers on. */
typedef struct {
    tk_finish_v6m finish; /* 0 */
    const int32_t *sums;  /* 16 */
    const int32_t *end;   /* 20 */
    int32_t minus;        /* 24 */
    int8_t *output;       /* 28 */
} tk_sums_v6m;

#ifdef TK_HAS_V6M
#define TK_V6M_FINISH_SUMS(name, scale)                                                   \
    TK_V6M_FUNCTION void name(TK_UNUSED tk_sums_v6m *s) {                                 \
        __asm volatile(TK_V6M_SAVE "movs r7, r0\n"                                        \
                                   "ldr r0, [r7, #16]\n"                                  \
                                   "ldr r1, [r7, #20]\n"                                  \
                                   "ldr r2, [r7, #24]\n"                                  \
                                   "ldr r3, [r7, #28]\n"                                  \
                                   "mov r8, r0\n"                                         \
                                   "mov r9, r1\n"                                         \
                                   "mov r10, r2\n"                                        \
                                   "mov r11, r3\n"                                        \
                                   "2:\n" TK_V6M_NEXT_CHANNEL "mov r1, r8\n"              \
                                   "ldmia r1!, {r0}\n"                                    \
                                   "mov r8, r1\n"                                         \
                                   "mov r1, r10\n"                                        \
                                   "subs r0, r0, r1\n"                                    \
                                   "adds r0, r0, r2\n" scale TK_V6M_CLAMP "mov r1, r11\n" \
                                   "strb r0, [r1]\n"                                      \
                                   "adds r1, #1\n"                                        \
                                   "mov r11, r1\n"                                        \
                                   "cmp r8, r9\n"                                         \
                                   "bne 2b\n" TK_V6M_RESTORE ::                           \
                                       : "memory");                                       \
    }
TK_V6M_FINISH_SUMS(tk_finish_sums_once_v6m, "lsls r0, r0, #3\n" TK_V6M_ONCE)
TK_V6M_FINISH_SUMS(tk_finish_sums_twice_v6m, TK_V6M_TWICE)
#else
TK_INLINE void tk_finish_sums_twin_v6m(tk_sums_v6m *s, int32_t twice) {
    for (int32_t i = 0; s->sums + i != s->end; ++i) {
        const int32_t *const table = s->finish.table + 2 * i, words[2] = {table[0], table[1] & 255};
        const int32_t sum = (s->sums[i] - s->minus + (table[1] >> 8)) * (twice ? 1 : 8);
        s->output[i] = tk_finish_one_v6m(sum, words, &s->finish, twice);
    }
}
TK_V6M_FUNCTION void tk_finish_sums_once_v6m(tk_sums_v6m *s) { tk_finish_sums_twin_v6m(s, 0); }
TK_V6M_FUNCTION void tk_finish_sums_twice_v6m(tk_sums_v6m *s) { tk_finish_sums_twin_v6m(s, 1); }
#endif

#endif
