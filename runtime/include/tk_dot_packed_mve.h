/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_DOT_PACKED_MVE_H
#define TK_DOT_PACKED_MVE_H

#include "tk_mve.h"

/* The loops of tk_dot_t2_mve.h and tk_dot_s4_mve.h: weights of several columns share a byte. A chunk is four rows of 16
 * bytes; one field of a row after the other is unpacked to q6, q7 being a mask, and met with 16 values of x. */

#ifdef TK_HAS_MVE
/* clang-format off */
#define TK_FIELD_X1_MVE(unpack, x)                         \
    "vldrb.u8 q5, [%[x]" x "\n"                            \
    unpack("q2") "vmladava.s8 r0, q5, q6\n"                \
    unpack("q3") "vmladava.s8 r2, q5, q6\n"                \
    unpack("q4") "vmladava.s8 r4, q5, q6\n"                \
    unpack("%q[a]") "vmladava.s8 r6, q5, q6\n"
#define TK_FIELD_X2_MVE(unpack, x)                         \
    "vldrb.u8 q5, [%[x0]" x "\n"                           \
    "vldrb.u8 %q[b], [%[x1]" x "\n"                        \
    unpack("q2") "vmladava.s8 r0, q5, q6\n"                \
                 "vmladava.s8 r8, %q[b], q6\n"             \
    unpack("q3") "vmladava.s8 r2, q5, q6\n"                \
                 "vmladava.s8 r10, %q[b], q6\n"            \
    unpack("q4") "vmladava.s8 r4, q5, q6\n"                \
                 "vmladava.s8 r12, %q[b], q6\n"            \
    unpack("%q[a]") "vmladava.s8 r6, q5, q6\n"             \
                    "vmladava.s8 lr, %q[b], q6\n"
#define TK_PACKED_ROWS_MVE         \
    "vldrw.u32 q2, [%[w]], #64\n"  \
    "vldrw.u32 q3, [%[w], #-48]\n" \
    "vldrw.u32 q4, [%[w], #-32]\n" \
    "vldrw.u32 %q[a], [%[w], #-16]\n"

#define TK_DOT_PACKED_X1_MVE(mask, fields, x_, chunks_, w_, sum)                        \
    __asm volatile("vmov.i8 q7, #" mask "\n"                                            \
                   "movs r0, #0\nmovs r2, #0\nmovs r4, #0\nmovs r6, #0\n"               \
                   "dls lr, %[chunks]\n"                                                \
                   "1:\n" TK_PACKED_ROWS_MVE fields                                     \
                   "le lr, 1b\n"                                                        \
                   "vmov %q[a][2], %q[a][0], r0, r4\n"                                  \
                   "vmov %q[a][3], %q[a][1], r2, r6\n"                                  \
                   : [x] "+r"(x_), [w] "+r"(w_), [a] "=&w"(sum)                         \
                   : [chunks] "r"(chunks_)                                              \
                   : "q2", "q3", "q4", "q5", "q6", "q7", "r0", "r2", "r4", "r6", "lr",  \
                     "cc", "memory")
#define TK_DOT_PACKED_X2_MVE(mask, fields, x0_, x1_, chunks_, w_, first, second)        \
    __asm volatile("vmov.i8 q7, #" mask "\n"                                            \
                   "movs r0, #0\nmovs r2, #0\nmovs r4, #0\nmovs r6, #0\n"               \
                   "mov r8, r0\nmov r10, r0\nmov r12, r0\nmov lr, r0\n"                 \
                   "1:\n" TK_PACKED_ROWS_MVE fields                                     \
                   "subs %[chunks], #1\n"                                               \
                   "bne 1b\n"                                                           \
                   "vmov %q[a][2], %q[a][0], r0, r4\n"                                  \
                   "vmov %q[a][3], %q[a][1], r2, r6\n"                                  \
                   "vmov %q[b][2], %q[b][0], r8, r12\n"                                 \
                   "vmov %q[b][3], %q[b][1], r10, lr\n"                                 \
                   : [x0] "+r"(x0_), [x1] "+r"(x1_), [w] "+r"(w_), [chunks] "+r"(chunks_), \
                     [a] "=&w"(first), [b] "=&w"(second)                                \
                   :                                                                    \
                   : "q2", "q3", "q4", "q5", "q6", "q7", "r0", "r2", "r4", "r6", "r8",  \
                     "r10", "r12", "lr", "cc", "memory")
/* clang-format on */
#endif

#endif
