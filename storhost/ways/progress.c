/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress lines: see progress.h. */
#include "ways/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MEBIBYTE           1048576.0
#define TERMINAL_INTERVAL  100000u /* microseconds */
#define ELSEWHERE_INTERVAL 5000000u

uint64_t progress_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void progress_begin(struct progress *progress, bool shown, const char *what, uint64_t total_bytes)
{
    progress->shown = shown;
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->what = what;
    progress->total = total_bytes;
    progress->started = progress->last = progress_now();
}

static void print_line(const struct progress *progress, uint64_t done, uint64_t now, bool end)
{
    double seconds = (double)(now - progress->started) / 1e6;
    double rate = seconds > 0 ? (double)done / MEBIBYTE / seconds : 0;
    unsigned percent = progress->total > 0 ? (unsigned)(done * 100 / progress->total) : 100;

    fprintf(stderr, "%s%-18s %7.1f MiB %3u%% %8.1f MiB/s%s%s", progress->terminal ? "\r" : "",
            progress->what, (double)done / MEBIBYTE, percent, rate,
            progress->terminal ? "\033[K" : "", end || !progress->terminal ? "\n" : "");
    fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done_bytes)
{
    uint64_t now = progress_now();
    uint64_t interval = progress->terminal ? TERMINAL_INTERVAL : ELSEWHERE_INTERVAL;

    if (progress->shown && now - progress->last >= interval) {
        progress->last = now;
        print_line(progress, done_bytes, now, false);
    }
}

void progress_end(struct progress *progress, uint64_t done_bytes)
{
    if (progress->shown) {
        print_line(progress, done_bytes, progress_now(), true);
    }
}
