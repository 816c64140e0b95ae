/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals as an ordinary thread sees them: see stop.h. */
#include "ways/stop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/violation.h"

#define INTERRUPTED_STATUS 130 /* what shells show for a program ended by Ctrl-C */

static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stop_changed;
static atomic_bool requested;

static void stop_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP);
}

static void *watch_signals(void *unused)
{
    sigset_t signals;
    int signal;

    (void)unused;
    stop_signals(&signals);
    while (sigwait(&signals, &signal) == 0) {
        if (atomic_exchange(&requested, true)) {
            exit(INTERRUPTED_STATUS);
        }
        pthread_mutex_lock(&stop_lock);
        pthread_cond_broadcast(&stop_changed);
        pthread_mutex_unlock(&stop_lock);
    }
    return NULL;
}

void stop_begin(void)
{
    pthread_condattr_t attributes;
    sigset_t signals;
    pthread_t thread;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&stop_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    stop_signals(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (pthread_create(&thread, NULL, watch_signals, NULL) != 0) {
        fatal("cannot start a thread");
    }
    pthread_detach(thread);
}

bool stop_requested(void)
{
    return atomic_load(&requested);
}

bool stop_wait(unsigned milliseconds)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&stop_lock);
    while (!stop_requested() && pthread_cond_timedwait(&stop_changed, &stop_lock, &until) == 0) {
    }
    pthread_mutex_unlock(&stop_lock);
    return stop_requested();
}

void stop_reset_in_child(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
