/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU as a process: its start, what it says, its end; and the thread that watches it.
 *
 * QEMU must never outlive this process. It outlives its qtest connection, so its parent asks the
 * kernel for a SIGKILL at the parent's death. The kernel means the *thread* that forked: so the
 * watch thread forks and stays as long as QEMU does. at_end() covers the ends that leave time: QEMU
 * gets SIGTERM first, to put its image in order.
 *
 * The watch thread sleeps in epoll on: the eventfds of the messages (device event `message`), the
 * qtest socket as long as the interrupt line matters (event `line`), QEMU's standard error, and
 * QEMU's end (event `died`).
 */
#include "devices/qemu/qemu_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/violation.h"

/* Who woke the watch thread; a message is WATCH_MESSAGE + vector. */
enum watch {
    WATCH_WAKE,
    WATCH_END,
    WATCH_WORDS,
    WATCH_QTEST,
    WATCH_MESSAGE
};

#define QUIT_MS      5000 /* to end after QMP's quit: the image is flushed */
#define TERMINATE_MS 2000 /* to end after SIGTERM */
#define DRAIN_MS     5000 /* the socket is emptied at least this often; see qtest_take_lines */

/* The QEMUs that at_end() has to end. */
#define MOST_LIVE 16
static _Atomic(pid_t) live[MOST_LIVE];
static atomic_bool program_ends; /* QEMU's end is then no news */

uint64_t qemu_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};

    nanosleep(&time, NULL);
}

int qemu_high_fd(int fd)
{
    if (fd < 0) {
        return -1;
    }
    int high = fcntl(fd, F_DUPFD_CLOEXEC, QEMU_FD_END);
    int reason = errno;

    close(fd);
    errno = reason;
    return high;
}

bool qemu_socket_pair(int *ours, int *child)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return false;
    }
    *ours = pair[0];
    *child = qemu_high_fd(pair[1]);
    return *child >= 0;
}

/* ---- the end of the program ---- */

static void live_add(pid_t pid)
{
    for (unsigned i = 0; i < MOST_LIVE; i++) {
        pid_t none = 0;

        if (atomic_compare_exchange_strong(&live[i], &none, pid)) {
            return;
        }
    }
}

/* Before the process is reaped: its number means another one afterwards. */
static void live_remove(pid_t pid)
{
    for (unsigned i = 0; i < MOST_LIVE; i++) {
        pid_t same = pid;

        atomic_compare_exchange_strong(&live[i], &same, 0);
    }
}

/* Whether QEMU is gone. The watch thread reaps it too, unless it is the one that ends the program:
 * whoever comes second finds no child. */
static bool reaped(pid_t pid)
{
    int status;

    return waitpid(pid, &status, WNOHANG) != 0;
}

/* Takes no lock: the thread that ends the program may hold any. */
static void end_all(void *context)
{
    (void)context;
    program_ends = true;
    for (unsigned i = 0; i < MOST_LIVE; i++) {
        pid_t pid = live[i];

        if (!pid) {
            continue;
        }
        kill(pid, SIGTERM);
        kill(pid, SIGCONT);
        for (unsigned waited = 0; live[i] == pid && !reaped(pid); waited += 5) {
            if (waited == TERMINATE_MS) {
                kill(pid, SIGKILL);
            }
            sleep_ms(5);
        }
    }
}

static void register_end(void)
{
    at_end(end_all, NULL);
}

/* ---- what QEMU says ---- */

/* Warnings that the way it is run here makes QEMU say each time. */
static bool is_expected(const char *line, size_t length)
{
    static const char expected[] = "not a multiple of 1G; possible bad performance";

    return memmem(line, length, expected, sizeof expected - 1) != NULL;
}

static void tell_lines(const char *text, size_t length)
{
    while (length) {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) : length;

        if (line && !is_expected(text, line)) {
            fprintf(stderr, "storhost: QEMU says: %.*s\n", (int)line, text);
        }
        line += end != NULL;
        text += line;
        length -= line;
    }
}

/* Keeps the last part of what QEMU says; passes it on once QEMU runs. */
static bool take_words(struct qemu_device *qemu)
{
    char text[1024];
    ssize_t got = read(qemu->error_pipe, text, sizeof text);

    if (got <= 0) {
        return false;
    }
    size_t length = (size_t)got, most = sizeof qemu->error_text;
    pthread_mutex_lock(&qemu->text_lock);
    if (qemu->error_length + length > most) {
        size_t drop = qemu->error_length + length - most;
        memmove(qemu->error_text, qemu->error_text + drop, qemu->error_length - drop);
        qemu->error_length -= drop;
    }
    memcpy(qemu->error_text + qemu->error_length, text, length);
    qemu->error_length += length;
    pthread_mutex_unlock(&qemu->text_lock);
    if (qemu->state == QEMU_RUNNING) {
        tell_lines(text, length);
    }
    return true;
}

void qemu_tell_words(struct qemu_device *qemu)
{
    pthread_mutex_lock(&qemu->text_lock);
    tell_lines(qemu->error_text, qemu->error_length);
    qemu->error_length = 0;
    pthread_mutex_unlock(&qemu->text_lock);
}

void qemu_last_words(struct qemu_device *qemu, char *text, size_t size)
{
    size_t used = 0;

    pthread_mutex_lock(&qemu->text_lock);
    const char *from = qemu->error_text, *stop = from + qemu->error_length;
    while (from < stop) {
        const char *end = memchr(from, '\n', (size_t)(stop - from));
        size_t line = (size_t)((end ? end : stop) - from);

        if (line && !is_expected(from, line)) {
            int put =
                snprintf(text + used, size - used, "%s%.*s", used ? "\n" : "", (int)line, from);
            used = put < 0 || used + (size_t)put >= size ? size - 1 : used + (size_t)put;
        }
        from += line + 1;
    }
    pthread_mutex_unlock(&qemu->text_lock);
    text[used] = 0;
}

/* ---- its end ---- */

bool qemu_alive(const struct qemu_device *qemu)
{
    return qemu->state == QEMU_RUNNING || qemu->state == QEMU_STARTING;
}

/* "with status 1", "by signal 9 (Killed)" */
static void describe_status(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "with status %d", WEXITSTATUS(status));
    }
}

bool qemu_ends_soon(const struct qemu_device *qemu)
{
    for (unsigned waited = 0; !qemu->ended && waited < 500; waited += 10) {
        sleep_ms(10);
    }
    return qemu->ended;
}

void qemu_lost(struct qemu_device *qemu, const char *format, ...)
{
    char reason[256], ending[128] = "", words[512];
    va_list values;
    enum qemu_state before = qemu->state;

    do {
        if (program_ends || before == QEMU_DEAD || before == QEMU_STOPPING) {
            return;
        }
    } while (!atomic_compare_exchange_weak(&qemu->state, &before, QEMU_DEAD));
    va_start(values, format);
    vsnprintf(reason, sizeof reason, format, values);
    va_end(values);
    if (qemu_ends_soon(qemu)) {
        char how[64];

        describe_status(qemu->exit_status, how, sizeof how);
        snprintf(ending, sizeof ending, "; QEMU has ended %s", how);
    }
    qemu_last_words(qemu, words, sizeof words);
    snprintf(qemu->death, sizeof qemu->death, "%s%s%s%s", reason, ending,
             *words ? ". Its last words: " : "", words);
    if (before == QEMU_RUNNING && !device_died(&qemu->device, qemu->death)) {
        fatal("%s", qemu->death);
    }
}

static void note_end(struct qemu_device *qemu)
{
    int status = 0;

    epoll_ctl(qemu->epoll, EPOLL_CTL_DEL, qemu->pidfd, NULL);
    while (take_words(qemu)) {
    }
    live_remove(qemu->pid);
    if (waitpid(qemu->pid, &status, 0) != qemu->pid) {
        status = 0;
    }
    qemu->exit_status = status;
    qemu->ended = true;
    sem_post(&qemu->has_ended);
    qemu_lost(qemu, "QEMU ended while it was needed");
}

/* ---- the watch thread ---- */

static void watch_fd(struct qemu_device *qemu, int fd, uint32_t events, unsigned who)
{
    struct epoll_event event = {.events = events, .data.u32 = who};

    if (epoll_ctl(qemu->epoll, EPOLL_CTL_ADD, fd, &event)) {
        fatal("cannot watch a connection with QEMU: %s", strerror(errno));
    }
}

void qemu_watch_line(struct qemu_device *qemu, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.u32 = WATCH_QTEST};

    epoll_ctl(qemu->epoll, EPOLL_CTL_MOD, qemu->qtest_fd, &event);
}

/* False: the thread is asked to end. */
static bool handle(struct qemu_device *qemu, const struct epoll_event *event)
{
    switch (event->data.u32) {
    case WATCH_WAKE:
        return false;
    case WATCH_END:
        note_end(qemu);
        break;
    case WATCH_WORDS:
        if (!take_words(qemu)) {
            epoll_ctl(qemu->epoll, EPOLL_CTL_DEL, qemu->error_pipe, NULL);
        }
        break;
    case WATCH_QTEST:
        if (event->events & EPOLLHUP) {
            epoll_ctl(qemu->epoll, EPOLL_CTL_DEL, qemu->qtest_fd, NULL);
        } else {
            qtest_take_lines(qemu);
        }
        break;
    default:
        if (!qemu->device.removed) {
            device_message(&qemu->device, event->data.u32 - WATCH_MESSAGE);
        }
    }
    return true;
}

static void watch_all(struct qemu_device *qemu)
{
    fcntl(qemu->error_pipe, F_SETFL, O_NONBLOCK);
    watch_fd(qemu, qemu->wake, EPOLLIN, WATCH_WAKE);
    watch_fd(qemu, qemu->pidfd, EPOLLIN, WATCH_END);
    watch_fd(qemu, qemu->error_pipe, EPOLLIN, WATCH_WORDS);
    watch_fd(qemu, qemu->qtest_fd, EPOLLIN, WATCH_QTEST);
    for (unsigned i = 0; i < qemu->doorbells; i++) {
        /* Edge triggered: each ring wakes, and the counter need not be read back. */
        watch_fd(qemu, qemu->doorbell_events[i], EPOLLIN | EPOLLET, WATCH_MESSAGE + i);
    }
    for (;;) {
        struct epoll_event event[16];
        int count = epoll_wait(qemu->epoll, event, 16, DRAIN_MS);

        if (count == 0) {
            qtest_take_lines(qemu);
        }
        for (int i = 0; i < count; i++) {
            if (!handle(qemu, &event[i])) {
                return;
            }
        }
    }
}

/* In the child, between fork and exec: only calls that are safe there. */
static _Noreturn void become_qemu(struct qemu_device *qemu, pid_t parent, int words, int failed)
{
    sigset_t none;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid(); /* Ctrl-C is for the bench, which then ends QEMU in order */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    dup2(nothing, 0);
    dup2(words, 1);
    dup2(words, 2);
    for (int i = 0; i < QEMU_FDS; i++) {
        dup2(qemu->child_fds[i], QEMU_FD_MEMORY + i);
    }
    close_range(QEMU_FD_END, ~0u, CLOSE_RANGE_CLOEXEC);
    execvp(qemu->binary, qemu->arguments);
    int reason = errno;
    while (write(failed, &reason, sizeof reason) < 0 && errno == EINTR) {
    }
    _exit(127);
}

void qemu_close_child_fds(struct qemu_device *qemu)
{
    for (int i = 0; i < QEMU_FDS; i++) {
        if (qemu->child_fds[i] >= 0) {
            close(qemu->child_fds[i]);
        }
        qemu->child_fds[i] = -1;
    }
}

/* Forks and executes; 0, or the errno of what failed. */
static int launch(struct qemu_device *qemu)
{
    int words[2], failed[2], reason = 0;
    pid_t parent = getpid();

    if (pipe2(words, O_CLOEXEC)) {
        return errno;
    }
    if (pipe2(failed, O_CLOEXEC)) {
        reason = errno;
        close(words[0]);
        close(words[1]);
        return reason;
    }
    words[1] = qemu_high_fd(words[1]);
    failed[1] = qemu_high_fd(failed[1]);
    qemu->error_pipe = words[0];
    qemu->pid = fork();
    if (qemu->pid == 0) {
        become_qemu(qemu, parent, words[1], failed[1]);
    }
    reason = qemu->pid < 0 ? errno : 0;
    close(words[1]);
    close(failed[1]);
    if (!reason && read(failed[0], &reason, sizeof reason) == (ssize_t)sizeof reason) {
        waitpid(qemu->pid, NULL, 0);
    }
    close(failed[0]);
    return reason;
}

static void *watch_thread(void *context)
{
    struct qemu_device *qemu = context;
    sigset_t all;

    sigfillset(&all);
    /* The bench's handlers of faults run on whichever thread faults. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    qemu->start_error = launch(qemu);
    qemu_close_child_fds(qemu);
    if (!qemu->start_error) {
        live_add(qemu->pid);
        qemu->pidfd = pidfd_open(qemu->pid, 0);
    }
    sem_post(&qemu->started);
    if (!qemu->start_error) {
        watch_all(qemu);
    }
    return NULL;
}

static void start_failed(const struct qemu_device *qemu, char *error, size_t size)
{
    if (qemu->start_error == ENOENT) {
        snprintf(error, size,
                 "%s is not installed: the Debian package qemu-system-x86 has it (make setup "
                 "installs what is missing).",
                 qemu->binary);
    } else {
        snprintf(error, size, "%s cannot be run: %s.", qemu->binary, strerror(qemu->start_error));
    }
}

bool qemu_start(struct qemu_device *qemu, char *error, size_t size)
{
    static pthread_once_t registered = PTHREAD_ONCE_INIT;

    pthread_once(&registered, register_end);
    qemu->epoll = epoll_create1(EPOLL_CLOEXEC);
    qemu->wake = eventfd(0, EFD_CLOEXEC);
    int reason = qemu->epoll < 0 || qemu->wake < 0 ? errno : 0;
    if (!reason) {
        reason = pthread_create(&qemu->watch, NULL, watch_thread, qemu);
    }
    if (reason) {
        snprintf(error, size, "cannot start QEMU: %s.", strerror(reason));
        return false;
    }
    qemu->watching = true;
    while (sem_wait(&qemu->started)) {
    }
    if (qemu->start_error) {
        start_failed(qemu, error, size);
        return false;
    }
    return true;
}

static bool ended_within(struct qemu_device *qemu, unsigned milliseconds)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!qemu->ended && sem_timedwait(&qemu->has_ended, &until)) {
        if (errno != EINTR) {
            break;
        }
    }
    return qemu->ended;
}

/* Makes QEMU end, by ever stronger means; returns how. */
static const char *make_end(struct qemu_device *qemu)
{
    if (ended_within(qemu, qemu->state == QEMU_STOPPING ? QUIT_MS : 0)) {
        return "by itself";
    }
    kill(qemu->pid, SIGTERM);
    kill(qemu->pid, SIGCONT);
    if (ended_within(qemu, TERMINATE_MS)) {
        return "only after SIGTERM";
    }
    kill(qemu->pid, SIGKILL);
    while (!ended_within(qemu, 1000)) {
    }
    return "only after SIGKILL";
}

bool qemu_stop(struct qemu_device *qemu, char *text, size_t size)
{
    bool clean = true;

    if (!qemu->watching) {
        return true;
    }
    if (!qemu->start_error) {
        enum qemu_state running = QEMU_RUNNING;
        char how[64];

        atomic_compare_exchange_strong(&qemu->state, &running, QEMU_STOPPING);
        const char *means = make_end(qemu);
        describe_status(qemu->exit_status, how, sizeof how);
        clean = qemu->exit_status == 0 && !strcmp(means, "by itself");
        snprintf(text, size, "QEMU ended %s %s", means, how);
    }
    uint64_t one = 1;
    while (write(qemu->wake, &one, sizeof one) < 0 && errno == EINTR) {
    }
    pthread_join(qemu->watch, NULL);
    qemu->watching = false;
    return clean;
}
