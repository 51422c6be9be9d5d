/* SPDX-License-Identifier: Apache-2.0 */
/* Classify one handwritten digit with an exported model. */

#include <stdio.h>

#include "model.h"

/* 8 x 8 pixels, 0 is white and 16 is black: a three. */
static const unsigned char image[64] = {
    0, 0, 5,  14, 16, 10, 0,  0, /**/
    0, 2, 15, 9,  6,  16, 3,  0, /**/
    0, 0, 2,  0,  3,  16, 2,  0, /**/
    0, 0, 0,  5,  14, 12, 0,  0, /**/
    0, 0, 0,  6,  14, 13, 2,  0, /**/
    0, 0, 1,  0,  1,  13, 9,  0, /**/
    0, 3, 14, 5,  4,  14, 10, 0, /**/
    0, 0, 7,  15, 16, 13, 2,  0,
};

/* The integer that stands for a real number in the model's input. */
static int8_t quantize(float real) {
    const float q = real / MODEL_INPUT_SCALE + (float)MODEL_INPUT_ZERO_POINT;
    const int nearest = (int)(q < 0 ? q - 0.5f : q + 0.5f);
    return (int8_t)(nearest < -128 ? -128 : nearest > 127 ? 127 : nearest);
}

int main(void) {
    int8_t *const input = model_input();
    for (int i = 0; i < 64; ++i) {
        input[i] = quantize((float)image[i] / 16.0f); /* the model was trained on 0 .. 1 */
        putchar(" .:-=+*#%@"[image[i] * 9 / 16]);
        if (i % 8 == 7) putchar('\n');
    }

    model_run();

    const int8_t *const score = model_output();
    int best = 0;
    for (int digit = 1; digit < 10; ++digit) {
        if (score[digit] > score[best]) best = digit;
    }
    printf("this is a %d\n", best);
    return 0;
}
