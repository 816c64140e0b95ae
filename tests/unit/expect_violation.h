/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For tests of rules: runs a function in a child process and asserts how the child ended and what
 * it wrote to standard error. A child has only the thread that forked it: start processors in the
 * function, not before.
 */
#ifndef TESTS_UNIT_EXPECT_VIOLATION_H
#define TESTS_UNIT_EXPECT_VIOLATION_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/violation.h"

#define CHILD_SURVIVED 0   /* exit status of a child whose function returned */
#define CHILD_FAULTED  139 /* what run_in_child gives for a child that SIGSEGV ended */
#define CHILD_SECONDS  60

/* Runs `run` in a child. Returns its exit status, 128 + the signal that ended it, and its standard
 * error in `report`. */
static inline int run_in_child(void (*run)(void *context), void *context, char *report, size_t size)
{
    int ends[2], status = 0;
    size_t used = 0;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* cmocka and sanitizers catch faults; here a fault is a result. */
        signal(SIGSEGV, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(CHILD_SECONDS);
        run(context);
        _exit(CHILD_SURVIVED);
    }
    close(ends[1]);
    while (used + 1 < size && (got = read(ends[0], report + used, size - used - 1)) > 0) {
        used += (size_t)got;
    }
    report[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void expect_end(void (*run)(void *context), void *context, int status,
                              const char *first_line, const char *part)
{
    char report[8192];

    int ended = run_in_child(run, context, report, sizeof(report));
    if (ended != status || !strstr(report, first_line) || !strstr(report, part)) {
        fail_msg("expected status %d, \"%s\" and \"%s\"; the child ended with %d and wrote:\n%s",
                 status, first_line, part, ended, report);
    }
}

/* Asserts that `run` breaks the rule and that the report contains `part`. */
static inline void expect_violation(void (*run)(void *context), void *context, enum rule rule,
                                    const char *part)
{
    char first_line[128];

    snprintf(first_line, sizeof(first_line), "storhost: rule violation: %s\n", rule_name(rule));
    expect_end(run, context, VIOLATION_EXIT_STATUS, first_line, part);
}

/* Asserts that `run` ends the program by fatal() with a text that contains `part`. */
static inline void expect_fatal(void (*run)(void *context), void *context, const char *part)
{
    expect_end(run, context, 1, "storhost: ", part);
}

/* Asserts that `run` does neither: the function returns. */
static inline void expect_survival(void (*run)(void *context), void *context)
{
    expect_end(run, context, CHILD_SURVIVED, "", "");
}

/* Asserts that `run` touches inaccessible memory. */
static inline void expect_fault(void (*run)(void *context), void *context)
{
    expect_end(run, context, CHILD_FAULTED, "", "");
}

#endif
