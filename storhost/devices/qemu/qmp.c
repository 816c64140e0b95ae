/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QMP, QEMU's control protocol: one JSON object per line each way.
 *
 * Nobody reads the socket between commands. Replies are told from events by their id; events that
 * come along are counted by name for qemu_wait_event().
 */
#include "devices/qemu/qemu_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A reply is a few hundred KiB at most (query-qmp-schema); more is no QEMU. */
#define LONGEST_MESSAGE (16u << 20)

static bool room(struct qemu_device *qemu)
{
    if (qemu->qmp_used < qemu->qmp_size) {
        return true;
    }
    if (qemu->qmp_size >= LONGEST_MESSAGE) {
        return false;
    }
    size_t size = qemu->qmp_size ? 2 * qemu->qmp_size : 4096;
    char *bigger = realloc(qemu->qmp_input, size);
    if (!bigger) {
        return false;
    }
    qemu->qmp_input = bigger;
    qemu->qmp_size = size;
    return true;
}

/* Reads more into the buffer until `deadline`; false: none came, or the end. */
static bool receive(struct qemu_device *qemu, uint64_t deadline)
{
    uint64_t now = qemu_now_ms();
    struct pollfd wait = {.fd = qemu->qmp_fd, .events = POLLIN};
    int ready = poll(&wait, 1, now < deadline ? (int)(deadline - now) : 0);

    if (ready < 0 && errno == EINTR) {
        return true;
    }
    if (ready <= 0 || !room(qemu)) {
        return false;
    }
    ssize_t got = recv(qemu->qmp_fd, qemu->qmp_input + qemu->qmp_used,
                       qemu->qmp_size - qemu->qmp_used, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    }
    qemu->qmp_used += (size_t)got;
    return true;
}

/* The next message, a new reference; NULL if none comes until `deadline`. */
static json_t *next_message(struct qemu_device *qemu, uint64_t deadline)
{
    for (;;) {
        char *end = qemu->qmp_used ? memchr(qemu->qmp_input, '\n', qemu->qmp_used) : NULL;

        if (end) {
            size_t length = (size_t)(end - qemu->qmp_input) + 1;
            json_t *message = json_loadb(qemu->qmp_input, length, 0, NULL);

            memmove(qemu->qmp_input, end + 1, qemu->qmp_used - length);
            qemu->qmp_used -= length;
            if (message) {
                return message;
            }
        } else if (!receive(qemu, deadline)) {
            return NULL;
        }
    }
}

static void count_event(struct qemu_device *qemu, const char *name)
{
    json_int_t before = json_integer_value(json_object_get(qemu->qmp_events, name));

    json_object_set_new(qemu->qmp_events, name, json_integer(before + 1));
}

/* The message that answers `id`; events before it are counted. */
static json_t *await_reply(struct qemu_device *qemu, uint64_t id, uint64_t deadline)
{
    for (;;) {
        json_t *message = next_message(qemu, deadline);

        if (!message) {
            return NULL;
        }
        const char *event = json_string_value(json_object_get(message, "event"));
        json_t *answers = json_object_get(message, "id");
        if (event) {
            count_event(qemu, event);
        } else if ((uint64_t)json_integer_value(answers) == id) {
            return message;
        }
        json_decref(message);
    }
}

static bool send_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        text += sent;
        length -= (size_t)sent;
    }
    return true;
}

static json_t *exchange(struct qemu_device *qemu, json_t *command, unsigned milliseconds)
{
    uint64_t id = ++qemu->qmp_id;

    json_object_set_new(command, "id", json_integer((json_int_t)id));
    char *text = json_dumps(command, JSON_COMPACT);
    bool sent =
        text && send_all(qemu->qmp_fd, text, strlen(text)) && send_all(qemu->qmp_fd, "\n", 1);
    free(text);
    return sent ? await_reply(qemu, id, qemu_now_ms() + milliseconds) : NULL;
}

json_t *qmp_command(struct qemu_device *qemu, json_t *command, unsigned milliseconds, char *error,
                    size_t size)
{
    const char *name = json_string_value(json_object_get(command, "execute"));

    pthread_mutex_lock(&qemu->qmp_lock);
    json_t *message = qemu->qmp_fd >= 0 ? exchange(qemu, command, milliseconds) : NULL;
    pthread_mutex_unlock(&qemu->qmp_lock);
    json_t *result = json_incref(json_object_get(message, "return"));
    if (!result && message) {
        json_t *text = json_object_get(json_object_get(message, "error"), "desc");

        snprintf(error, size, "%s", json_is_string(text) ? json_string_value(text) : "no reason");
    } else if (!result) {
        snprintf(error, size, "QEMU does not answer the QMP command %s (waited %u ms)",
                 name ? name : "?", milliseconds);
    }
    json_decref(message);
    json_decref(command);
    return result;
}

/* Takes QEMU's greeting and notes its version. */
static bool greet(struct qemu_device *qemu)
{
    json_t *greeting = next_message(qemu, qemu_now_ms() + QEMU_START_MS);
    json_t *version = json_object_get(json_object_get(greeting, "QMP"), "version");
    json_t *numbers = json_object_get(version, "qemu");
    const char *package = json_string_value(json_object_get(version, "package"));

    snprintf(qemu->version, sizeof qemu->version, "%lld.%lld.%lld%s%s%s",
             (long long)json_integer_value(json_object_get(numbers, "major")),
             (long long)json_integer_value(json_object_get(numbers, "minor")),
             (long long)json_integer_value(json_object_get(numbers, "micro")),
             package && *package ? " (" : "", package ? package : "",
             package && *package ? ")" : "");
    bool good = numbers != NULL;
    json_decref(greeting);
    return good;
}

bool qmp_setup(struct qemu_device *qemu, char *error, size_t size)
{
    char reason[256];

    pthread_mutex_lock(&qemu->qmp_lock);
    qemu->qmp_events = json_object();
    bool good = greet(qemu);
    pthread_mutex_unlock(&qemu->qmp_lock);
    if (!good) {
        snprintf(error, size, "QEMU does not greet over QMP (waited %d ms)", QEMU_START_MS);
        return false;
    }
    json_t *result = qmp_command(qemu, json_pack("{s:s}", "execute", "qmp_capabilities"),
                                 QEMU_START_MS, reason, sizeof reason);
    if (!result) {
        snprintf(error, size, "%s", reason);
    }
    json_decref(result);
    return result != NULL;
}

void qmp_close(struct qemu_device *qemu)
{
    pthread_mutex_lock(&qemu->qmp_lock);
    if (qemu->qmp_fd >= 0) {
        close(qemu->qmp_fd);
    }
    qemu->qmp_fd = -1;
    free(qemu->qmp_input);
    qemu->qmp_input = NULL;
    qemu->qmp_used = qemu->qmp_size = 0;
    json_decref(qemu->qmp_events);
    qemu->qmp_events = NULL;
    pthread_mutex_unlock(&qemu->qmp_lock);
}

bool qemu_qmp(struct device *device, const char *command, char **reply)
{
    struct qemu_device *qemu = qemu_from(device);
    char text[512];
    json_error_t where;
    json_t *object = json_loads(command, 0, &where), *result = NULL;

    if (json_is_object(object)) {
        result = qmp_command(qemu, object, qemu->deadline_ms, text, sizeof text);
    } else {
        snprintf(text, sizeof text, "no JSON object: %s", object ? "another value" : where.text);
        json_decref(object);
    }
    if (reply) {
        *reply = result ? json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY) : strdup(text);
    }
    json_decref(result);
    return result != NULL;
}

/* Whether the event has come; uses up what came. */
static bool take_event(struct qemu_device *qemu, const char *name)
{
    return json_object_del(qemu->qmp_events, name) == 0;
}

bool qemu_wait_event(struct device *device, const char *name, unsigned milliseconds)
{
    struct qemu_device *qemu = qemu_from(device);
    uint64_t deadline = qemu_now_ms() + milliseconds;

    pthread_mutex_lock(&qemu->qmp_lock);
    bool come = take_event(qemu, name);
    while (!come && qemu->qmp_fd >= 0) {
        json_t *message = next_message(qemu, deadline);
        if (!message) {
            break;
        }
        const char *event = json_string_value(json_object_get(message, "event"));
        if (event) {
            count_event(qemu, event);
        }
        json_decref(message);
        come = take_event(qemu, name);
    }
    pthread_mutex_unlock(&qemu->qmp_lock);
    return come;
}
