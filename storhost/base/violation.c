/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the process ends: by a broken rule, by an error of the surroundings, or by exit().
 *
 * Exactly one thread ends the process. The first to report goes through the gate (`ending`); any
 * other thread that reports afterwards stops there for good, so that one block of text stands on
 * standard error. A violation found by the thread that is ending already (a context printer that
 * faults, a leak check among the functions at the end) is still told, but opens no second round.
 * A watchdog ends the process should a function of at_end hang.
 */
#include "base/violation.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTEXTS_MAXIMUM 8
#define AT_END_MAXIMUM   32
#define AT_END_SECONDS   15 /* given to all functions of at_end together */

enum {
    EXIT_STATUS_FATAL = 1
};

static const char *const rule_names[RULE_COUNT] = {
    [RULE_IRQL] = "irql",
    [RULE_LOCK_RECURSION] = "lock-recursion",
    [RULE_LOCK_ORDER] = "lock-order",
    [RULE_SRB_TWICE] = "srb-twice",
    [RULE_SRB_NOT_OWNED] = "srb-not-owned",
    [RULE_SRB_STATUS] = "srb-status",
    [RULE_LOST_REQUEST] = "lost-request",
    [RULE_MEMORY] = "memory",
    [RULE_DMA_GRANT] = "dma-grant",
    [RULE_LATE_DMA] = "late-dma",
    [RULE_DOORBELL] = "doorbell",
    [RULE_DOUBLE_FETCH] = "double-fetch",
    [RULE_RING_LOCK] = "ring-lock",
    [RULE_BARRIER] = "barrier",
    [RULE_HOT_ALLOCATION] = "hot-allocation",
    [RULE_IMPORT] = "import",
    [RULE_ARGUMENT] = "argument",
    [RULE_UNKNOWN_CODE] = "unknown-code",
    [RULE_PHASE] = "phase",
    [RULE_LEAK] = "leak",
    [RULE_VIRTIO] = "virtio",
    [RULE_STALL] = "stall",
    [RULE_DUMP] = "dump",
    [RULE_CRASH] = "crash",
};

/* How the process is ending; moves only downwards in this list. */
enum ending {
    ENDING_NOT,
    ENDING_BY_EXIT,
    ENDING_BY_FATAL,
    ENDING_BY_VIOLATION
};

struct callback {
    void (*run)(void *context);
    void *context;
};

static atomic_ullong checks[RULE_COUNT];
static _Atomic(enum ending) ending = ENDING_NOT;
static _Thread_local bool this_thread_ends;
static volatile sig_atomic_t watchdog_status;

static pthread_mutex_t contexts_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct callback contexts[CONTEXTS_MAXIMUM];
static atomic_uint context_count;
static void (*_Atomic note)(FILE *file);

/* Recursive: a function at the end may itself find a violation, which runs what is left. */
static pthread_mutex_t at_end_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct callback at_end_list[AT_END_MAXIMUM];
static unsigned at_end_count;

const char *rule_name(enum rule rule)
{
    return (unsigned)rule < RULE_COUNT ? rule_names[rule] : "unknown-rule";
}

bool rules_switched_off;

void rules_switch_off(void)
{
    rules_switched_off = true;
}

void rule_checked(enum rule rule)
{
    if (rules_are_off()) {
        return;
    }
    atomic_fetch_add_explicit(&checks[rule], 1, memory_order_relaxed);
}

unsigned long long rule_checks(enum rule rule)
{
    return atomic_load_explicit(&checks[rule], memory_order_relaxed);
}

void violation_add_context(void (*print)(void *context), void *context)
{
    pthread_mutex_lock(&contexts_mutex);
    unsigned count = atomic_load(&context_count);
    if (count < CONTEXTS_MAXIMUM) {
        contexts[count] = (struct callback){print, context};
        atomic_store(&context_count, count + 1);
    }
    pthread_mutex_unlock(&contexts_mutex);
    if (count >= CONTEXTS_MAXIMUM) {
        fatal("more than %d contexts of violation reports", CONTEXTS_MAXIMUM);
    }
}

void failure_note(void (*print)(FILE *file))
{
    atomic_store(&note, print);
}

void failure_print_note(void)
{
    void (*print)(FILE * file) = atomic_load(&note);

    if (print != NULL) {
        print(stderr);
    }
}

/* Runs what at_end collected, last first, each once whoever asks. */
static void run_at_end(void)
{
    pthread_mutex_lock(&at_end_mutex);
    while (at_end_count > 0) {
        struct callback callback = at_end_list[--at_end_count];
        callback.run(callback.context);
    }
    pthread_mutex_unlock(&at_end_mutex);
}

/*
 * Lets one thread through to end the process; stops all others for good. The thread that ends
 * already passes again. A violation may overtake an exit() in progress, since exit() has not
 * said its status yet.
 */
static void pass_gate(enum ending how)
{
    enum ending before = ENDING_NOT;
    while (!atomic_compare_exchange_weak(&ending, &before, how)) {
        bool overtakes = how == ENDING_BY_VIOLATION && before == ENDING_BY_EXIT;
        if (this_thread_ends && !overtakes) {
            return;
        }
        if (!overtakes && before != ENDING_NOT) {
            for (;;) {
                pause();
            }
        }
    }
    this_thread_ends = true;
}

static void watchdog_bites(int number)
{
    (void)number;
    _exit(watchdog_status);
}

/* Runs the functions at the end under a watchdog and leaves. */
static _Noreturn void end_process(int status)
{
    struct sigaction action = {.sa_handler = watchdog_bites};
    sigset_t alarm_only;

    watchdog_status = status;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(AT_END_SECONDS);
    run_at_end();
    /* Not fflush(NULL): a thread that reads standard input holds that stream's lock. */
    fflush(stdout);
    fflush(stderr);
    _exit(status);
}

static void at_exit(void)
{
    pass_gate(ENDING_BY_EXIT);
    run_at_end();
}

void at_end(void (*run)(void *context), void *context)
{
    static bool registered;

    pthread_mutex_lock(&at_end_mutex);
    bool room = at_end_count < AT_END_MAXIMUM;
    if (room) {
        at_end_list[at_end_count++] = (struct callback){run, context};
    }
    if (!registered) {
        registered = atexit(at_exit) == 0;
    }
    pthread_mutex_unlock(&at_end_mutex);
    if (!room) {
        fatal("more than %d functions to run at the end", AT_END_MAXIMUM);
    }
}

void violation(enum rule rule, const char *format, ...)
{
    bool reports_already = this_thread_ends && atomic_load(&ending) == ENDING_BY_VIOLATION;
    char what[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    pass_gate(ENDING_BY_VIOLATION);
    fflush(stdout);
    fprintf(stderr, "storhost: rule violation: %s\n  what:  %s\n", rule_name(rule), what);
    if (!reports_already) {
        unsigned count = atomic_load(&context_count);
        for (unsigned i = 0; i < count; i++) {
            contexts[i].run(contexts[i].context);
        }
        failure_print_note();
    }
    end_process(VIOLATION_EXIT_STATUS);
}

void fatal(const char *format, ...)
{
    bool by_violation = this_thread_ends && atomic_load(&ending) == ENDING_BY_VIOLATION;
    char what[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    pass_gate(ENDING_BY_FATAL);
    fflush(stdout);
    fprintf(stderr, "storhost: %s\n", what);
    if (!by_violation) {
        failure_print_note();
    }
    end_process(by_violation ? VIOLATION_EXIT_STATUS : EXIT_STATUS_FATAL);
}
