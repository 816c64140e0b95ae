/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DbgPrint and COM1: see debug_output.h.
 *
 * COM1 is the transmitting half of a 16550: a byte written to the data register goes out at once,
 * and the line status always says that there is room. The other registers are kept but do nothing.
 */
#include "ways/debug_output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/violation.h"
#include "kernel/exports.h"
#include "machine/trap.h"

enum {
    COM1_PORT = 0x3f8,
    COM1_PORTS = 8,
    DATA_REGISTER = 0,
    LINE_CONTROL = 3,
    LINE_STATUS = 5,
    DIVISOR_LATCH = 0x80, /* line control: the data register is the divisor's low byte */
    TRANSMITTER_EMPTY = 0x60,
};

struct com_port {
    pthread_mutex_t lock;
    uint8_t registers[COM1_PORTS];
    char line[512];
    size_t length;
};

static struct com_port com1 = {.lock = PTHREAD_MUTEX_INITIALIZER};
static int output = STDERR_FILENO;

/* A debugging aid that cannot be written is not worth ending a run for. */
static void put(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(output, text, length);
        if (written <= 0) {
            if (written < 0 && errno == EINTR) {
                continue;
            }
            return;
        }
        text += written;
        length -= (size_t)written;
    }
}

/* With the lock. On standard error lines are whole and marked; a file gets them as they are. */
static void put_line(void)
{
    char marked[sizeof(com1.line) + 16];
    const char *prefix = output == STDERR_FILENO ? "com1: " : "";
    int length = snprintf(marked, sizeof(marked), "%s%.*s\n", prefix, (int)com1.length, com1.line);

    put(marked, (size_t)length);
    com1.length = 0;
}

static void transmit(uint8_t byte)
{
    if (byte == '\r') {
        return;
    }
    if (byte == '\n' || com1.length == sizeof(com1.line)) {
        put_line();
    }
    if (byte != '\n') {
        com1.line[com1.length++] = (char)byte;
    }
}

static uint64_t com_read(void *context, uint64_t offset, unsigned size)
{
    uint64_t value;

    (void)context;
    (void)size;
    pthread_mutex_lock(&com1.lock);
    value = offset == LINE_STATUS ? TRANSMITTER_EMPTY : com1.registers[offset % COM1_PORTS];
    pthread_mutex_unlock(&com1.lock);
    return value;
}

static void com_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    (void)context;
    (void)size;
    pthread_mutex_lock(&com1.lock);
    if (offset == DATA_REGISTER && (com1.registers[LINE_CONTROL] & DIVISOR_LATCH) == 0) {
        transmit((uint8_t)value);
    } else {
        com1.registers[offset % COM1_PORTS] = (uint8_t)value;
    }
    pthread_mutex_unlock(&com1.lock);
}

static void put_rest(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&com1.lock);
    if (com1.length > 0) {
        put_line();
    }
    pthread_mutex_unlock(&com1.lock);
}

void debug_output_begin(const char *file)
{
    static const struct trap_ops ops = {com_read, com_write};

    if (file != NULL) {
        output = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
        if (output < 0) {
            fatal("%s: %s (given by --debug-port)", file, strerror(errno));
        }
        kernel_set_debug_output(put);
    }
    trap_map(TRAP_PORTS, COM1_PORT, COM1_PORTS, &ops, NULL, "COM1");
    at_end(put_rest, NULL);
}
