/* SPDX-License-Identifier: Apache-2.0 */
/* A board of libsimavr that stays up, its USART 0 on a TCP port of this machine.
 *
 * Arguments: CPU HZ LOWEST_SP [ADDRESS MASK]. The file flash.bin in the working directory is what is flashed. The first
 * line on stdout is the port. Whenever bits of MASK in the data space change at ADDRESS, a byte 0 or 1 is added to
 * marks.bin. A byte r on stdin resets the board, whose RAM is lost; p and 4 bytes, the lowest first, do so as many
 * instructions after the next byte that comes to the board, and another line on stdout says so; the end of stdin ends it.
 * The exit status is 0, or 1 with a line "WHAT PC" on stderr, PC in hexadecimal. */

#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_EVERY = 4096, LOST = 0xA7 };

static int listener, client = -1, may_send = 1;
static uint8_t received[512];
static ssize_t count, taken;
static avr_irq_t *to_board;
static uint32_t power_after, power_left; /* instructions; 0: it does not fail */

static void silent(avr_t *avr, const int level, const char *format, va_list ap) {
    (void)avr, (void)level, (void)format, (void)ap;
}

static void hang_up(void) {
    if (client >= 0) close(client);
    client = -1;
    count = taken = 0;
}

static void from_board(struct avr_irq_t *irq, uint32_t value, void *none) {
    const uint8_t byte = (uint8_t)value;
    (void)irq, (void)none;
    if (client >= 0 && send(client, &byte, 1, MSG_NOSIGNAL) != 1)
        hang_up(); /* nobody listens: lost, as on a wire */
}

static void feed(void) {
    while (may_send && taken < count) {
        if (power_after) power_left = power_after;
        power_after = 0;
        avr_raise_irq(to_board, received[taken++]);
    }
}

static void xon(struct avr_irq_t *irq, uint32_t value, void *none) {
    (void)irq, (void)value, (void)none;
    may_send = 1;
    feed();
}

static void xoff(struct avr_irq_t *irq, uint32_t value, void *none) {
    (void)irq, (void)value, (void)none;
    may_send = 0;
}

static void reset(avr_t *avr) {
    memset(avr->data + 0x100, LOST, avr->ramend + 1u - 0x100);
    avr_reset(avr);
    count = taken = 0;
    may_send = 1;
}

/* Returns 0 when the board shall end. */
static int look(avr_t *avr) {
    struct pollfd ends[3] = {{0, POLLIN, 0}, {listener, POLLIN, 0}, {taken < count ? -1 : client, POLLIN, 0}};
    if (poll(ends, 3, 0) <= 0) return 1;
    if (ends[0].revents) {
        uint8_t command, after[4];
        if (read(0, &command, 1) != 1) return 0;
        if (command == 'p') {
            if (read(0, after, 4) != 4) return 0;
            power_after =
                after[0] | (uint32_t)after[1] << 8 | (uint32_t)after[2] << 16 | (uint32_t)after[3] << 24;
        } else {
            reset(avr);
        }
    }
    if (ends[1].revents) { /* a new client takes the line over */
        const int yes = 1;
        hang_up();
        client = accept(listener, NULL, NULL);
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    } else if (ends[2].revents) {
        taken = 0;
        count = recv(client, received, sizeof received, 0);
        if (count <= 0) hang_up();
    }
    feed();
    return 1;
}

static int fail(const char *what, uint32_t pc) {
    fprintf(stderr, "%s %x\n", what, (unsigned)pc);
    return 1;
}

static int listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)) return -1;
    if (getsockname(listener, (struct sockaddr *)&address, &size)) return -1;
    printf("%d\n", ntohs(address.sin_port));
    return fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6) return fail("usage", 0);
    avr_global_logger_set(silent);
    avr_t *const avr = avr_make_mcu_by_name(argv[1]);
    FILE *const image = fopen("flash.bin", "rb");
    if (!avr || !image || listen_somewhere()) return fail("start", 0);
    avr_init(avr);
    avr->frequency = (uint32_t)strtoul(argv[2], NULL, 10);
    const uint32_t lowest = (uint32_t)strtoul(argv[3], NULL, 10);
    avr->codeend = (uint32_t)fread(avr->flash, 1, avr->flashend + 1, image);
    const uint16_t address = argc == 6 ? (uint16_t)strtoul(argv[4], NULL, 10) : 0;
    const uint8_t mask = argc == 6 ? (uint8_t)strtoul(argv[5], NULL, 10) : 0;
    FILE *const marks = mask ? fopen("marks.bin", "wb") : NULL;
    if (mask && !marks) return fail("start", 0);
    int level = 0;
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)AVR_UART_FLAG_STDIO;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    to_board = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), from_board,
                            NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), xon, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), xoff, NULL);
    for (uint32_t steps = 0;; ++steps) {
        const uint32_t pc = avr->pc;
        avr->run_cycle_count = 0; /* one instruction at a time */
        const int state = avr_run(avr);
        if (state == cpu_Done) return fail("stopped", pc);
        if (state == cpu_Crashed) return fail("crashed", pc);
        if (marks && !(avr->data[address] & mask) == level) {
            level = !level;
            fputc(level, marks);
            fflush(marks);
        }
        const uint32_t sp = avr->data[R_SPL] | (uint32_t)avr->data[R_SPH] << 8;
        if (sp && sp + 1 < lowest) return fail("overflow", pc);
        if (power_left && !--power_left) {
            reset(avr);
            printf("cut\n");
            fflush(stdout);
        }
        if (steps % LOOK_EVERY == 0 && !look(avr)) return 0;
    }
}
