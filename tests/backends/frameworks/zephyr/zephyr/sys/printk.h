/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PRINTK_H
#define PRINTK_H

void printk(const char *format, ...);

#endif
