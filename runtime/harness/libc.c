/* SPDX-License-Identifier: Apache-2.0 */
/* The functions a compiler may call on its own account. The linker drops those it does not. */

#include <stddef.h>
#include <stdint.h>

/* Without this a compiler sees memcpy in the loop that is memcpy. */
#define BARRIER() __asm volatile("" ::: "memory")

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((((uintptr_t)d | (uintptr_t)s) & 3u) == 0) {
        for (; bytes >= 4; bytes -= 4, d += 4, s += 4) {
            *(uint32_t *)(void *)d = *(const uint32_t *)(const void *)s;
            BARRIER();
        }
    }
    while (bytes--) {
        *d++ = *s++;
        BARRIER();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= bytes) {
        return memcpy(to, from, bytes);
    }
    while (bytes--) {
        d[bytes] = s[bytes];
        BARRIER();
    }
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    uint8_t *d = to;
    const uint32_t word = (uint8_t)value * 0x01010101u;
    for (; bytes && ((uintptr_t)d & 3u); bytes--) {
        *d++ = (uint8_t)value;
        BARRIER();
    }
    for (; bytes >= 4; bytes -= 4, d += 4) {
        *(uint32_t *)(void *)d = word;
        BARRIER();
    }
    while (bytes--) {
        *d++ = (uint8_t)value;
        BARRIER();
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const uint8_t *x = a, *y = b;
    for (; bytes; bytes--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
        BARRIER();
    }
    return 0;
}

#if defined(__arm__)
/* The names that the Arm ABI has for them (RTABI 4.3.4), and its order of arguments. */
#define SAME(name, as) __attribute__((alias(#as))) void *name(void *to, const void *from, size_t bytes)
SAME(__aeabi_memcpy, memcpy);
SAME(__aeabi_memcpy4, memcpy);
SAME(__aeabi_memcpy8, memcpy);
SAME(__aeabi_memmove, memmove);
SAME(__aeabi_memmove4, memmove);
SAME(__aeabi_memmove8, memmove);

#define SET(name)                                 \
    void name(void *to, size_t bytes, int value); \
    void name(void *to, size_t bytes, int value) { memset(to, value, bytes); }
SET(__aeabi_memset)
SET(__aeabi_memset4)
SET(__aeabi_memset8)

#define CLEAR(name)                    \
    void name(void *to, size_t bytes); \
    void name(void *to, size_t bytes) { memset(to, 0, bytes); }
CLEAR(__aeabi_memclr)
CLEAR(__aeabi_memclr4)
CLEAR(__aeabi_memclr8)
#endif
