/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interpreter of the command script: one command per line, done one after the other.
 *
 * script.c        reads lines, keeps results and judges them (expect)
 * script_text.c   words, numbers and bytes
 * script_io.c     requests: cdb, srb, read, write, verify, flush, depth, async, wait
 * script_dump.c   crashes, hibernation, and requests of the dump stack
 * script_bench.c  everything else: resets, power, removal, clock, QEMU, facts
 *
 * A command that ends other than well must be followed by `expect`; otherwise the script ends
 * there. The language is described in docs/storhost.md.
 */
#ifndef STORHOST_WAYS_SCRIPT_H
#define STORHOST_WAYS_SCRIPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ways/bench.h"
#include "ways/pattern.h"
#include "ways/workload.h"

#define SCRIPT_WORDS 512 /* words in a line at most */

/* A line taken apart. */
struct script_line {
    unsigned number;
    char *text; /* the words point into it */
    char *word[SCRIPT_WORDS];
    unsigned words;
    const char *rest; /* the line as it was, behind the first word */
};

/* One request of a script. */
struct script_request {
    struct script_request *next;
    struct script_group *group;
    struct port_io io;
    struct class_request class; /* through the disk class: io is then its result */
    struct class_range *ranges; /* of a trim; or NULL */
    bool through_class;
    uint8_t *data;
    bool block_operation; /* read, write, verify: lba and blocks tell which */
    bool write, verify;
    uint64_t lba, generation;
    uint32_t blocks;
};

/* Requests that were started together, or a workload on a thread of its own. */
struct script_group {
    struct script_group *next;
    char name[32]; /* "": of a synchronous command */
    unsigned line;
    struct script_request *requests;
    unsigned count;
    atomic_uint outstanding;
    /* a workload */
    bool is_workload;
    pthread_t thread;
    struct workload workload;
    bool workload_good;
    char workload_error[512];
};

enum result_kind {
    RESULT_NONE,     /* nothing to judge */
    RESULT_REQUESTS, /* requests came back: result.group */
    RESULT_CALL,     /* something was done, or not: result.good, result.text */
};

/* What the last command came to. */
struct script_result {
    enum result_kind kind;
    bool good;
    bool judged; /* looked at by expect */
    unsigned line;
    char text[512];
    struct script_group *group;
};

struct script {
    struct bench *bench;
    const char *name; /* of the file */
    struct script_line line;
    struct script_result result;
    struct script_group *groups; /* started by async and not yet waited for */
    struct pattern_map *map;
    uint64_t generation; /* of workload writes */
    bool hibernated;     /* the system has stopped for hibernation, not by a crash */
    char error[1024];
};

/* A command: false when the line is wrong or cannot be done; script->error then says why. What the
 * disk or the driver answers is a result, not an error. */
typedef bool (*script_command)(struct script *script);

struct script_verb {
    const char *name;
    script_command run;
};

extern const struct script_verb script_io_verbs[]; /* ended by a NULL name */
extern const struct script_verb script_dump_verbs[];
extern const struct script_verb script_bench_verbs[];

/* Sets script->error; returns false. */
bool script_fail(struct script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Results. A group becomes the script's last result and belongs to it. */
void script_result_call(struct script *script, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void script_result_group(struct script *script, struct script_group *group);

/* Groups of requests (script_io.c). Makes what the words of the line from `first` on describe,
 * `count` of it, one behind the other; script_finish_group: turns a group that came back into the
 * last result, records what it wrote, compares what it verified. */
struct script_group *script_create_group(const struct script *script, const char *name);
bool script_build(struct script *script, unsigned first, unsigned count,
                  struct script_group *group);
bool script_finish_group(struct script *script, struct script_group *group);

/* After a crash: what the requests that were outstanding have written is known of those that came
 * back, and of no other. Frees all groups. */
void script_abandon_groups(struct script *script);

/* Whether the line's command can be done now that the system has stopped, or may stop in the middle
 * of it (script_dump.c); otherwise script_fail was called. */
bool script_check_crash(struct script *script);

/* The device comes out of a power-down as after power-on (script_bench.c). */
bool script_power_cycle(struct script *script);

/* Frees a group that nothing is outstanding of. */
void script_free_group(struct script_group *group);

/* Words. The line is changed; false: too many words. */
bool script_split(struct script_line *line);
bool script_number(const char *word, uint64_t *number);
bool script_hex(const char *word, uint64_t *number); /* without 0x */
/* "12.5": microseconds. */
bool script_seconds(const char *word, uint64_t *microseconds);
/* An address: a number, "end" or "end-N", where end is the number of logical blocks. */
bool script_lba(const struct script *script, const char *word, uint64_t *lba);
/* Word `index` of the line as a number, or an error that names `what`. */
bool script_number_word(struct script *script, unsigned index, const char *what, uint64_t lowest,
                        uint64_t highest, uint64_t *number);

/* expect: in script_io.c for requests. */
bool script_expect_requests(struct script *script);

#endif
