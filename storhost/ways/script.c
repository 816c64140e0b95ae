/* SPDX-License-Identifier: BSD-3-Clause */
/* The interpreter's loop: lines, results, expectations. See script.h. */
#include "ways/script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "ways/commands.h"
#include "ways/stop.h"

bool script_fail(struct script *script, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(script->error, sizeof(script->error), format, arguments);
    va_end(arguments);
    return false;
}

static void forget_result(struct script *script)
{
    if (script->result.group != NULL) {
        script_free_group(script->result.group);
    }
    memset(&script->result, 0, sizeof(script->result));
}

void script_result_call(struct script *script, bool good, const char *format, ...)
{
    va_list arguments;

    forget_result(script);
    script->result.kind = RESULT_CALL;
    script->result.good = good;
    script->result.line = script->line.number;
    va_start(arguments, format);
    vsnprintf(script->result.text, sizeof(script->result.text), format, arguments);
    va_end(arguments);
}

void script_result_group(struct script *script, struct script_group *group)
{
    forget_result(script);
    script->result.kind = RESULT_REQUESTS;
    script->result.group = group;
    script->result.line = script->line.number;
}

/* expect of something that was done or not: "expect ok", "expect failed", and, for its text,
 * "expect failed TEXT-WITHOUT-BLANKS". */
static bool expect_call(struct script *script)
{
    const struct script_line *line = &script->line;
    bool want_good = strcmp(line->word[1], "ok") == 0;

    if (!want_good && strcmp(line->word[1], "failed") != 0) {
        return script_fail(script, "the last command was no request: expect ok or expect failed");
    }
    if (script->result.good != want_good) {
        return script_fail(script, "expected %s, but: %s", line->word[1], script->result.text);
    }
    for (unsigned i = 2; i < line->words; i++) {
        if (strstr(script->result.text, line->word[i]) == NULL) {
            return script_fail(script, "expected '%s' in: %s", line->word[i], script->result.text);
        }
    }
    return true;
}

static bool do_expect(struct script *script)
{
    if (script->line.words < 2) {
        return script_fail(script, "expect needs at least one condition");
    }
    if (script->result.kind == RESULT_NONE) {
        return script_fail(script, "no command before this one has a result");
    }
    script->result.judged = true;
    return script->result.kind == RESULT_CALL ? expect_call(script)
                                              : script_expect_requests(script);
}

static const struct script_verb *find_verb(const char *name)
{
    for (const struct script_verb *verb = script_io_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    for (const struct script_verb *verb = script_dump_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    for (const struct script_verb *verb = script_bench_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

/* A bad result that no expect has looked at ends the script. */
static bool check_result(const struct script *script)
{
    const struct script_result *result = &script->result;

    if (result->kind == RESULT_NONE || result->good || result->judged) {
        return true;
    }
    fprintf(stderr, "storhost: %s:%u: %s\n", script->name, result->line, result->text);
    return false;
}

static bool do_line(struct script *script)
{
    const struct script_verb *verb;

    if (strcmp(script->line.word[0], "expect") == 0) {
        return do_expect(script);
    }
    verb = find_verb(script->line.word[0]);
    if (verb == NULL) {
        return script_fail(script, "unknown command '%s'", script->line.word[0]);
    }
    return script_check_crash(script) && verb->run(script);
}

/* Does one line. False: the script ends here, a message was printed. */
static bool interpret(struct script *script, char *text, const char *raw)
{
    struct script_line *line = &script->line;

    line->number++;
    line->text = text;
    if (!script_split(line)) {
        fprintf(stderr, "storhost: %s:%u: more than %u words\n", script->name, line->number,
                SCRIPT_WORDS);
        return false;
    }
    if (line->words == 0) {
        return true;
    }
    line->rest = raw + (line->word[0] - text) + strlen(line->word[0]);
    if (strcmp(line->word[0], "expect") != 0 && !check_result(script)) {
        return false;
    }
    if (!do_line(script)) {
        fprintf(stderr, "storhost: %s:%u: %s\n", script->name, line->number, script->error);
        return false;
    }
    return true;
}

/* What must hold at the end: the last result was good or expected, nothing is outstanding. */
static bool check_end(const struct script *script)
{
    if (!check_result(script)) {
        return false;
    }
    if (script->groups != NULL) {
        fprintf(stderr, "storhost: %s:%u: '%s' was never waited for\n", script->name,
                script->groups->line, script->groups->name);
        return false;
    }
    return true;
}

static bool interpret_file(struct script *script, FILE *file)
{
    char *text = NULL, *raw;
    size_t size = 0;
    bool good = true;

    while (good && !stop_requested() && getline(&text, &size, file) >= 0) {
        text[strcspn(text, "\r\n")] = '\0';
        raw = strdup(text);
        if (raw == NULL) {
            fatal("out of memory");
        }
        good = interpret(script, text, raw);
        free(raw);
    }
    free(text);
    if (good && stop_requested()) {
        fprintf(stderr, "storhost: %s: stopped after line %u\n", script->name, script->line.number);
        return false;
    }
    return good && check_end(script);
}

int command_script(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    struct script script = {.bench = &bench, .name = options->script};
    FILE *file = stdin;

    if (strcmp(options->script, "-") == 0) {
        script.name = "standard input";
    } else {
        file = fopen(options->script, "re");
        if (file == NULL) {
            fatal("%s: %s", options->script, strerror(errno));
        }
    }
    bench_open(&bench, options);
    script.map = pattern_map_create();
    script.generation = (options->port.seed + 1) << 32;
    if (!interpret_file(&script, file)) {
        /* Requests may be outstanding for good: nothing is taken down in order. */
        return 1;
    }
    forget_result(&script);
    bench_close(&bench);
    pattern_map_destroy(script.map);
    if (file != stdin) {
        fclose(file);
    }
    return 0;
}
