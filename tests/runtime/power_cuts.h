/* SPDX-License-Identifier: Apache-2.0 */
/* Flash whose power fails after a given number of steps, and a check that saves survive it at every step. An erase and
 * a programmed word are two steps each: after the first, the bits are anything between before and after. */

#include "tk_flash_memory.h"
#include "tk_slots.h"

enum { PAGE = 64, PAGES = 8, STATE_BYTES = 101, ENDLESS = 0x7FFFFFFF };

static uint32_t cells[PAGES * PAGE / 4];
static uint32_t steps_left, steps_done, random_state = 1;

static uint32_t random_bits(void) {
    random_state = random_state * 1664525u + 1013904223u;
    const uint32_t high = random_state >> 16;
    random_state = random_state * 1664525u + 1013904223u;
    return high << 16 | random_state >> 16;
}

static int power(void) {
    if (!steps_left) return 0;
    --steps_left;
    ++steps_done;
    return 1;
}

static int cut_erase(const tk_flash *flash, uint32_t page) {
    uint32_t *const words = cells + page * (flash->page_bytes / 4);
    if (!power()) return 1;
    for (uint32_t i = 0; i < flash->page_bytes / 4; ++i) words[i] |= random_bits() & random_bits();
    return power() ? tk_flash_memory_erase(flash, page) : 1;
}

static int cut_program(const tk_flash *flash, uint32_t offset, const uint32_t *data, uint32_t words) {
    for (uint32_t i = 0; i < words; ++i) {
        if (!power()) return 1;
        cells[offset / 4 + i] &= data[i] | random_bits();
        if (!power()) return 1;
        if (tk_flash_memory_program(flash, offset + 4 * i, data + i, 1)) return 1;
    }
    return 0;
}

static const tk_flash flash = {PAGE, PAGES, cells, cut_erase, cut_program, tk_flash_memory_read};

static uint8_t state[STATE_BYTES];
static const tk_span spans[3] = {{state, 4}, {state + 4, 33}, {state + 37, 64}};
static const tk_slots slots = {&flash, spans, 3, 0xC0FFEEu};

static void fill(uint32_t value) {
    for (uint32_t i = 0; i < STATE_BYTES; ++i) state[i] = (uint8_t)(value * 41 + i * 7);
}

static int holds(uint32_t value) {
    uint32_t different = 0;
    for (uint32_t i = 0; i < STATE_BYTES; ++i) different |= state[i] ^ (uint8_t)(value * 41 + i * 7);
    return !different;
}

/* Load with full power; return the value that was kept, 0 for nothing, -1 for anything else. */
static int32_t kept(uint32_t largest) {
    fill(200);
    const tk_slots_status status = tk_slots_load(&slots, NULL);
    if (status == TK_SLOTS_EMPTY || status == TK_SLOTS_CORRUPT) return holds(200) ? 0 : -1;
    for (uint32_t value = 1; status == TK_SLOTS_OK && value <= largest; ++value) {
        if (holds(value)) return (int32_t)value;
    }
    return -1;
}

static tk_slots_status save(uint32_t value, uint32_t steps) {
    fill(value);
    steps_left = steps;
    return tk_slots_save(&slots, NULL);
}

/* After `saves` saves, cut the next one at every step, and after each of those cuts the one behind it at every step too.
 * Returns how many loads gave neither the old nor the new content; `*cuts` is how many cuts there were. */
static uint32_t power_cuts(uint32_t saves, uint32_t *cuts) {
    static uint32_t before[PAGES * PAGE / 4], between[PAGES * PAGE / 4];
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < PAGES * PAGE / 4; ++i) cells[i] = 0xFFFFFFFFu;
    for (uint32_t value = 1; value <= saves; ++value) wrong += save(value, ENDLESS) != TK_SLOTS_OK;
    for (uint32_t i = 0; i < PAGES * PAGE / 4; ++i) before[i] = cells[i];
    steps_done = 0;
    wrong += save(saves + 1, ENDLESS) != TK_SLOTS_OK || kept(saves + 1) != (int32_t)saves + 1;
    const uint32_t all = steps_done;
    *cuts = 0;
    for (uint32_t first = 0; first < all; ++first) {
        for (uint32_t i = 0; i < PAGES * PAGE / 4; ++i) cells[i] = before[i];
        wrong += save(saves + 1, first) == TK_SLOTS_OK; /* it cannot know */
        const int32_t value = kept(saves + 1);
        wrong += value != (int32_t)saves && value != (int32_t)saves + 1;
        ++*cuts;
        for (uint32_t i = 0; i < PAGES * PAGE / 4; ++i) between[i] = cells[i];
        for (uint32_t second = 0; second <= all; ++second, ++*cuts) {
            for (uint32_t i = 0; i < PAGES * PAGE / 4; ++i) cells[i] = between[i];
            const int whole = save(saves + 2, second) == TK_SLOTS_OK;
            const int32_t then = kept(saves + 2);
            wrong += whole ? then != (int32_t)saves + 2 : then != value && then != (int32_t)saves + 2;
            wrong += whole != (second == all);
        }
    }
    return wrong;
}
