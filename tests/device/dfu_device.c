/* SPDX-License-Identifier: Apache-2.0 */
/* Takes libusb's place in dfu-util (LD_PRELOAD): one STM32F4 that waits for DFU, with ST's extensions. Written from the USB
 * DFU 1.1 specification and ST's AN3156. Its flash is the file TEST_FLASH; TEST_FAULT is "", "worn-out" or "broken". */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLASH = 0x08000000, FLASH_BYTES = 1 << 20, BLOCK = 2048, NO_DEVICE = -4, PIPE = -9 };
enum { DNLOAD = 1, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT };
enum { IDLE = 2, DNBUSY = 4, DNLOAD_IDLE = 5, MANIFEST = 7, UPLOAD_IDLE = 9 };

struct endpoint;
struct device {
    uint8_t length, type;
    uint16_t usb;
    uint8_t class, subclass, protocol, packet;
    uint16_t vendor, product, release;
    uint8_t manufacturer, name, serial, configurations;
};
struct setting {
    uint8_t length, type, number, alternate, endpoints, class, subclass, protocol, name;
    const struct endpoint *endpoint;
    const uint8_t *extra;
    int extra_length;
};
struct interface {
    const struct setting *settings;
    int count;
};
struct configuration {
    uint8_t length, type;
    uint16_t total;
    uint8_t interfaces, value, name, attributes, power;
    const struct interface *interface;
    const uint8_t *extra;
    int extra_length;
};

static uint8_t flash[FLASH_BYTES];
static uint8_t state = IDLE;
static uint32_t address = FLASH;
static int written, left;

/* DFU functional descriptor: writes, reads, blocks of 2 KB, version 1.1a, which is what ST's extensions are known by. */
static const uint8_t functional[] = {9, 0x21, 0x0B, 0xFF, 0, BLOCK & 0xFF, BLOCK >> 8, 0x1A, 1};
static const struct setting setting = {9, 4, 0, 0, 0, 0xFE, 1, 2, 4, 0, functional, sizeof functional};
static const struct interface interface = {&setting, 1};
static const struct configuration configuration = {9, 2, 27, 1, 1, 0, 0xC0, 50, &interface, 0, 0};
static const char *const strings[] = {"", "STM", "STM32 BOOTLOADER", "TEST0001",
                                      "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg"};

static int fault(const char *name) {
    const char *asked = getenv("TEST_FAULT");
    return asked != NULL && strcmp(asked, name) == 0;
}

static void keep(const char *mode) {
    FILE *file = fopen(getenv("TEST_FLASH"), mode);
    if (file == NULL) {
        memset(flash, 0xFF, sizeof flash);
        return;
    }
    size_t moved = *mode == 'r' ? fread(flash, 1, sizeof flash, file) : fwrite(flash, 1, sizeof flash, file);
    (void)moved;
    fclose(file);
}

int libusb_init(void **context) {
    *context = flash;
    keep("rb");
    return 0;
}
void libusb_exit(void *context) {
    (void)context;
    keep("wb");
    if (left) fprintf(stderr, "the program runs\n");
}
int libusb_set_option(void *context, int option, ...) { return (void)context, (void)option, 0; }
const void *libusb_get_version(void) { return "\1\0\0\0\32\0"; }
const char *libusb_error_name(int code) {
    return code == PIPE ? "LIBUSB_ERROR_PIPE" : "LIBUSB_ERROR_NO_DEVICE";
}
long libusb_get_device_list(void *context, void ***list) {
    *list = calloc(2, sizeof **list);
    (*list)[0] = context;
    return 1;
}
void libusb_free_device_list(void **list, int unreference) { (void)unreference, free(list); }
void *libusb_ref_device(void *device) { return device; }
void libusb_unref_device(void *device) { (void)device; }
int libusb_get_device_descriptor(void *device, struct device *found) {
    (void)device;
    *found = (struct device){18, 1, 0x100, 0, 0, 0, 64, 0x0483, 0xDF11, 0x2200, 1, 2, 3, 1};
    return 0;
}
int libusb_get_config_descriptor(void *device, uint8_t index, const struct configuration **found) {
    (void)device, (void)index;
    *found = &configuration;
    return 0;
}
void libusb_free_config_descriptor(void *found) { (void)found; }
uint8_t libusb_get_bus_number(void *device) { return (void)device, 1; }
uint8_t libusb_get_device_address(void *device) { return (void)device, 5; }
int libusb_get_port_numbers(void *device, uint8_t *ports, int count) {
    return (void)device, (void)count, *ports = 1, 1;
}
int libusb_open(void *device, void **handle) { return *handle = device, 0; }
void libusb_close(void *handle) { (void)handle; }
int libusb_claim_interface(void *handle, int number) { return (void)handle, (void)number, 0; }
int libusb_release_interface(void *handle, int number) { return (void)handle, (void)number, 0; }
int libusb_set_interface_alt_setting(void *handle, int number, int setting) {
    return (void)handle, (void)number, (void)setting, 0;
}
int libusb_reset_device(void *handle) { return (void)handle, 0; }

static int describe(int index, uint8_t *data, int length) {
    uint8_t text[255] = {4, 3, 9, 4};
    if (index > 4) return PIPE;
    if (index > 0) {
        text[0] = (uint8_t)(2 + 2 * strlen(strings[index]));
        for (int i = 0; strings[index][i]; i++)
            text[2 + 2 * i] = (uint8_t)strings[index][i], text[3 + 2 * i] = 0;
    }
    int given = length < text[0] ? length : text[0];
    memcpy(data, text, (size_t)given);
    return given;
}

static int download(int block, const uint8_t *data, int length) {
    uint32_t at = address - FLASH;
    if (length == 0) {
        left = 1;
        state = MANIFEST;
        return 0;
    }
    if (block == 0) {
        uint32_t asked = length >= 5
                             ? (uint32_t)(data[1] | data[2] << 8 | data[3] << 16) | (uint32_t)data[4] << 24
                             : FLASH;
        if (asked < FLASH || asked >= FLASH + FLASH_BYTES) return PIPE;
        if (data[0] == 0x21) address = asked;
        if (data[0] == 0x41) memset(flash + (asked - FLASH) / BLOCK * BLOCK, 0xFF, 16384);
    } else {
        at += (uint32_t)(block - 2) * BLOCK;
        if (at + (uint32_t)length > FLASH_BYTES) return PIPE;
        if (fault("broken") && written > 3000) return NO_DEVICE;
        memcpy(flash + at, data, (size_t)length);
        if (fault("worn-out")) flash[at] |= 0x10;
        written += length;
    }
    state = DNBUSY;
    return length;
}

int libusb_control_transfer(void *handle, uint8_t kind, uint8_t request, uint16_t value, uint16_t index,
                            uint8_t *data, uint16_t length, unsigned timeout) {
    (void)handle, (void)index, (void)timeout;
    if (kind == 0x80 && request == 6 && value >> 8 == 3) return describe(value & 0xFF, data, length);
    if ((kind & 0x60) != 0x20) return PIPE;
    switch (request) {
    case DNLOAD:
        return download(value, data, length);
    case UPLOAD: {
        uint32_t at = address - FLASH + (uint32_t)(value - 2) * BLOCK;
        if (value < 2 || at + length > FLASH_BYTES) return PIPE;
        memcpy(data, flash + at, length);
        state = UPLOAD_IDLE;
        return length;
    }
    case GETSTATUS:
        memcpy(data, (uint8_t[6]){0, 0, 0, 0, state, 0}, 6);
        if (state == DNBUSY) state = DNLOAD_IDLE;
        return 6;
    case GETSTATE:
        *data = state;
        return 1;
    default: /* CLRSTATUS, ABORT */
        state = IDLE;
        return 0;
    }
}
