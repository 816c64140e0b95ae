/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ExAllocatePool... and ExFreePool.... Each live allocation is in a table, so that what is freed is
 * known to be live, of the right tag and from the right pool. Paged and nonpaged pool are the same
 * memory here; the rules differ.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel_internal.h"
#include "kernel/pool.h"
#include "machine/memory.h"

#define BUCKETS   256
#define TAG_COUNT 256

struct allocation {
    struct allocation *next;
    void *address;
    uint32_t tag;
    enum pool_kind kind;
};

/* Names of pool memory for reports, one for each tag; they live on. */
struct tag_name {
    uint32_t tag;
    char text[16];
};

static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;
static struct allocation *buckets[BUCKETS];
static struct tag_name tag_names[TAG_COUNT];

static struct allocation **bucket_of(const void *address)
{
    return &buckets[((uintptr_t)address >> 4) % BUCKETS];
}

/* The four letters of a tag, as the debugger shows them. */
static void tag_text(uint32_t tag, char text[5])
{
    unsigned index;

    for (index = 0; index < 4; index++) {
        unsigned char letter = (unsigned char)(tag >> (8 * index));

        text[index] = isprint(letter) ? (char)letter : '.';
    }
    text[4] = 0;
}

/* Under the lock. */
static const char *name_of_tag(uint32_t tag)
{
    unsigned index;
    char text[5];

    for (index = 0; index < TAG_COUNT && tag_names[index].text[0] != 0; index++) {
        if (tag_names[index].tag == tag) {
            return tag_names[index].text;
        }
    }
    if (index == TAG_COUNT) {
        return "pool";
    }
    tag_text(tag, text);
    tag_names[index].tag = tag;
    snprintf(tag_names[index].text, sizeof(tag_names[index].text), "pool '%s'", text);
    return tag_names[index].text;
}

void *kernel_pool_allocate(enum pool_kind kind, size_t bytes, uint32_t tag)
{
    struct memory_request request = {
        .kind = MEMORY_POOL,
        .bytes = bytes,
        .alignment = bytes >= GUEST_PAGE_SIZE ? GUEST_PAGE_SIZE : 16,
    };
    struct allocation *allocation = malloc(sizeof(*allocation));

    if (allocation == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&change);
    request.name = name_of_tag(tag);
    pthread_mutex_unlock(&change);
    allocation->address = memory_alloc(&request);
    allocation->tag = tag;
    allocation->kind = kind;
    if (allocation->address == NULL) {
        free(allocation);
        return NULL;
    }
    pthread_mutex_lock(&change);
    allocation->next = *bucket_of(allocation->address);
    *bucket_of(allocation->address) = allocation;
    pthread_mutex_unlock(&change);
    return allocation->address;
}

/* Takes an allocation out of the table; NULL: not there. */
static struct allocation *take_allocation(const void *address)
{
    struct allocation **link;
    struct allocation *found;

    pthread_mutex_lock(&change);
    for (link = bucket_of(address); *link != NULL && (*link)->address != address;
         link = &(*link)->next) {
    }
    found = *link;
    if (found != NULL) {
        *link = found->next;
    }
    pthread_mutex_unlock(&change);
    return found;
}

void kernel_pool_free(void *address, uint32_t tag, const char *function)
{
    struct allocation *allocation = take_allocation(address);
    char place[160] = "nothing that the bench knows";
    char given[5];
    char expected[5];

    if (allocation == NULL) {
        memory_describe(address, place, sizeof(place));
        violation(RULE_MEMORY, "%s of %p, which is no allocated pool: %s", function, address,
                  place);
    }
    if (tag != 0 && tag != allocation->tag) {
        tag_text(tag, given);
        tag_text(allocation->tag, expected);
        violation(RULE_ARGUMENT, "%s of %p with tag '%s'; it was allocated with tag '%s'", function,
                  address, given, expected);
    }
    if (allocation->kind == POOL_PAGED) {
        kernel_require_irql(IRQL_APC, function);
    }
    free(allocation);
    memory_free(address);
}

/* ---- Exports ------------------------------------------------------------------------------- */

/* POOL_TYPE: bit 0 says paged; the flag asks for zeroed memory (Windows 10 2004 and later). */
enum {
    POOL_TYPE_PAGED = 1,
    POOL_TYPE_ZEROED = 0x400
};

/* POOL_FLAGS of ExAllocatePool2. */
enum {
    POOL_FLAG_UNINITIALIZED_BIT = 0x2,
    POOL_FLAG_NON_PAGED_BIT = 0x40,
    POOL_FLAG_NON_PAGED_EXECUTE_BIT = 0x80,
    POOL_FLAG_PAGED_BIT = 0x100,
};

static void *allocate(enum pool_kind kind, size_t bytes, uint32_t tag, const char *function)
{
    kernel_require_irql(kind == POOL_PAGED ? IRQL_APC : IRQL_DISPATCH, function);
    if (bytes == 0) {
        violation(RULE_ARGUMENT, "%s of 0 bytes", function);
    }
    if (tag == 0) {
        violation(RULE_ARGUMENT, "%s with a tag of 0", function);
    }
    kernel_allocating(function);
    return kernel_pool_allocate(kind, bytes, tag);
}

static PVOID NTAPI allocate_with_tag(int type, SIZE_T bytes, ULONG tag)
{
    void *memory = allocate((type & POOL_TYPE_PAGED) != 0 ? POOL_PAGED : POOL_NON_PAGED, bytes, tag,
                            "ExAllocatePoolWithTag");

    if (memory != NULL && (type & POOL_TYPE_ZEROED) != 0 && kernel_windows() >= WINDOWS_10) {
        memset(memory, 0, bytes);
    }
    return memory;
}

static PVOID NTAPI allocate_without_tag(int type, SIZE_T bytes)
{
    return allocate_with_tag(type, bytes, 0x656e6f4e /* "None" */);
}

static PVOID NTAPI allocate_2(ULONGLONG flags, SIZE_T bytes, ULONG tag)
{
    ULONGLONG kinds =
        flags & (POOL_FLAG_NON_PAGED_BIT | POOL_FLAG_NON_PAGED_EXECUTE_BIT | POOL_FLAG_PAGED_BIT);
    void *memory;

    if (kinds == 0 || (kinds & (kinds - 1)) != 0) {
        violation(RULE_ARGUMENT,
                  "ExAllocatePool2 with flags 0x%llx: one kind of pool is to be named",
                  (unsigned long long)flags);
    }
    memory = allocate(kinds == POOL_FLAG_PAGED_BIT ? POOL_PAGED : POOL_NON_PAGED, bytes, tag,
                      "ExAllocatePool2");
    if (memory != NULL && (flags & POOL_FLAG_UNINITIALIZED_BIT) == 0) {
        memset(memory, 0, bytes);
    }
    return memory;
}

static VOID NTAPI free_pool(PVOID address)
{
    kernel_require_irql(IRQL_DISPATCH, "ExFreePool");
    kernel_pool_free(address, 0, "ExFreePool");
}

static VOID NTAPI free_pool_with_tag(PVOID address, ULONG tag)
{
    kernel_require_irql(IRQL_DISPATCH, "ExFreePoolWithTag");
    kernel_pool_free(address, tag, "ExFreePoolWithTag");
}

static VOID NTAPI free_pool_2(PVOID address, ULONG tag, PVOID parameters, ULONG count)
{
    (void)parameters;
    (void)count;
    kernel_require_irql(IRQL_DISPATCH, "ExFreePool2");
    kernel_pool_free(address, tag, "ExFreePool2");
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(ExAllocatePool, allocate_without_tag),
    KERNEL_EXPORT(ExAllocatePoolWithTag, allocate_with_tag),
    KERNEL_EXPORT(ExAllocatePool2, allocate_2),
    KERNEL_EXPORT(ExFreePool, free_pool),
    KERNEL_EXPORT(ExFreePoolWithTag, free_pool_with_tag),
    KERNEL_EXPORT(ExFreePool2, free_pool_2),
};

KERNEL_TABLE(kernel_pool, exports);
