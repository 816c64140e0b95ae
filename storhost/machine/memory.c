/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory and the driver's views of it.
 *
 * Each allocation is a block: some pages in a large reserved range of addresses (the arena), with
 * a page of the arena left out on both sides as a fence. A block keeps its addresses for good, so
 * that a table from arena page to block says whose any address was, without a lock.
 *
 *                  base   start             end of the allocation, rounded up to its alignment
 *     | fence |    | slack | bytes ...      | fence |
 *
 * Mapping a block page by page costs a system call for each page. So a freed block keeps its pages
 * and waits, inaccessible, in the queue of its size; once the queue is long enough, its oldest
 * block serves the next allocation for the price of one mprotect. After some uses its pages are
 * drawn anew. Blocks of special wishes (contiguous, limited) are not used again as they are. When
 * guest pages or the kernel's limit of mappings run short, the blocks freed longest ago give up
 * their pages; only their addresses are kept then.
 *
 *     BARE -> LIVE <-> HIDDEN;  LIVE, HIDDEN -> FREED (or HELD -> FREED);  FREED -> LIVE, BARE
 *
 * The state changes by compare-and-exchange, everything else of a block under the mutex or by
 * whoever owns the allocation. No violation is reported with the mutex held.
 */
#include "machine/memory.h"

#include "base/random.h"
#include "base/violation.h"
#include "machine/frames.h"
#include "machine/memory_hold.h"
#include "memory_arch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB                 0x100000u
#define ARENA_PAGES         (ARENA_BYTES / GUEST_PAGE_SIZE)
#define CLASS_PAGES         1024u /* larger blocks are not used again as they are */
#define USES_BEFORE_SHUFFLE 64    /* of a block's pages */
#define SPECIAL_FREED       64    /* blocks of special wishes that are kept inaccessible */
#define PRIVATE_FREED_PAGES 16384 /* of private memory that freed blocks may keep */
#define SLACK_BYTE          0xa5
#define GARBAGE_BYTES       0x10000u
#define MAPPINGS_FILE       "/proc/sys/vm/max_map_count"
#define MAPPINGS_KEPT_BACK  12000 /* for everything else in the process */

enum block_state {
    BLOCK_BARE,   /* addresses only */
    BLOCK_LIVE,   /* allocated, accessible */
    BLOCK_HIDDEN, /* allocated, inaccessible */
    BLOCK_HELD,   /* freed by the driver, but the device may still write: quarantine */
    BLOCK_FREED,  /* waits to be used again */
};

enum backing {
    BACKING_GUEST,
    BACKING_PRIVATE,
    BACKINGS
};

struct block {
    _Atomic(enum block_state) state;
    enum backing backing;
    enum memory_kind kind;
    bool plain; /* may be used again with its pages */
    uint32_t pages;
    uint32_t mappings; /* of the kernel that this block takes */
    uint32_t uses;
    uint32_t holds;
    char *base;     /* first page */
    char *start;    /* what the driver got */
    size_t bytes;   /* what it asked for */
    size_t rounded; /* up to the alignment: ends with the last page */
    const char *name;
    uint32_t *frames;              /* of each page; BACKING_GUEST */
    struct block *class_next;      /* in the queue of its size, or the stack of bare ones */
    struct block *older, *younger; /* among all freed */
};

/* Freed blocks of one size, oldest first. */
struct queue {
    struct block *head, *tail;
    uint32_t count;
};

static const char *const kind_names[MEMORY_KIND_COUNT] = {
    [MEMORY_UNCACHED_EXTENSION] = "uncached extension",
    [MEMORY_SRB_EXTENSION] = "SRB extension",
    [MEMORY_CONTIGUOUS] = "contiguous memory",
    [MEMORY_DATA] = "data buffer",
    [MEMORY_SENSE] = "sense buffer",
    [MEMORY_SRB] = "SRB",
    [MEMORY_DEVICE_EXTENSION] = "device extension",
    [MEMORY_POOL] = "pool",
    [MEMORY_PORT] = "port driver's memory",
};

static struct memory_options layout;
static int guest_file = -1;
static int private_file = -1; /* an arena page's private memory lies at the same offset in it */
static char *guest_view;      /* all of guest_file */
static char *arena;
static _Atomic(uint32_t) *arena_owner; /* block number + 1 of each arena page, 0: none */
static uint32_t *arena_frames;         /* of each arena page; meaningful where a block uses it */
static struct block *blocks;
static uint8_t garbage[GARBAGE_BYTES + GUEST_PAGE_SIZE];
static atomic_ullong garbage_draws;
static atomic_size_t allocated[MEMORY_KIND_COUNT];
static _Atomic(uint64_t) *frame_page; /* arena page + 1 that shows a frame, 0: none */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t arena_used; /* pages */
static uint32_t block_count;
static struct queue freed[BACKINGS][CLASS_PAGES + 1]; /* by pages */
static struct queue special;                          /* freed blocks that are not plain */
static struct block *bare[CLASS_PAGES + 1];           /* by pages; [0]: the larger ones */
static struct block *oldest, *youngest;               /* of all freed */
static uint64_t freed_pages[BACKINGS];
static long mappings_used, mappings_limit;

/* ---- setting up ---- */

static void *reserve(size_t bytes, int protection, const char *what)
{
    void *address =
        mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        fatal("cannot reserve %zu MiB of addresses for %s: %s (is ulimit -v set?)", bytes / MIB,
              what, strerror(errno));
    }
    return address;
}

static void check_options(const struct memory_options *options)
{
    if (options->below_4g % MIB || options->above_4g % MIB || options->below_4g < 4 * MIB ||
        options->below_4g > UINT64_C(0x100000000)) {
        fatal("guest memory of %#llx bytes below and %#llx bytes above 4 GiB: both must be "
              "multiples of 1 MiB, the first from 4 MiB to 4 GiB",
              (unsigned long long)options->below_4g, (unsigned long long)options->above_4g);
    }
    if (options->below_4g + options->above_4g > VIEW_MAXIMUM) {
        fatal("guest memory of %llu MiB: this storhost has addresses for %llu MiB",
              (unsigned long long)((options->below_4g + options->above_4g) / MIB),
              (unsigned long long)(VIEW_MAXIMUM / MIB));
    }
    if (options->bus_offset % GUEST_PAGE_SIZE) {
        fatal("bus offset %#llx is no multiple of the page size",
              (unsigned long long)options->bus_offset);
    }
}

static void read_mappings_limit(void)
{
    FILE *file = fopen(MAPPINGS_FILE, "re");

    if (!file || fscanf(file, "%ld", &mappings_limit) != 1) {
        mappings_limit = 65530; /* Linux' default */
    }
    if (file) {
        fclose(file);
    }
    mappings_limit = mappings_limit > 2 * MAPPINGS_KEPT_BACK ? mappings_limit - MAPPINGS_KEPT_BACK
                                                             : mappings_limit / 2;
}

static int create_file(const char *name, uint64_t bytes)
{
    int file = memfd_create(name, MFD_CLOEXEC);

    if (file < 0 || ftruncate(file, (off_t)bytes) != 0) {
        fatal("cannot create %llu MiB of %s: %s (is ulimit -f set?)",
              (unsigned long long)(bytes / MIB), name, strerror(errno));
    }
    return file;
}

static void create_guest_memory(uint64_t bytes)
{
    guest_file = create_file("guest-memory", bytes);
    void *view =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, guest_file, 0);
    if (view == MAP_FAILED) {
        fatal("cannot map %llu MiB of guest memory: %s (ask for less memory)",
              (unsigned long long)(bytes / MIB), strerror(errno));
    }
    guest_view = view;
}

void memory_init(const struct memory_options *options)
{
    uint64_t state = options->seed ^ UINT64_C(0x67617262);

    if (guest_view) {
        fatal("memory_init called twice");
    }
    check_options(options);
    layout = *options;
    read_mappings_limit();
    create_guest_memory(options->below_4g + options->above_4g);
    /* A file of its own and not anonymous memory: the kernel would merge and split the mappings of
     * that with the fences at each change of protection, which costs more than all the rest. */
    private_file = create_file("private-memory", ARENA_BYTES); /* sparse */
    frames_init(options->below_4g, options->above_4g, options->seed);
    arena = reserve((size_t)ARENA_BYTES, PROT_NONE, "the driver's memory");
    arena_owner = reserve(ARENA_PAGES * sizeof(*arena_owner), PROT_READ | PROT_WRITE,
                          "the table of the driver's pages");
    arena_frames = reserve(ARENA_PAGES * sizeof(*arena_frames), PROT_READ | PROT_WRITE,
                           "the table of the driver's pages");
    blocks = reserve(BLOCKS_MAXIMUM * sizeof(*blocks), PROT_READ | PROT_WRITE,
                     "the table of allocations");
    frame_page = reserve(frames_total() * sizeof(*frame_page), PROT_READ | PROT_WRITE,
                         "the table of guest pages");
    for (size_t i = 0; i < sizeof(garbage); i += sizeof(state)) {
        uint64_t word = random_next(&state);
        memcpy(garbage + i, &word, sizeof(word));
    }
    atomic_store(&garbage_draws, random_next(&state));
}

int memory_fd(void)
{
    return guest_file;
}

const struct memory_options *memory_layout(void)
{
    return &layout;
}

/* ---- pages of a block ---- */

static char *frame_view(uint32_t frame)
{
    return guest_view + (uint64_t)frame * GUEST_PAGE_SIZE;
}

/* The bench's view of a block's page: accessible whatever the driver's protection, except for
 * private memory, which has no second view. */
static char *page_view(const struct block *block, uint32_t page)
{
    return block->backing == BACKING_GUEST ? frame_view(block->frames[page])
                                           : block->base + (size_t)page * GUEST_PAGE_SIZE;
}

static uint64_t arena_page(const char *address)
{
    return (uint64_t)(address - arena) / GUEST_PAGE_SIZE;
}

static bool in_arena(const void *address)
{
    uint64_t offset = (uintptr_t)address - (uintptr_t)arena;

    return arena && offset < ARENA_BYTES;
}

/* The block that an address, or its fence, belongs to. No lock. */
static struct block *block_of(const void *address)
{
    if (!in_arena(address)) {
        return NULL;
    }
    uint32_t owner = atomic_load_explicit(&arena_owner[arena_page(address)], memory_order_acquire);
    return owner ? &blocks[owner - 1] : NULL;
}

static bool is_allocated(const struct block *block)
{
    enum block_state state = atomic_load_explicit(&block->state, memory_order_acquire);
    return state == BLOCK_LIVE || state == BLOCK_HIDDEN;
}

static const char *name_of(const struct block *block)
{
    return block->name ? block->name : kind_names[block->kind];
}

static void protect(const struct block *block, int protection)
{
    if (mprotect(block->base, (size_t)block->pages * GUEST_PAGE_SIZE, protection) != 0) {
        fatal("cannot change the protection of %s (%u pages): %s (raise vm.max_map_count?)",
              name_of(block), block->pages, strerror(errno));
    }
}

/* Maps the block's frames at its addresses, run by run. */
static void map_frames(struct block *block)
{
    for (uint32_t i = 0, run; i < block->pages; i += run) {
        for (run = 1; i + run < block->pages && block->frames[i + run] == block->frames[i] + run;) {
            run++;
        }
        char *address = block->base + (size_t)i * GUEST_PAGE_SIZE;
        if (mmap(address, (size_t)run * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED | MAP_POPULATE, guest_file,
                 (off_t)block->frames[i] * GUEST_PAGE_SIZE) == MAP_FAILED) {
            fatal("cannot map guest memory for the driver: %s (raise vm.max_map_count?)",
                  strerror(errno));
        }
        block->mappings++;
    }
    for (uint32_t i = 0; i < block->pages; i++) {
        atomic_store(&frame_page[block->frames[i]], arena_page(block->base) + i + 1);
    }
    mappings_used += block->mappings;
}

static void map_private(struct block *block)
{
    if (mmap(block->base, (size_t)block->pages * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, private_file, block->base - arena) == MAP_FAILED) {
        fatal("cannot map memory for the driver: %s (raise vm.max_map_count?)", strerror(errno));
    }
    block->mappings = 1;
    mappings_used += block->mappings;
}

static void give_up_private(struct block *block)
{
    if (fallocate(private_file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, block->base - arena,
                  (off_t)block->pages * GUEST_PAGE_SIZE) != 0) {
        fatal("cannot give memory back: %s", strerror(errno));
    }
    mappings_used -= block->mappings;
    block->mappings = 0;
}

static void give_up_frames(struct block *block)
{
    for (uint32_t i = 0; i < block->pages; i++) {
        atomic_store(&frame_page[block->frames[i]], 0);
    }
    frames_give_back(block->pages, block->frames);
    mappings_used -= block->mappings;
    block->mappings = 0;
}

/* Files a block that has only addresses, for take_bare. */
static void put_bare(struct block *block)
{
    uint32_t class = block->pages <= CLASS_PAGES ? block->pages : 0;

    atomic_store(&block->state, BLOCK_BARE);
    block->class_next = bare[class];
    bare[class] = block;
}

/* Takes a freed block's pages away. Its addresses stay inaccessible and its own. */
static void make_bare(struct block *block)
{
    if (mmap(block->base, (size_t)block->pages * GUEST_PAGE_SIZE, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        fatal("cannot unmap %s: %s (raise vm.max_map_count?)", name_of(block), strerror(errno));
    }
    if (block->backing == BACKING_GUEST) {
        give_up_frames(block);
    } else {
        give_up_private(block);
    }
    put_bare(block);
}

/* ---- freed blocks ---- */

static struct queue *queue_of(const struct block *block)
{
    return block->plain ? &freed[block->backing][block->pages] : &special;
}

/* How many blocks of a size wait inaccessible before the oldest is used again. */
static uint32_t waiting_length(uint32_t pages)
{
    uint32_t length = 256 / pages;
    return length > 128 ? 128 : length < 4 ? 4 : length;
}

static void enqueue_freed(struct block *block)
{
    struct queue *queue = queue_of(block);

    block->class_next = NULL;
    if (queue->tail) {
        queue->tail->class_next = block;
    } else {
        queue->head = block;
    }
    queue->tail = block;
    queue->count++;
    block->older = youngest;
    block->younger = NULL;
    if (youngest) {
        youngest->younger = block;
    } else {
        oldest = block;
    }
    youngest = block;
    freed_pages[block->backing] += block->pages;
}

static struct block *dequeue_freed(struct queue *queue)
{
    struct block *block = queue->head;

    queue->head = block->class_next;
    if (!queue->head) {
        queue->tail = NULL;
    }
    queue->count--;
    *(block->older ? &block->older->younger : &oldest) = block->younger;
    *(block->younger ? &block->younger->older : &youngest) = block->older;
    freed_pages[block->backing] -= block->pages;
    return block;
}

/* Makes the block bare that was freed longest ago; it is the head of its own queue as well, since
 * all queues are in order of time. False: no block waits. */
static bool evict_oldest(void)
{
    if (!oldest) {
        return false;
    }
    make_bare(dequeue_freed(queue_of(oldest)));
    return true;
}

/* Files a block as freed and keeps what waits within bounds. */
static void retire(struct block *block)
{
    atomic_store(&block->state, BLOCK_FREED);
    enqueue_freed(block);
    if (special.count > SPECIAL_FREED) {
        make_bare(dequeue_freed(&special));
    }
    while (freed_pages[BACKING_GUEST] > frames_total() / 4 ||
           freed_pages[BACKING_PRIVATE] > PRIVATE_FREED_PAGES) {
        evict_oldest();
    }
}

/* ---- allocation ---- */

/* Addresses of their own for a new block. */
static struct block *new_block(uint32_t pages, size_t alignment)
{
    uint64_t unit = alignment > GUEST_PAGE_SIZE ? alignment / GUEST_PAGE_SIZE : 1;
    uint64_t arena_first = (uint64_t)(uintptr_t)arena / GUEST_PAGE_SIZE;
    uint64_t first = (arena_first + arena_used + 1 + unit - 1) / unit * unit - arena_first;

    if (first + pages + 1 > ARENA_PAGES || block_count == BLOCKS_MAXIMUM) {
        return NULL;
    }
    struct block *block = &blocks[block_count];
    block->frames = arena_frames + first;
    block->pages = pages;
    block->base = arena + first * GUEST_PAGE_SIZE;
    block_count++;
    arena_used = first + pages + 1;
    for (uint64_t page = first - 1; page < arena_used; page++) {
        atomic_store_explicit(&arena_owner[page], block_count, memory_order_release);
    }
    return block;
}

/* Addresses without pages: of a former block, or new ones. */
static struct block *take_bare(uint32_t pages, size_t alignment)
{
    struct block **link = &bare[pages <= CLASS_PAGES ? pages : 0];

    for (; *link; link = &(*link)->class_next) {
        struct block *block = *link;
        if (block->pages == pages && (uintptr_t)block->base % alignment == 0) {
            *link = block->class_next;
            return block;
        }
        if (alignment <= GUEST_PAGE_SIZE && pages <= CLASS_PAGES) {
            break; /* the first one always suits */
        }
    }
    return new_block(pages, alignment);
}

static bool draw_frames(const struct memory_request *request, uint32_t pages, uint32_t *frames)
{
    struct frame_limits limits = {request->lowest,
                                  request->highest ? request->highest : UINT64_MAX};
    bool run = request->contiguous && pages > 1;

    do {
        bool mappings_short = mappings_used + (long)pages + 1 > mappings_limit;
        if (!run && !mappings_short && frames_take_scattered(&limits, pages, frames)) {
            return true;
        }
        if (request->contiguous &&
            frames_take_run(&limits, pages, request->alignment, request->boundary, frames)) {
            return true;
        }
    } while (evict_oldest());
    /* The kernel's mappings are all in use: one mapping for the whole will do. */
    return !request->contiguous && frames_take_run(&limits, pages, GUEST_PAGE_SIZE, 0, frames);
}

static bool back_with_memory(struct block *block, const struct memory_request *request)
{
    block->uses = 0;
    if (block->backing == BACKING_PRIVATE) {
        map_private(block);
        return true;
    }
    if (!draw_frames(request, block->pages, block->frames)) {
        return false;
    }
    map_frames(block);
    return true;
}

/* A block with accessible pages, from the queue of its size or newly made. With the mutex. */
static struct block *take_block(const struct memory_request *request, enum backing backing,
                                uint32_t pages, bool plain)
{
    struct queue *queue = plain ? &freed[backing][pages] : NULL;

    if (queue && queue->count > waiting_length(pages)) {
        struct block *block = dequeue_freed(queue);
        if (++block->uses < USES_BEFORE_SHUFFLE || backing == BACKING_PRIVATE) {
            protect(block, PROT_READ | PROT_WRITE);
            return block;
        }
        make_bare(block);
    }
    struct block *block = take_bare(pages, request->alignment);
    if (!block) {
        return NULL;
    }
    block->backing = backing;
    block->plain = plain;
    if (!back_with_memory(block, request)) {
        put_bare(block);
        return NULL;
    }
    return block;
}

/* Calls `visit` on the bench's view of [from, from + length) of a block, page by page. */
static void each_piece(const struct block *block, size_t from, size_t length,
                       void (*visit)(char *piece, size_t bytes))
{
    while (length > 0) {
        size_t offset = from % GUEST_PAGE_SIZE;
        size_t bytes = GUEST_PAGE_SIZE - offset < length ? GUEST_PAGE_SIZE - offset : length;
        visit(page_view(block, (uint32_t)(from / GUEST_PAGE_SIZE)) + offset, bytes);
        from += bytes;
        length -= bytes;
    }
}

static void fill_garbage(char *piece, size_t bytes)
{
    uint64_t draw = atomic_fetch_add_explicit(&garbage_draws, RANDOM_STEP, memory_order_relaxed);
    memcpy(piece, garbage + random_mix(draw) % GARBAGE_BYTES, bytes);
}

static void fill_slack(char *piece, size_t bytes)
{
    memset(piece, SLACK_BYTE, bytes);
}

static size_t natural_alignment(enum memory_kind kind)
{
    return kind == MEMORY_POOL || kind == MEMORY_PORT ? POOL_ALIGNMENT : 8;
}

/* Fills in defaults; false if the wishes contradict each other. */
static bool complete_request(struct memory_request *request)
{
    if (request->alignment == 0) {
        request->alignment = natural_alignment(request->kind);
    }
    if ((request->alignment & (request->alignment - 1)) != 0 ||
        (request->boundary & (request->boundary - 1)) != 0) {
        fatal("memory for %s: alignment %#zx and boundary %#llx must be powers of two",
              request->name ? request->name : kind_names[request->kind], request->alignment,
              (unsigned long long)request->boundary);
    }
    if (request->boundary != 0 && request->bytes > request->boundary) {
        return false;
    }
    if (request->bytes == 0) {
        request->bytes = 1;
    }
    uint64_t most = request->bytes > request->alignment ? request->bytes : request->alignment;

    return most < ARENA_BYTES;
}

/* Places an allocation at the end of its block and fills the block. */
static void lay_out(struct block *block, const struct memory_request *request, size_t rounded)
{
    size_t slack = (size_t)block->pages * GUEST_PAGE_SIZE - rounded;

    block->kind = request->kind;
    block->name = request->name;
    block->bytes = request->bytes;
    block->rounded = rounded;
    block->start = block->base + slack;
    each_piece(block, 0, slack, fill_slack);
    each_piece(block, slack, request->bytes, fill_garbage);
    each_piece(block, slack + request->bytes, rounded - request->bytes, fill_slack);
}

void *memory_alloc(const struct memory_request *request)
{
    struct memory_request whole = *request;

    if (!guest_view) {
        fatal("memory_alloc before memory_init");
    }
    if (!complete_request(&whole)) {
        return NULL;
    }
    size_t rounded = (whole.bytes + whole.alignment - 1) & ~(whole.alignment - 1);
    uint32_t pages = (uint32_t)((rounded + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE);
    bool device_sees =
        whole.kind != MEMORY_SRB && whole.kind != MEMORY_POOL && whole.kind != MEMORY_PORT;
    enum backing backing = device_sees ? BACKING_GUEST : BACKING_PRIVATE;
    bool anywhere = backing == BACKING_PRIVATE ||
                    (whole.lowest == 0 && whole.highest == 0 && (!whole.contiguous || pages == 1));
    bool plain = anywhere && whole.alignment <= GUEST_PAGE_SIZE && pages <= CLASS_PAGES;

    pthread_mutex_lock(&mutex);
    struct block *block = take_block(&whole, backing, pages, plain);
    pthread_mutex_unlock(&mutex);
    if (!block) {
        return NULL;
    }
    lay_out(block, &whole, rounded);
    atomic_fetch_add(&allocated[block->kind], block->bytes);
    atomic_store(&block->state, BLOCK_LIVE);
    return block->start;
}

/* ---- what the driver gives back ---- */

/* The allocation that begins at `address`; a violation if there is none. */
static struct block *allocation_at(const void *address, const char *action)
{
    struct block *block = block_of(address);
    char text[256];

    if (block && is_allocated(block) && block->start == address) {
        return block;
    }
    if (!memory_describe(address, text, sizeof(text))) {
        snprintf(text, sizeof(text), "no memory that was ever given out");
    }
    violation(RULE_MEMORY, "%s %p, which is not the beginning of an allocation: %s", action,
              address, text);
}

/* Checks `length` slack bytes from offset `from` on, all in one page. */
static void check_slack(const struct block *block, size_t from, size_t length, const char *where)
{
    const char *page = page_view(block, (uint32_t)(from / GUEST_PAGE_SIZE));
    size_t start = (size_t)(block->start - block->base);

    for (size_t i = from; i < from + length; i++) {
        if ((uint8_t)page[i % GUEST_PAGE_SIZE] != SLACK_BYTE) {
            size_t distance = i < start ? start - i : i - start - block->bytes;
            violation(RULE_MEMORY, "the byte %zu bytes %s of %s (%zu bytes) was overwritten",
                      distance, where, name_of(block), block->bytes);
        }
    }
}

/* Looks at the unused bytes that share the block's first and last page. Alignments above the page
 * size leave whole pages unused: those are not looked at. */
static void check_neighbourhood(const struct block *block)
{
    size_t start = (size_t)(block->start - block->base);
    size_t tail = block->rounded - block->bytes;

    check_slack(block, 0, start, "ahead of the beginning");
    if (tail > 0 && tail < GUEST_PAGE_SIZE) {
        check_slack(block, start + block->bytes, tail, "behind the end");
    }
}

void memory_free(void *address)
{
    struct block *block = allocation_at(address, "freed");

    if (atomic_load(&block->state) == BLOCK_LIVE || block->backing == BACKING_GUEST) {
        check_neighbourhood(block);
    }
    pthread_mutex_lock(&mutex);
    bool hidden = atomic_load(&block->state) == BLOCK_HIDDEN;
    bool given_back = is_allocated(block);
    if (given_back) {
        atomic_store(&block->state, BLOCK_HELD);
        if (!hidden) {
            protect(block, PROT_NONE);
        }
        atomic_fetch_sub(&allocated[block->kind], block->bytes);
        if (block->holds == 0) {
            retire(block);
        }
    }
    pthread_mutex_unlock(&mutex);
    if (!given_back) {
        violation(RULE_MEMORY, "%s freed by two threads at the same time", name_of(block));
    }
}

void memory_hide(void *address)
{
    struct block *block = allocation_at(address, "gave up");
    enum block_state before = BLOCK_LIVE;

    if (atomic_compare_exchange_strong(&block->state, &before, BLOCK_HIDDEN)) {
        protect(block, PROT_NONE);
    }
}

void memory_show(void *address)
{
    struct block *block = allocation_at(address, "was to get back");
    enum block_state before = BLOCK_HIDDEN;

    if (atomic_compare_exchange_strong(&block->state, &before, BLOCK_LIVE)) {
        protect(block, PROT_READ | PROT_WRITE);
    }
}

void memory_garble(void *address)
{
    struct block *block = allocation_at(address, "was to lose the contents of");
    bool closed = block->backing == BACKING_PRIVATE && atomic_load(&block->state) == BLOCK_HIDDEN;

    if (closed) {
        protect(block, PROT_READ | PROT_WRITE);
    }
    each_piece(block, (size_t)(block->start - block->base), block->bytes, fill_garbage);
    if (closed) {
        protect(block, PROT_NONE);
    }
}

/* ---- holds ---- */

void memory_hold(const void *address)
{
    struct block *block = block_of(address);

    if (!block || !is_allocated(block)) {
        fatal("memory_hold of %p, which is not allocated", address);
    }
    pthread_mutex_lock(&mutex);
    block->holds++;
    pthread_mutex_unlock(&mutex);
}

void memory_release(const void *address)
{
    struct block *block = block_of(address);

    pthread_mutex_lock(&mutex);
    bool held = block && block->holds > 0;
    if (held && --block->holds == 0 && atomic_load(&block->state) == BLOCK_HELD) {
        retire(block);
    }
    pthread_mutex_unlock(&mutex);
    if (!held) {
        fatal("memory_release of %p, which is not held", address);
    }
}

bool memory_is_held(const void *address)
{
    const struct block *block = block_of(address);

    pthread_mutex_lock(&mutex);
    bool held = block && block->holds > 0;
    pthread_mutex_unlock(&mutex);
    return held;
}

/* ---- addresses ---- */

bool memory_bus_address(const void *address, bus_addr *bus, uint64_t *contiguous)
{
    const struct block *block = block_of(address);

    if (!block || block->backing != BACKING_GUEST || !is_allocated(block) ||
        (const char *)address < block->start ||
        (const char *)address >= block->start + block->bytes) {
        return false;
    }
    size_t offset = (size_t)((const char *)address - block->base);
    size_t left = (size_t)(block->start + block->bytes - (const char *)address);
    uint32_t page = (uint32_t)(offset / GUEST_PAGE_SIZE);
    uint64_t physical = frame_physical(block->frames[page]);
    uint64_t run = GUEST_PAGE_SIZE - offset % GUEST_PAGE_SIZE;

    if (bus) {
        *bus = physical + offset % GUEST_PAGE_SIZE + layout.bus_offset;
    }
    while (run < left && frame_physical(block->frames[page + 1]) ==
                             frame_physical(block->frames[page]) + GUEST_PAGE_SIZE) {
        run += GUEST_PAGE_SIZE;
        page++;
    }
    if (contiguous) {
        *contiguous = run < left ? run : left;
    }
    return true;
}

void *memory_virtual(bus_addr bus)
{
    uint32_t frame;

    if (bus < layout.bus_offset || !frame_of(bus - layout.bus_offset, &frame)) {
        return NULL;
    }
    uint64_t page = atomic_load(&frame_page[frame]);
    if (page == 0) {
        return NULL;
    }
    char *address = arena + (page - 1) * GUEST_PAGE_SIZE + bus % GUEST_PAGE_SIZE;
    const struct block *block = block_of(address);
    return block && is_allocated(block) && address >= block->start &&
                   address < block->start + block->bytes
               ? address
               : NULL;
}

void *memory_at(bus_addr bus, size_t length)
{
    uint64_t physical = bus - layout.bus_offset;
    uint32_t first, last;

    if (length == 0) {
        length = 1;
    }
    if (bus < layout.bus_offset || physical + (length - 1) < physical ||
        !frame_of(physical, &first) || !frame_of(physical + (length - 1), &last)) {
        return NULL;
    }
    uint64_t pages = (physical % GUEST_PAGE_SIZE + length - 1) / GUEST_PAGE_SIZE;
    return last - first == pages ? frame_view(first) + physical % GUEST_PAGE_SIZE : NULL;
}

static const char *state_text(enum block_state state)
{
    switch (state) {
    case BLOCK_LIVE:
        return "";
    case BLOCK_HIDDEN:
        return ", which the driver has given up";
    default:
        return ", which was freed";
    }
}

bool memory_describe(const void *address, char *text, size_t size)
{
    const struct block *block = block_of(address);
    const char *byte = address;

    if (!block) {
        size_t bytes = (size_t)(layout.below_4g + layout.above_4g);
        if (!guest_view || byte < guest_view || byte >= guest_view + bytes) {
            return false;
        }
        snprintf(text, size, "byte %#zx of the bench's own view of guest memory",
                 (size_t)(byte - guest_view));
        return true;
    }
    const char *end = block->start + block->bytes;
    const char *state = state_text(atomic_load(&block->state));
    if (byte < block->start) {
        snprintf(text, size, "%zu bytes ahead of the beginning of %s (%zu bytes)%s",
                 (size_t)(block->start - byte), name_of(block), block->bytes, state);
    } else if (byte >= end) {
        snprintf(text, size, "%zu bytes behind the end of %s (%zu bytes)%s", (size_t)(byte - end),
                 name_of(block), block->bytes, state);
    } else {
        snprintf(text, size, "byte %zu of %s (%zu bytes)%s", (size_t)(byte - block->start),
                 name_of(block), block->bytes, state);
    }
    return true;
}

bool memory_kind_at(const void *address, enum memory_kind *kind)
{
    const struct block *block = block_of(address);

    if (block == NULL) {
        return false;
    }
    *kind = block->kind;
    return true;
}

size_t memory_allocated(enum memory_kind kind)
{
    return atomic_load(&allocated[kind]);
}
