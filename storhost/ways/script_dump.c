/* SPDX-License-Identifier: BSD-3-Clause */
/* Crashes, hibernation and requests of the dump stack in scripts. See script.h. */
#include "ways/script.h"

#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "dump/dump.h"
#include "machine/crash.h"

#define WINDOWS_8         0x602
#define CRASH_SECONDS     10u   /* of real time, until the driver comes where it is to crash */
#define AFTER_MAXIMUM     10000 /* points in one entry point */
#define PREFIX            "dump-"
#define PIECE_WORD_LENGTH 24

/* What can still be done when the system has stopped. */
static const char *const when_stopped[] = {
    "clock", "check", "compare",   "device",  "dump",   "event", "expect", "hold", "idle",
    "info",  "qmp",   "qmp-event", "release", "resume", "say",   "sleep",  NULL};
/* What cannot be done while a crash is awaited: it would wait for ever if it came. */
static const char *const not_when_armed[] = {"compare",         "crash", "depth",   "discover",
                                             "hibernate",       "power", "ready",   "remove",
                                             "surprise-remove", "stop",  "restart", NULL};

static bool listed(const char *const *list, const char *verb)
{
    while (*list != NULL && strcmp(*list, verb) != 0) {
        list++;
    }
    return *list != NULL;
}

bool script_check_crash(struct script *script)
{
    const char *verb = script->line.word[0];

    if (crash_happened() && strncmp(verb, PREFIX, strlen(PREFIX)) != 0 &&
        !listed(when_stopped, verb)) {
        return script_fail(script, "%s: the system has stopped", verb);
    }
    if (crash_armed() && listed(not_when_armed, verb)) {
        return script_fail(script, "%s cannot be done while a crash is awaited", verb);
    }
    return true;
}

static bool needs_running(struct script *script)
{
    return script->bench->state == BENCH_RUNNING || script_fail(script, "the device was removed");
}

/* Stops the system while it is idle. */
static bool stop_now(struct script *script)
{
    for (const struct script_group *group = script->groups; group != NULL; group = group->next) {
        if (group->is_workload) {
            return script_fail(script, "'%s' of line %u runs: wait for it first", group->name,
                               group->line);
        }
    }
    crash_now();
    if (!crash_wait(CRASH_SECONDS * 1000)) {
        return script_fail(script, "the system did not stop within %u seconds", CRASH_SECONDS);
    }
    return true;
}

/* crash [in start-io|interrupt|dpc|reset [after N]] */
static bool do_crash(struct script *script)
{
    const struct script_line *line = &script->line;
    unsigned place = CRASH_ELSEWHERE + 1;
    uint64_t after = 0;

    if (!needs_running(script)) {
        return false;
    }
    if (line->words == 1) {
        if (!stop_now(script)) {
            return false;
        }
        script_abandon_groups(script);
        return true;
    }
    while (place < CRASH_PLACES && line->words > 2 &&
           strcmp(crash_place_name(place), line->word[2]) != 0) {
        place++;
    }
    if (strcmp(line->word[1], "in") != 0 || line->words < 3 || place == CRASH_PLACES) {
        return script_fail(script, "crash, or crash in start-io|interrupt|dpc|reset [after N]");
    }
    if (line->words > 3 && (strcmp(line->word[3], "after") != 0 ||
                            !script_number_word(script, 4, "points", 0, AFTER_MAXIMUM, &after))) {
        return script_fail(script, "crash in %s after N: N is 0 to %d", line->word[2],
                           AFTER_MAXIMUM);
    }
    crash_arm(place, (unsigned)after);
    return true;
}

/* The kind of dump that comes now. */
static bool choose_kind(struct script *script, enum dump_kind *kind)
{
    const char *word = script->line.words > 1 ? script->line.word[1] : "";

    *kind = script->hibernated ? DUMP_HIBERNATE : DUMP_CRASH;
    if (strcmp(word, "resume") != 0) {
        return word[0] == '\0' || script_fail(script, "dump-start, or dump-start resume");
    }
    *kind = DUMP_RESUME;
    return script->hibernated || script_fail(script, "resume: the system did not hibernate");
}

static struct dump *start(struct script *script, enum dump_kind kind, char *error, size_t size)
{
    struct dump_context context;

    port_get_dump_context(script->bench->port, script->bench->options->driver, &context);
    return dump_start(&context, kind, error, size);
}

/* dump-start [resume] */
static bool do_start(struct script *script)
{
    struct bench *bench = script->bench;
    enum dump_kind kind;
    char error[512] = "";

    if (!needs_running(script) || !choose_kind(script, &kind)) {
        return false;
    }
    if (bench->dump != NULL) {
        return script_fail(script, "the dump copy is loaded: dump-end first");
    }
    if (!crash_wait(crash_armed() || crash_happened() ? CRASH_SECONDS * 1000 : 0)) {
        return script_fail(script, "the system has not stopped: nothing came to where it is to "
                                   "crash");
    }
    script_abandon_groups(script);
    if (kind == DUMP_RESUME && !script_power_cycle(script)) {
        return false;
    }
    bench->dump = start(script, kind, error, sizeof(error));
    script_result_call(script, bench->dump != NULL, "%s",
                       bench->dump != NULL ? "the dump copy is ready" : error);
    return true;
}

static bool needs_dump(struct script *script)
{
    return script->bench->dump != NULL ||
           script_fail(script, "no dump copy is loaded: dump-start first");
}

/* Adds the requests for one line, in pieces that the dump stack can transfer. */
static bool build_pieces(struct script *script, struct script_group *group)
{
    struct script_line *line = &script->line;
    struct dump_facts facts;
    uint64_t lba, blocks, piece;
    char first[PIECE_WORD_LENGTH], count[PIECE_WORD_LENGTH];

    if (line->words < 3 || !script_lba(script, line->word[1], &lba) ||
        !script_number(line->word[2], &blocks) || blocks == 0) {
        return script_fail(script, "%s needs an address and a number of blocks", line->word[0]);
    }
    dump_get_facts(script->bench->dump, &facts);
    piece = facts.maximum_transfer_bytes / script->bench->disk.block_bytes;
    line->word[1] = first;
    line->word[2] = count;
    for (uint64_t done = 0; done < blocks; done += piece) {
        piece = piece < blocks - done ? piece : blocks - done;
        snprintf(first, sizeof(first), "%llu", (unsigned long long)(lba + done));
        snprintf(count, sizeof(count), "%llu", (unsigned long long)piece);
        if (!script_build(script, 0, 1, group)) {
            return false;
        }
    }
    return true;
}

/* dump-write, dump-read, dump-verify, dump-flush, dump-cdb, dump-srb: as without the prefix */
static bool do_request(struct script *script)
{
    char **verb = &script->line.word[0];
    struct script_group *group;
    bool good;

    if (!needs_dump(script)) {
        return false;
    }
    *verb += strlen(PREFIX);
    group = script_create_group(script, "");
    good = strcmp(*verb, "write") == 0 || strcmp(*verb, "read") == 0 || strcmp(*verb, "verify") == 0
               ? build_pieces(script, group)
               : script_build(script, 0, 1, group);
    if (!good) {
        script_free_group(group);
        return false;
    }
    for (struct script_request *one = group->requests; one != NULL; one = one->next) {
        dump_execute(script->bench->dump, &one->io);
    }
    return script_finish_group(script, group);
}

/* dump-end */
static bool do_end(struct script *script)
{
    bool good;

    if (!needs_dump(script)) {
        return false;
    }
    good = dump_end(script->bench->dump);
    script->bench->dump = NULL;
    script_result_call(script, good, "%s",
                       good ? "the dump is written" : "FLUSH or SHUTDOWN of the dump failed");
    return true;
}

/* Windows 8 and later ask the miniport which memory a hibernated system must keep for it. */
static bool mark_memory(struct script *script, char *error, size_t size)
{
    struct dump_context context;
    struct dump *dump;

    port_get_dump_context(script->bench->port, script->bench->options->driver, &context);
    if (context.options.windows < WINDOWS_8) {
        return true;
    }
    if (!stop_now(script)) {
        snprintf(error, size, "the system did not stop");
        return false;
    }
    dump = dump_start(&context, DUMP_MARK_MEMORY, error, size);
    if (dump != NULL) {
        dump_end(dump);
    }
    crash_over();
    return dump != NULL;
}

/* hibernate: the adapter is powered down, then the system stops */
static bool do_hibernate(struct script *script)
{
    char error[512] = "";

    if (!needs_running(script)) {
        return false;
    }
    if (script->bench->options->device != DEVICE_QEMU) {
        return script_fail(script, "hibernate needs --device=qemu, which can be powered off");
    }
    if (script->groups != NULL) {
        return script_fail(script, "'%s' of line %u was not waited for", script->groups->name,
                           script->groups->line);
    }
    if (!mark_memory(script, error, sizeof(error))) {
        script_result_call(script, false, "hibernate: %s", error);
        return true;
    }
    port_power(script->bench->port, false);
    script->hibernated = stop_now(script);
    return script->hibernated;
}

/* resume: power comes back, and with it the system */
static bool do_resume(struct script *script)
{
    if (!script->hibernated) {
        return script_fail(script, "the system did not hibernate");
    }
    if (script->bench->dump != NULL) {
        return script_fail(script, "the dump copy is loaded: dump-end first");
    }
    if (!script_power_cycle(script)) {
        return false;
    }
    crash_over();
    script->hibernated = false;
    port_thawed(script->bench->port);
    port_power(script->bench->port, true);
    return true;
}

const struct script_verb script_dump_verbs[] = {
    {"crash", do_crash},       {"hibernate", do_hibernate}, {"resume", do_resume},
    {"dump-start", do_start},  {"dump-end", do_end},        {"dump-write", do_request},
    {"dump-read", do_request}, {"dump-verify", do_request}, {"dump-flush", do_request},
    {"dump-cdb", do_request},  {"dump-srb", do_request},    {NULL, NULL},
};
