/* SPDX-License-Identifier: Apache-2.0 */
/* By these two words at the start of flash the ESP32-C3's boot ROM knows a program that runs from flash as it is: it maps
 * the flash for code and for data and goes on behind them (ESP32-C3 Technical Reference Manual, section 7.2, direct boot;
 * chip revision 3 and later). */

#include <stdint.h>

__attribute__((section(".boot"), used)) const uint32_t tk_direct_boot[2] = {0xAEDB041Du, 0xAEDB041Du};
