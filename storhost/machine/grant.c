/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA grants and the quarantine of ended ones.
 *
 * A grant is a list of pieces, one for each physical page that it touches. The pieces of a page
 * hang on a table by page number, so that a check looks only at the few grants of the pages in
 * question.
 *
 * Quarantine: the pieces of an ended grant leave the table and are filled with a pattern, and the
 * memory is held (memory_hold). Each later grant that ends compares and releases the oldest ones
 * beyond QUARANTINE_BYTES or QUARANTINE_GRANTS. The pattern differs from zeros and from the garbage
 * of fresh memory, and depends on the place in the page, so that no data can look like it.
 */
#include "machine/grant.h"

#include "base/random.h"
#include "base/violation.h"
#include "machine/memory_hold.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUARANTINE_BYTES  (8u << 20)
#define QUARANTINE_GRANTS 256u
#define PATTERN_SEED      UINT64_C(0x6c617465646d61)
#define FIRST_4G          (UINT64_C(1) << 32)

/* The part of a grant that lies in one physical page. */
struct piece {
    struct grant *grant;
    struct piece *next; /* of the same page */
    bus_addr bus;       /* first byte */
    uint32_t bytes;
};

struct grant {
    struct grant *next; /* in quarantine: younger; frozen: any */
    char *address;
    size_t length;
    enum grant_access access;
    bool marked;       /* was there when the system froze */
    uint8_t *contents; /* of a frozen grant that the device could write */
    const char *name;
    const void *owner;
    size_t count;
    struct piece pieces[];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct piece **table; /* by page of physical memory; made by the first grant */
static size_t table_pages;
static uint8_t pattern[GUEST_PAGE_SIZE];
static struct grant *quarantine_oldest, *quarantine_youngest;
static size_t quarantine_bytes, quarantine_grants;
static struct grant *frozen;
static bool (*asked)(void *context, bus_addr bus, uint64_t length);
static void *asked_context;

/* ---- the table ---- */

static void make_table(void)
{
    const struct memory_options *layout = memory_layout();
    uint64_t state = PATTERN_SEED;

    table_pages = (size_t)((layout->below_4g + layout->above_4g) / GUEST_PAGE_SIZE);
    table = calloc(table_pages + 1, sizeof(struct piece *));
    if (!table) {
        fatal("no memory for the table of grants");
    }
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(random_next(&state) % 255 + 1);
    }
}

/* The place in the table of the page that a bus address lies in; NULL: no memory there. */
static struct piece **slot_of(bus_addr bus)
{
    const struct memory_options *layout = memory_layout();
    uint64_t physical = bus - layout->bus_offset;
    uint64_t page = physical / GUEST_PAGE_SIZE;

    if (!table || bus < layout->bus_offset) {
        return NULL;
    }
    if (physical >= FIRST_4G) {
        page = (physical - FIRST_4G + layout->below_4g) / GUEST_PAGE_SIZE;
    } else if (physical >= layout->below_4g) {
        return NULL;
    }
    return page < table_pages ? &table[page] : NULL;
}

static void enter(struct grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        struct piece **slot = slot_of(grant->pieces[i].bus);
        grant->pieces[i].next = *slot;
        *slot = &grant->pieces[i];
    }
}

/* False: the grant was not there, that is, it had ended before. */
static bool leave(struct grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        struct piece **link = slot_of(grant->pieces[i].bus);
        while (*link && *link != &grant->pieces[i]) {
            link = &(*link)->next;
        }
        if (!*link) {
            return false;
        }
        *link = grant->pieces[i].next;
    }
    return true;
}

/* Cuts a grant's range into pieces of single pages. */
static void cut(struct grant *grant)
{
    char *address = grant->address;
    size_t left = grant->length;

    while (left > 0) {
        struct piece *piece = &grant->pieces[grant->count++];
        uint64_t contiguous;
        if (!memory_bus_address(address, &piece->bus, &contiguous)) {
            char text[256] = "nothing from memory_alloc";
            memory_describe(address, text, sizeof(text));
            fatal("grant \"%s\" over memory that no device sees: %s", grant->name, text);
        }
        uint64_t bytes = GUEST_PAGE_SIZE - piece->bus % GUEST_PAGE_SIZE;
        bytes = bytes < contiguous ? bytes : contiguous;
        piece->bytes = (uint32_t)(bytes < left ? bytes : left);
        piece->grant = grant;
        address += piece->bytes;
        left -= piece->bytes;
    }
}

/* ---- the quarantine ---- */

struct late_write {
    const struct grant *grant; /* NULL: none */
    bus_addr bus;              /* of the first byte that differs */
    size_t offset;             /* of that byte in the grant */
    size_t bytes;              /* that differ */
};

static void fill_with_pattern(const struct grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        const struct piece *piece = &grant->pieces[i];
        memcpy(memory_at(piece->bus, piece->bytes), pattern + piece->bus % GUEST_PAGE_SIZE,
               piece->bytes);
    }
}

/* Compares one grant's memory with the pattern. */
static struct late_write find_late_write(const struct grant *grant)
{
    struct late_write late = {NULL, 0, 0, 0};
    size_t offset = 0;

    rule_checked(RULE_LATE_DMA);
    for (size_t i = 0; i < grant->count; offset += grant->pieces[i++].bytes) {
        const struct piece *piece = &grant->pieces[i];
        const uint8_t *is = memory_at(piece->bus, piece->bytes);
        const uint8_t *was = pattern + piece->bus % GUEST_PAGE_SIZE;
        if (memcmp(is, was, piece->bytes) == 0) {
            continue;
        }
        for (uint32_t j = 0; j < piece->bytes; j++) {
            if (is[j] != was[j] && late.bytes++ == 0) {
                late.grant = grant;
                late.bus = piece->bus + j;
                late.offset = offset + j;
            }
        }
    }
    return late;
}

static void report_late_write(const struct late_write *late)
{
    const struct grant *grant = late->grant;

    if (grant) {
        violation(RULE_LATE_DMA,
                  "%s (%zu bytes, owner %p): the device wrote %zu bytes after the grant had ended, "
                  "the first at byte %zu, bus address %#llx",
                  grant->name, grant->length, grant->owner, late->bytes, late->offset,
                  (unsigned long long)late->bus);
    }
}

/* Takes the oldest out of quarantine. With the mutex. */
static struct grant *take_oldest(void)
{
    struct grant *grant = quarantine_oldest;

    quarantine_oldest = grant->next;
    if (!quarantine_oldest) {
        quarantine_youngest = NULL;
    }
    quarantine_bytes -= grant->length;
    quarantine_grants--;
    return grant;
}

static void put_in_quarantine(struct grant *grant)
{
    grant->next = NULL;
    *(quarantine_youngest ? &quarantine_youngest->next : &quarantine_oldest) = grant;
    quarantine_youngest = grant;
    quarantine_bytes += grant->length;
    quarantine_grants++;
}

/* Compares and releases the oldest ones until only so many are left. */
static void release_beyond(size_t bytes, size_t grants)
{
    for (;;) {
        pthread_mutex_lock(&mutex);
        bool beyond = quarantine_bytes > bytes || quarantine_grants > grants;
        struct grant *grant = beyond ? take_oldest() : NULL;
        pthread_mutex_unlock(&mutex);
        if (!grant) {
            return;
        }
        struct late_write late = find_late_write(grant);
        report_late_write(&late);
        memory_release(grant->address);
        free(grant);
    }
}

void grant_inspect_quarantine(bool everything)
{
    struct late_write late = {NULL, 0, 0, 0};

    if (everything) {
        release_beyond(0, 0);
        return;
    }
    pthread_mutex_lock(&mutex);
    for (const struct grant *grant = quarantine_oldest; grant && !late.grant; grant = grant->next) {
        late = find_late_write(grant);
    }
    pthread_mutex_unlock(&mutex);
    report_late_write(&late);
    release_beyond(QUARANTINE_BYTES, QUARANTINE_GRANTS);
}

/* ---- a frozen system ---- */

/* Calls `visit` once for each live grant. With the mutex; `visit` may take it out of the table. */
static void each_grant(void (*visit)(struct grant *grant))
{
    for (size_t page = 0; table && page < table_pages; page++) {
        struct piece *next;
        for (struct piece *piece = table[page]; piece; piece = next) {
            next = piece->next;
            if (piece == &piece->grant->pieces[0]) {
                visit(piece->grant);
            }
        }
    }
}

static void mark(struct grant *grant)
{
    grant->marked = true;
}

void grants_mark(void)
{
    pthread_mutex_lock(&mutex);
    each_grant(mark);
    pthread_mutex_unlock(&mutex);
}

/* Copies the bytes of a grant. */
static void keep_contents(struct grant *grant)
{
    size_t offset = 0;

    if (grant->access == GRANT_DEVICE_READS) {
        return;
    }
    grant->contents = malloc(grant->length + 1);
    if (!grant->contents) {
        fatal("no memory for a copy of %zu bytes of the frozen system", grant->length);
    }
    for (size_t i = 0; i < grant->count; offset += grant->pieces[i++].bytes) {
        memcpy(grant->contents + offset, memory_at(grant->pieces[i].bus, grant->pieces[i].bytes),
               grant->pieces[i].bytes);
    }
}

/* The pages' lists may hold several pieces of one grant only on different pages, so that taking it
 * out keeps the walk's next piece valid. */
static void freeze(struct grant *grant)
{
    if (!grant->marked) {
        return;
    }
    leave(grant);
    keep_contents(grant);
    grant->next = frozen;
    frozen = grant;
}

void grants_freeze(void)
{
    pthread_mutex_lock(&mutex);
    each_grant(freeze);
    pthread_mutex_unlock(&mutex);
}

/* The first byte of a frozen grant that is not as it was. */
static struct late_write find_change(const struct grant *grant)
{
    struct late_write late = {NULL, 0, 0, 0};
    size_t offset = 0;

    rule_checked(RULE_LATE_DMA);
    for (size_t i = 0; i < grant->count; offset += grant->pieces[i++].bytes) {
        const struct piece *piece = &grant->pieces[i];
        const uint8_t *is = memory_at(piece->bus, piece->bytes);
        for (uint32_t j = 0; j < piece->bytes; j++) {
            if (is[j] != grant->contents[offset + j] && late.bytes++ == 0) {
                late = (struct late_write){grant, piece->bus + j, offset + j, 1};
            }
        }
    }
    return late;
}

void grants_inspect_frozen(void)
{
    struct late_write late = {NULL, 0, 0, 0};

    pthread_mutex_lock(&mutex);
    for (const struct grant *grant = frozen; grant && !late.grant; grant = grant->next) {
        if (grant->contents) {
            late = find_change(grant);
        }
    }
    pthread_mutex_unlock(&mutex);
    if (late.grant) {
        violation(RULE_LATE_DMA,
                  "%s (%zu bytes, owner %p) of the frozen system: %zu bytes were written after the "
                  "device had been reset, the first at byte %zu, bus address %#llx",
                  late.grant->name, late.grant->length, late.grant->owner, late.bytes, late.offset,
                  (unsigned long long)late.bus);
    }
}

static void unmark(struct grant *grant)
{
    grant->marked = false;
}

void grants_thaw(void)
{
    grants_inspect_frozen();
    pthread_mutex_lock(&mutex);
    while (frozen) {
        struct grant *grant = frozen;
        frozen = grant->next;
        free(grant->contents);
        grant->contents = NULL;
        enter(grant);
    }
    each_grant(unmark);
    pthread_mutex_unlock(&mutex);
}

bool grant_quarantine_over(const void *address)
{
    return !memory_is_held(address);
}

/* ---- opening and ending ---- */

struct grant *grant_begin(void *address, size_t length, enum grant_access access, const char *name,
                          const void *owner)
{
    size_t pages =
        ((uintptr_t)address % GUEST_PAGE_SIZE + length + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
    struct grant *grant = malloc(sizeof(*grant) + pages * sizeof(grant->pieces[0]));

    if (!grant) {
        fatal("no memory for a grant of %zu bytes", length);
    }
    *grant = (struct grant){
        .address = address, .length = length, .access = access, .name = name, .owner = owner};
    cut(grant);
    if (length > 0 && memory_is_held(address)) {
        release_beyond(0, 0); /* used again in spite of the quarantine: compare while it can be */
    }
    pthread_mutex_lock(&mutex);
    if (!table) {
        make_table();
    }
    enter(grant);
    pthread_mutex_unlock(&mutex);
    return grant;
}

void grants_ask(bool (*may_write)(void *context, bus_addr bus, uint64_t length), void *context)
{
    asked = may_write;
    asked_context = context;
}

/* Memory that is about to be given back must not be the device's any more. */
static void check_let_go(const struct grant *grant)
{
    rule_checked(RULE_LATE_DMA);
    for (size_t i = 0; asked && i < grant->count; i++) {
        const struct piece *piece = &grant->pieces[i];
        if (asked(asked_context, piece->bus, piece->bytes)) {
            violation(RULE_LATE_DMA,
                      "%s (%zu bytes, owner %p) is given back while the device has a request that "
                      "may write to it, at bus address %#llx",
                      grant->name, grant->length, grant->owner, (unsigned long long)piece->bus);
        }
    }
}

void grant_end(struct grant *grant, bool watch)
{
    bool watched = watch && grant->length > 0 && grant->access != GRANT_DEVICE_READS;

    if (watched) {
        check_let_go(grant);
        memory_hold(grant->address);
    }
    pthread_mutex_lock(&mutex);
    bool ended = leave(grant);
    pthread_mutex_unlock(&mutex);
    if (!ended) {
        fatal("grant \"%s\" ended twice", grant->name);
    }
    if (!watched) {
        free(grant);
        return;
    }
    fill_with_pattern(grant);
    pthread_mutex_lock(&mutex);
    put_in_quarantine(grant);
    pthread_mutex_unlock(&mutex);
    release_beyond(QUARANTINE_BYTES, QUARANTINE_GRANTS);
}

/* ---- checking ---- */

static bool allows(enum grant_access access, bool device_writes)
{
    return access == GRANT_BOTH ||
           access == (device_writes ? GRANT_DEVICE_WRITES : GRANT_DEVICE_READS);
}

/* Whether one grant covers all of [bus, end], both ends included. With the mutex. */
static bool covers_all(const struct grant *grant, bus_addr bus, bus_addr end)
{
    for (;;) {
        struct piece **slot = slot_of(bus);
        const struct piece *piece = slot ? *slot : NULL;
        while (piece &&
               (piece->grant != grant || bus < piece->bus || bus - piece->bus >= piece->bytes)) {
            piece = piece->next;
        }
        if (!piece) {
            return false;
        }
        bus_addr last = piece->bus + (piece->bytes - 1);
        if (last >= end) {
            return true;
        }
        bus = last + 1;
    }
}

/* What a check found; the grant is the nearest that would have done, copied for the report. */
struct finding {
    bool covered;
    bool wrong_direction; /* covered by a grant of the other direction */
    char grant[96];       /* text of a grant at the first byte, empty: none */
};

static void describe_grant(const struct grant *grant, char *text, size_t size)
{
    static const char *const accesses[] = {"may read", "may write", "may read and write"};
    snprintf(text, size, "\"%s\" (%zu bytes, which the device %s)", grant->name, grant->length,
             accesses[grant->access]);
}

static struct finding look(bus_addr bus, uint64_t length, bool device_writes, bool for_report)
{
    struct finding finding = {false, false, ""};
    bus_addr end = bus + (length ? length - 1 : 0);

    if (end < bus) {
        return finding;
    }
    pthread_mutex_lock(&mutex);
    struct piece **slot = slot_of(bus);
    for (const struct piece *piece = slot ? *slot : NULL; piece && !finding.covered;
         piece = piece->next) {
        if (bus < piece->bus || bus - piece->bus >= piece->bytes) {
            continue;
        }
        bool all = covers_all(piece->grant, bus, end);
        bool allowed = allows(piece->grant->access, device_writes);
        finding.covered = all && allowed;
        if (for_report && (!finding.grant[0] || (all && !finding.wrong_direction))) {
            describe_grant(piece->grant, finding.grant, sizeof(finding.grant));
        }
        finding.wrong_direction |= all && !allowed;
    }
    pthread_mutex_unlock(&mutex);
    return finding;
}

bool grant_covers(bus_addr bus, uint64_t length, bool device_writes)
{
    return look(bus, length, device_writes, false).covered;
}

/* Says what is at an address that no grant covers. */
static void describe_place(bus_addr bus, uint64_t length, char *text, size_t size)
{
    const void *address = memory_virtual(bus);
    char place[192];

    if (address && memory_describe(address, place, sizeof(place))) {
        snprintf(text, size, "; there is %s", place);
    } else if (memory_at(bus, (size_t)length)) {
        snprintf(text, size, "; nothing is allocated there");
    } else {
        snprintf(text, size, "; there is no memory of the guest");
    }
}

void grant_check(bus_addr bus, uint64_t length, bool device_writes, const char *what)
{
    char place[256];

    rule_checked(RULE_DMA_GRANT);
    if (grant_covers(bus, length, device_writes)) {
        return;
    }
    struct finding finding = look(bus, length, device_writes, true);
    const char *verb = device_writes ? "write" : "read";
    if (finding.wrong_direction) {
        violation(RULE_DMA_GRANT, "%s: %llu bytes at %#llx that the device may %s lie in grant %s",
                  what, (unsigned long long)length, (unsigned long long)bus, verb, finding.grant);
    }
    if (finding.grant[0]) {
        violation(RULE_DMA_GRANT,
                  "%s: %llu bytes at %#llx that the device may %s do not all lie in grant %s, "
                  "in which they begin",
                  what, (unsigned long long)length, (unsigned long long)bus, verb, finding.grant);
    }
    describe_place(bus, length, place, sizeof(place));
    violation(RULE_DMA_GRANT,
              "%s: %llu bytes at %#llx that the device may %s lie in no live grant%s", what,
              (unsigned long long)length, (unsigned long long)bus, verb, place);
}
