/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The qtest protocol: one text line per access ("writew 0xfe001000 0x1"), one line as answer ("OK"
 * or "OK 0x17"); and lines that QEMU sends by itself when an input of the I/O APIC changes ("IRQ
 * raise 11").
 *
 * A transaction holds the lock from its command to its answer, so accesses of several processors
 * take turns as on a bus, and what is in the socket belongs to one transaction at a time. The
 * thread of the access reads the answer itself (no hand-over to another thread); interrupt lines
 * that come before the answer were caused before it, and are passed on before the access returns:
 * a read of ISR has lowered the line when it is back. While no access is under way the watch thread
 * takes in the lines.
 *
 * Each transaction has a deadline. QEMU then counts as lost: an answer that comes late would be
 * taken for that of the next access.
 */
#include "devices/qemu/qemu_internal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc

enum answer {
    ANSWER_NONE,
    ANSWER_OK,
    ANSWER_REFUSED
};

/* A command under construction: several lines, answered by as many. */
struct command {
    char text[160];
    size_t length;
    unsigned answers;
};

static void put(struct command *command, const char *text)
{
    size_t length = strlen(text);

    memcpy(command->text + command->length, text, length);
    command->length += length;
}

/* " 0x..." */
static void put_number(struct command *command, uint64_t number)
{
    char digits[16];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number);
    put(command, " 0x");
    while (count) {
        command->text[command->length++] = digits[--count];
    }
}

static void put_access(struct command *command, enum qtest_space space, bool write, unsigned size,
                       uint64_t address)
{
    static const char letters[] = {[1] = 'b', [2] = 'w', [4] = 'l', [8] = 'q'};

    put(command, space == QTEST_PORT ? (write ? "out" : "in") : (write ? "write" : "read"));
    command->text[command->length++] = letters[size];
    put_number(command, address);
}

static void end_line(struct command *command)
{
    command->text[command->length++] = '\n';
    command->answers++;
}

/* ---- the interrupt line ---- */

static void note_line(struct qemu_device *qemu, unsigned irq, bool level)
{
    pthread_mutex_lock(&qemu->line_lock);
    if ((int)irq == qemu->line_irq) {
        qemu->line_level = level;
    }
    pthread_mutex_unlock(&qemu->line_lock);
}

/*
 * Tells the listener the line's level if it has changed. No lock is held meanwhile, as the listener
 * may access the device; one thread at a time tells, so that levels arrive in order, and it goes on
 * until there is nothing new.
 */
static void tell_line(struct qemu_device *qemu)
{
    pthread_mutex_lock(&qemu->line_lock);
    if (!qemu->line_telling) {
        qemu->line_telling = true;
        while (qemu->line_told != qemu->line_level) {
            bool level = qemu->line_told = qemu->line_level;

            pthread_mutex_unlock(&qemu->line_lock);
            device_line(&qemu->device, level);
            pthread_mutex_lock(&qemu->line_lock);
        }
        qemu->line_telling = false;
    }
    pthread_mutex_unlock(&qemu->line_lock);
}

void qtest_drop_line(struct qemu_device *qemu)
{
    pthread_mutex_lock(&qemu->line_lock);
    qemu->line_irq = -1;
    qemu->line_level = false;
    pthread_mutex_unlock(&qemu->line_lock);
    tell_line(qemu);
}

/* ---- lines from QEMU ---- */

static enum answer take_line(struct qemu_device *qemu, char *line, uint64_t *value)
{
    unsigned irq;
    unsigned long long number;

    if (line[0] == 'I') {
        if (sscanf(line, "IRQ raise %u", &irq) == 1) {
            note_line(qemu, irq, true);
        } else if (sscanf(line, "IRQ lower %u", &irq) == 1) {
            note_line(qemu, irq, false);
        }
        return ANSWER_NONE;
    }
    if (line[0] != 'O' || line[1] != 'K') {
        return ANSWER_REFUSED;
    }
    if (value && sscanf(line + 2, " 0x%llx", &number) == 1) {
        *value = number;
    }
    return ANSWER_OK;
}

/* Takes whole lines out of the buffer until one is an answer. */
static enum answer take_buffered(struct qemu_device *qemu, uint64_t *value)
{
    char *start = qemu->qtest_input, *end;
    enum answer answer = ANSWER_NONE;

    while (answer == ANSWER_NONE &&
           (end = memchr(start, '\n', qemu->qtest_used - (size_t)(start - qemu->qtest_input)))) {
        *end = 0;
        answer = take_line(qemu, start, value);
        start = end + 1;
    }
    qemu->qtest_used -= (size_t)(start - qemu->qtest_input);
    memmove(qemu->qtest_input, start, qemu->qtest_used);
    return answer;
}

/* What recv said; 0: QEMU closed the connection or sends a line that cannot be one. */
static ssize_t fill(struct qemu_device *qemu, int flags)
{
    size_t room = sizeof qemu->qtest_input - qemu->qtest_used;
    ssize_t got =
        room ? recv(qemu->qtest_fd, qemu->qtest_input + qemu->qtest_used, room, flags) : 0;

    if (got > 0) {
        qemu->qtest_used += (size_t)got;
    }
    return got;
}

void qtest_take_lines(struct qemu_device *qemu)
{
    /* An access that is under way reads the socket itself. */
    if (pthread_mutex_trylock(&qemu->qtest_lock)) {
        sched_yield();
        return;
    }
    while (fill(qemu, MSG_DONTWAIT) > 0) {
        take_buffered(qemu, NULL);
    }
    pthread_mutex_unlock(&qemu->qtest_lock);
    tell_line(qemu);
}

/* ---- transactions ---- */

enum outcome {
    DONE,
    REFUSED,
    CLOSED,
    LATE
};

/* Reads until `answers` answers have come; the last one's value counts. */
static enum outcome await(struct qemu_device *qemu, unsigned answers, uint64_t *value)
{
    uint64_t deadline = qemu_now_ms() + qemu->deadline_ms;

    for (;;) {
        enum answer answer = take_buffered(qemu, value);

        if (answer == ANSWER_REFUSED) {
            return REFUSED;
        }
        if (answer == ANSWER_OK) {
            if (!--answers) {
                /* Lines that came in one piece with the answer: nothing in the socket would wake the
                 * watch thread for them. */
                take_buffered(qemu, NULL);
                return DONE;
            }
            continue;
        }
        ssize_t got = fill(qemu, 0); /* waits no longer than the socket's receive timeout */
        if (got == 0) {
            return CLOSED;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return CLOSED;
        }
        if (got < 0 && qemu_now_ms() >= deadline) {
            return LATE;
        }
    }
}

static bool transmit(struct qemu_device *qemu, const struct command *command)
{
    size_t done = 0;

    while (done < command->length) {
        ssize_t sent =
            send(qemu->qtest_fd, command->text + done, command->length - done, MSG_NOSIGNAL);

        if (sent > 0) {
            done += (size_t)sent;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static void describe_access(const struct qemu_bar_access *access, char *text, size_t size)
{
    if (access->bar < 0) {
        snprintf(text, size, "%s of %u bytes at %#llx", access->what, access->size,
                 (unsigned long long)access->offset);
    } else {
        snprintf(text, size, "%s of %u bytes at BAR %d + %#llx", access->what, access->size,
                 access->bar, (unsigned long long)access->offset);
    }
}

static void report(struct qemu_device *qemu, enum outcome outcome,
                   const struct qemu_bar_access *access)
{
    char where[128];

    describe_access(access, where, sizeof where);
    switch (outcome) {
    case LATE:
        qemu_lost(qemu, "QEMU does not answer: waited %u ms in a %s", qemu->deadline_ms, where);
        break;
    case CLOSED:
        qemu_lost(qemu, "QEMU broke the connection in a %s", where);
        break;
    default:
        qemu_lost(qemu, "QEMU refused a %s", where);
    }
}

/* The last answer's value; all ones if QEMU is not there (any more). */
static uint64_t transact(struct qemu_device *qemu, const struct command *command,
                         const struct qemu_bar_access *access)
{
    uint64_t value = UINT64_MAX;
    enum outcome outcome = CLOSED;

    pthread_mutex_lock(&qemu->qtest_lock);
    if (!qemu_alive(qemu) || qemu->qtest_broken) {
        pthread_mutex_unlock(&qemu->qtest_lock);
        return UINT64_MAX;
    }
    if (transmit(qemu, command)) {
        outcome = await(qemu, command->answers, &value);
    }
    qemu->qtest_broken = outcome != DONE;
    pthread_mutex_unlock(&qemu->qtest_lock);
    tell_line(qemu);
    if (outcome != DONE) {
        report(qemu, outcome, access);
        return UINT64_MAX;
    }
    return value;
}

uint64_t qtest_read(struct qemu_device *qemu, enum qtest_space space, uint64_t address,
                    unsigned size, struct qemu_bar_access access)
{
    struct command command = {.length = 0};

    put_access(&command, space, false, size, address);
    end_line(&command);
    return transact(qemu, &command, &access) & device_all_ones(size);
}

void qtest_write(struct qemu_device *qemu, enum qtest_space space, uint64_t address, unsigned size,
                 uint64_t value, struct qemu_bar_access access)
{
    struct command command = {.length = 0};

    put_access(&command, space, true, size, address);
    put_number(&command, value & device_all_ones(size));
    end_line(&command);
    transact(qemu, &command, &access);
}

/* The first half of a configuration access: which register. Both halves are one transaction. */
static void put_config_address(struct command *command, unsigned devfn, unsigned offset)
{
    put_access(command, QTEST_PORT, true, 4, CONFIG_ADDRESS);
    put_number(command, UINT64_C(0x80000000) | devfn << 8 | (offset & 0xfc));
    end_line(command);
}

uint32_t qtest_config_read(struct qemu_device *qemu, unsigned devfn, unsigned offset, unsigned size)
{
    struct command command = {.length = 0};
    struct qemu_bar_access access = {"read of configuration space", -1, offset, size};

    put_config_address(&command, devfn, offset);
    put_access(&command, QTEST_PORT, false, size, CONFIG_DATA + (offset & 3));
    end_line(&command);
    return (uint32_t)(transact(qemu, &command, &access) & device_all_ones(size));
}

void qtest_config_write(struct qemu_device *qemu, unsigned devfn, unsigned offset, unsigned size,
                        uint32_t value)
{
    struct command command = {.length = 0};
    struct qemu_bar_access access = {"write to configuration space", -1, offset, size};

    put_config_address(&command, devfn, offset);
    put_access(&command, QTEST_PORT, true, size, CONFIG_DATA + (offset & 3));
    put_number(&command, value & device_all_ones(size));
    end_line(&command);
    transact(qemu, &command, &access);
}

bool qtest_setup(struct qemu_device *qemu)
{
    struct command command = {.length = 0};
    struct qemu_bar_access access = {"interception of the I/O APIC's inputs", -1, 0, 0};
    /* recv comes back this often to look at the deadline. */
    struct timeval step = {.tv_usec = 100000};

    setsockopt(qemu->qtest_fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step);
    put(&command, "irq_intercept_in ioapic");
    end_line(&command);
    transact(qemu, &command, &access);
    return qemu_alive(qemu);
}
