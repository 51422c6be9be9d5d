/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_FULLY_CONNECTED_S8_V6M_H
#define TK_FULLY_CONNECTED_S8_V6M_H

#include "tk_v6m.h"

/* All channels of one row. Weights and inputs are bytes + 128, since only unsigned bytes load in one instruction; four
 * channels' weights of a column lie side by side. The assembly knows these offsets, and moves pointers on. */
typedef struct {
    tk_finish_v6m finish;  /* 0 */
    const uint8_t *weight; /* 16 */
    const uint8_t *x;      /* 20 */
    const uint8_t *x_end;  /* 24 */
    int32_t start;         /* 28: takes back what the 128 of the weights adds */
    int32_t skip;          /* 32: columns by which the first round of the loop is shorter */
    int8_t *output;        /* 36 */
    int8_t *output_end;    /* 40 */
} tk_four_rows_v6m;

#ifdef TK_HAS_V6M

/* One column (x at r6) of four rows (weights at r7) into r0 .. r3. 13 halfwords. */
#define TK_V6M_PRODUCT(acc, at) \
    "ldrb r4, [r7, #" #at "]\n" \
    "muls r4, r5, r4\n"         \
    "adds " #acc ", " #acc ", r4\n"
#define TK_V6M_COLUMN(column, a, b, c, d)                                                             \
    "ldrb r5, [r6, #" #column "]\n" TK_V6M_PRODUCT(r0, a) TK_V6M_PRODUCT(r1, b) TK_V6M_PRODUCT(r2, c) \
        TK_V6M_PRODUCT(r3, d)

#define TK_V6M_FOUR_ROWS(name, scale)                                                                        \
    TK_V6M_FUNCTION void name(TK_UNUSED tk_four_rows_v6m *rows) {                                            \
        __asm volatile(TK_V6M_SAVE                                                                           \
                       "mov r8, r0\n"                                                                        \
                       "2:\n" /* four rows */                                                                \
                       "mov r5, r8\n"                                                                        \
                       "ldr r0, [r5, #32]\n"                                                                 \
                       "ldr r6, [r5, #20]\n"                                                                 \
                       "subs r6, r6, r0\n"                                                                   \
                       "ldr r7, [r5, #16]\n"                                                                 \
                       "lsls r1, r0, #2\n"                                                                   \
                       "subs r7, r7, r1\n"                                                                   \
                       "movs r1, #26\n" /* bytes of code per column */                                       \
                       "muls r1, r0, r1\n"                                                                   \
                       "adr r4, 3f\n"                                                                        \
                       "adds r4, r4, r1\n"                                                                   \
                       "adds r4, #1\n"                                                                       \
                       "ldr r0, [r5, #24]\n"                                                                 \
                       "mov r9, r0\n"                                                                        \
                       "ldr r0, [r5, #28]\n"                                                                 \
                       "movs r1, r0\n"                                                                       \
                       "movs r2, r0\n"                                                                       \
                       "movs r3, r0\n"                                                                       \
                       "bx r4\n"                                                                             \
                       ".balign 4\n"                                                                         \
                       "3:\n" TK_V6M_COLUMN(0, 0, 1, 2, 3) TK_V6M_COLUMN(1, 4, 5, 6, 7)                      \
                           TK_V6M_COLUMN(2, 8, 9, 10, 11) TK_V6M_COLUMN(3, 12, 13, 14, 15)                   \
                               TK_V6M_COLUMN(4, 16, 17, 18, 19) TK_V6M_COLUMN(5, 20, 21, 22, 23)             \
                                   TK_V6M_COLUMN(6, 24, 25, 26, 27)                                          \
                                       TK_V6M_COLUMN(7, 28, 29, 30, 31) "adds r7, #32\n"                     \
                                                                        "adds r6, #8\n"                      \
                                                                        "cmp r6, r9\n"                       \
                                                                        "bne 3b\n"                           \
                                                                        "mov r9, r0\n"                       \
                                                                        "mov r10, r1\n"                      \
                                                                        "mov r11, r2\n"                      \
                                                                        "mov r12, r3\n"                      \
                                                                        "movs r0, r7\n"                      \
                                                                        "mov r7, r8\n"                       \
                                                                        "str r0, [r7, #16]\n"                \
                                                                        "movs r0, #4\n"                      \
                                                                        "mov lr, r0\n"                       \
                                                                        "4:\n" /* one of the four outputs */ \
                       TK_V6M_NEXT_CHANNEL "mov r0, r9\n"                                                    \
                                                                        "adds r0, r0, r2\n"                  \
                                                                        "mov r9, r10\n"                      \
                                                                        "mov r10, r11\n"                     \
                                                                        "mov r11, r12\n" scale TK_V6M_CLAMP  \
                                                                        "ldr r1, [r7, #36]\n"                \
                                                                        "strb r0, [r1]\n"                    \
                                                                        "adds r1, #1\n"                      \
                                                                        "str r1, [r7, #36]\n"                \
                                                                        "ldr r0, [r7, #40]\n"                \
                                                                        "cmp r1, r0\n"                       \
                                                                        "beq 5f\n"                           \
                                                                        "mov r0, lr\n"                       \
                                                                        "subs r0, #1\n"                      \
                                                                        "mov lr, r0\n"                       \
                                                                        "bne 4b\n"                           \
                                                                        "b 2b\n"                             \
                                                                        "5:\n" TK_V6M_RESTORE ::             \
                                                                            : "memory");                     \
    }
TK_V6M_FOUR_ROWS(tk_four_rows_once_v6m, TK_V6M_ONCE)
TK_V6M_FOUR_ROWS(tk_four_rows_twice_v6m, TK_V6M_TWICE)

#else

TK_INLINE void tk_four_rows_twin_v6m(tk_four_rows_v6m *rows, int32_t twice) {
    const int32_t depth = (int32_t)(rows->x_end - rows->x);
    for (int32_t o = 0; rows->output + o != rows->output_end; ++o) {
        const uint8_t *w = rows->weight + o / 4 * 4 * depth + o % 4;
        int32_t acc = rows->start;
        for (int32_t k = 0; k < depth; ++k) acc += rows->x[k] * w[4 * k];
        rows->output[o] = tk_finish_one_v6m(acc, rows->finish.table + 2 * o, &rows->finish, twice);
    }
}
TK_V6M_FUNCTION void tk_four_rows_once_v6m(tk_four_rows_v6m *rows) { tk_four_rows_twin_v6m(rows, 0); }
TK_V6M_FUNCTION void tk_four_rows_twice_v6m(tk_four_rows_v6m *rows) { tk_four_rows_twin_v6m(rows, 1); }

#endif

/* Write values + 128 to `to` and return their sum. */
static TK_NOINLINE TK_UNUSED int32_t tk_bytes_v6m(const int8_t *from, int32_t count, uint8_t *to) {
    int32_t sum = 0;
    TK_ROLLED
    for (int32_t k = 0; k < count; ++k) {
        const int32_t x = from[k] + 128;
        to[k] = (uint8_t)x;
        sum += x;
    }
    return sum;
}

/* As tk_fully_connected_s8, four channels at a time, with weights packed as tk_four_rows_v6m says; the finish's table
 * holds biases, less 128 * the sum of the channel's weights, and multipliers. `scratch` holds depth bytes. */
TK_KERNEL void tk_fully_connected_s8_v6m(const int8_t *input, const uint8_t *weight,
                                         const tk_finish_v6m *finish, int32_t double_rounding,
                                         uint8_t *scratch, int8_t *output, int32_t rows, int32_t depth,
                                         int32_t channels) {
    for (int32_t row = 0; row < rows; ++row, input += depth, output += channels) {
        const int32_t sum = tk_bytes_v6m(input, depth, scratch);
        tk_four_rows_v6m four = {*finish,         weight,           scratch,
                                 scratch + depth, -128 * sum,       (8 - depth % 8) % 8,
                                 output,          output + channels};
        if (double_rounding) {
            tk_four_rows_twice_v6m(&four);
        } else {
            tk_four_rows_once_v6m(&four);
        }
    }
}

#endif
