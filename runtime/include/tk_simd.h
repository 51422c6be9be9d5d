/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TK_SIMD_H
#define TK_SIMD_H

#include <stddef.h>

#include "tk.h"

/* Which vector unit the _simd kernels may use. 64-bit Arm always has NEON. An x86-64 may have AVX2: its code is always
 * there, and one look at the processor decides. Everywhere else, and with TK_NO_SIMD defined, they run their plain C. */

#if defined(TK_NO_SIMD)
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define TK_HAS_NEON
#elif defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && !defined(_WIN32)))
#define TK_HAS_AVX2 /* not with GCC for Windows, whose stack is not aligned for 32-byte vectors */
#endif

/* Copy and fill bytes: a few moves where the count is a literal, and never one by one. */
#if defined(__GNUC__) || defined(__clang__)
TK_INLINE int8_t *tk_copy_simd(int8_t *to, const int8_t *from, int32_t count) {
    __builtin_memcpy(to, from, (size_t)count);
    return to + count;
}
TK_INLINE int8_t *tk_fill_simd(int8_t *to, int32_t value, int32_t count) {
    __builtin_memset(to, value, (size_t)count);
    return to + count;
}
#else
TK_INLINE int8_t *tk_copy_simd(int8_t *to, const int8_t *from, int32_t count) {
    for (int32_t k = 0; k < count; ++k) to[k] = from[k];
    return to + count;
}
TK_INLINE int8_t *tk_fill_simd(int8_t *to, int32_t value, int32_t count) {
    for (int32_t k = 0; k < count; ++k) to[k] = (int8_t)value;
    return to + count;
}
#endif

#endif
