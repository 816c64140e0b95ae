/* SPDX-License-Identifier: BSD-3-Clause */
/* Words and numbers of script lines: see script.h. */
#include "ways/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool script_split(struct script_line *line)
{
    static const char blanks[] = " \t\r\n";
    char *at = line->text + strspn(line->text, blanks);

    line->words = 0;
    line->rest = "";
    while (*at != '\0' && *at != '#') {
        if (line->words == SCRIPT_WORDS) {
            return false;
        }
        line->word[line->words++] = at;
        at += strcspn(at, blanks);
        if (*at != '\0') {
            *at++ = '\0';
        }
        at += strspn(at, blanks);
    }
    return true;
}

bool script_number(const char *word, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(word, &end, 0);
    return errno == 0 && end != word && *end == '\0' && word[0] != '-';
}

bool script_hex(const char *word, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(word, &end, 16);
    return errno == 0 && end != word && *end == '\0' && word[0] != '-';
}

bool script_seconds(const char *word, uint64_t *microseconds)
{
    char *end;
    double seconds;

    errno = 0;
    seconds = strtod(word, &end);
    if (errno != 0 || end == word || *end != '\0' || !(seconds >= 0 && seconds <= 1e9)) {
        return false;
    }
    *microseconds = (uint64_t)(seconds * 1e6 + 0.5);
    return true;
}

bool script_lba(const struct script *script, const char *word, uint64_t *lba)
{
    uint64_t back = 0;

    if (strncmp(word, "end", 3) != 0) {
        return script_number(word, lba);
    }
    if (word[3] != '\0' && (word[3] != '-' || !script_number(word + 4, &back))) {
        return false;
    }
    *lba = script->bench->disk.blocks - back;
    return true;
}

bool script_number_word(struct script *script, unsigned index, const char *what, uint64_t lowest,
                        uint64_t highest, uint64_t *number)
{
    if (index >= script->line.words) {
        return script_fail(script, "%s is missing", what);
    }
    if (!script_number(script->line.word[index], number) || *number < lowest || *number > highest) {
        return script_fail(script, "%s: '%s' is no number from %llu to %llu", what,
                           script->line.word[index], (unsigned long long)lowest,
                           (unsigned long long)highest);
    }
    return true;
}
