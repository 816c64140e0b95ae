/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processors: IRQL, preemption, determinism, locks and their rules.
 */
/* SOURCES: storhost/machine/cpu.c storhost/machine/cpu_baton.c storhost/machine/cpu_lock.c storhost/machine/@ARCH@/kpcr.c storhost/base/violation.c */
#include "expect_violation.h"
#include "processor_region.h"

#include "base/random.h"
#include "machine/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const enum cpu_mode both_modes[] = {CPU_DETERMINISTIC, CPU_FREE};

/* What happened, in order; one letter for each thing. */
static char trace[65536];
static atomic_uint trace_length;

static void note(char letter)
{
    unsigned at = atomic_fetch_add(&trace_length, 1);
    assert_true(at < sizeof(trace) - 1);
    trace[at] = letter; /* what follows is zero */
}

static void clear_trace(void)
{
    atomic_store(&trace_length, 0);
    memset(trace, 0, sizeof(trace));
}

static void note_text(void *context)
{
    note(*(const char *)context);
}

static struct cpu_work work_of(uint8_t irql, const char *letter)
{
    return (struct cpu_work){
        .irql = irql, .run = note_text, .context = (void *)(uintptr_t)letter, .name = letter};
}

static void do_nothing(void *context)
{
    (void)context;
}

/* ---- where and at which IRQL work runs ---- */

struct seen {
    int processor;
    uint8_t irql;
    struct processor_region region;
    char text[64];
};

static void look_around(void *context)
{
    struct seen *seen = context;

    seen->processor = cpu_current();
    seen->irql = cpu_irql();
    seen->region = read_processor_region();
    cpu_describe(seen->text, sizeof(seen->text));
}

static void work_sees_its_processor(void **state)
{
    struct seen seen;
    char text[32];
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        cpu_start(3, both_modes[mode], 1);
        assert_int_equal(cpu_count(), 3);
        assert_int_equal(cpu_current(), -1);
        assert_int_equal(cpu_irql(), IRQL_PASSIVE);
        cpu_call(2, IRQL_DISPATCH, look_around, &seen, "StartIo");
        assert_int_equal(seen.processor, 2);
        assert_int_equal(seen.irql, IRQL_DISPATCH);
        assert_int_equal(seen.region.irql, IRQL_DISPATCH);
        assert_int_equal(seen.region.legacy_number, 2);
        assert_int_equal(seen.region.number, 2);
        assert_int_equal(seen.region.prcb_offset, REGION_PRCB_OFFSET);
        assert_string_equal(seen.text, "StartIo, DISPATCH_LEVEL, processor 2");
        cpu_stop();
    }
    cpu_describe(text, sizeof(text));
    assert_string_equal(text, "no processor");
}

/* ---- preemption ---- */

static void preempted(void *context)
{
    static struct cpu_work works[5];
    uint8_t old;
    (void)context;
    works[0] = work_of(IRQL_PASSIVE, "p");
    works[1] = work_of(IRQL_DISPATCH, "d");
    works[2] = work_of(IRQL_DISPATCH, "e");
    works[3] = work_of(IRQL_DEVICE, "i");
    works[4] = work_of(IRQL_DEVICE + 1, "j");
    note('(');
    for (int i = 0; i < 5; i++) {
        cpu_queue((unsigned)cpu_current(), &works[i]);
    }
    note('1');
    old = cpu_raise(IRQL_DEVICE);
    cpu_preemption_point(); /* only j is above */
    note('2');
    cpu_lower(old); /* i; d and e are of this level */
    note(')');
}

static void higher_work_preempts_at_points(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        clear_trace();
        cpu_start(1, both_modes[mode], 0);
        cpu_call(0, IRQL_DISPATCH, preempted, NULL, "outer");
        assert_true(cpu_wait_idle(10000));
        cpu_stop();
        assert_string_equal(trace, "(1j2i)dep");
    }
}

static void describe_nested(void *context)
{
    cpu_describe(context, 64);
}

static void interrupt_is_described_within_its_victim(void *context)
{
    struct cpu_work work = {
        .irql = 6, .run = describe_nested, .context = context, .name = "Interrupt"};
    cpu_queue(0, &work);
    cpu_preemption_point();
}

static void nested_work_is_described(void **state)
{
    char text[64];
    (void)state;
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_DISPATCH, interrupt_is_described_within_its_victim, text, "DPC");
    cpu_stop();
    assert_string_equal(text, "Interrupt within DPC, device IRQL 6, processor 0");
}

static void note_idle(void *context, unsigned index)
{
    (void)context;
    assert_int_equal(index, cpu_current());
    assert_true(cpu_irql() < IRQL_DISPATCH);
    note('~');
}

static void raise_and_lower(void *context)
{
    (void)context;
    uint8_t old = cpu_raise(IRQL_DISPATCH);
    note('r');
    cpu_lower(old);
    note('l');
    cpu_lower(cpu_raise(IRQL_APC)); /* was below DISPATCH_LEVEL all the time */
}

static void the_hook_runs_below_dispatch(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        clear_trace();
        cpu_start(2, both_modes[mode], 0);
        cpu_on_idle(note_idle, NULL);
        cpu_call(1, IRQL_DISPATCH, do_nothing, NULL, "dpc");
        assert_true(cpu_wait_idle(10000));
        note('|');
        cpu_call(0, IRQL_PASSIVE, raise_and_lower, NULL, "passive");
        assert_true(cpu_wait_idle(10000));
        cpu_stop();
        assert_string_equal(trace, "~|r~l~");
    }
}

static void queue_behind(void *context)
{
    static struct cpu_work next;
    (void)context;
    next = work_of(IRQL_PASSIVE, "n");
    cpu_queue(0, &next);
    cpu_lower(cpu_raise(IRQL_DISPATCH)); /* the next one is pending: not idle */
    note('q');
}

static void the_hook_waits_for_pending_work(void **state)
{
    (void)state;
    clear_trace();
    cpu_start(1, CPU_DETERMINISTIC, 0);
    cpu_on_idle(note_idle, NULL);
    cpu_call(0, IRQL_PASSIVE, queue_behind, NULL, "passive");
    assert_true(cpu_wait_idle(10000));
    cpu_stop();
    assert_string_equal(trace, "qn~");
}

/* ---- determinism ---- */

static struct cpu_lock dpc_lock, startio_lock, interrupt_lock;

static void init_locks(void)
{
    cpu_lock_init(&dpc_lock, "DPC", IRQL_DISPATCH, 1);
    cpu_lock_init(&startio_lock, "StartIo", IRQL_DISPATCH, 2);
    cpu_lock_init(&interrupt_lock, "interrupt", IRQL_DEVICE, 3);
}

#define CHAINS     5
#define GENERATION 40

/* Work that notes itself, preempts, takes locks, and queues its successor on another processor. */
struct chain {
    struct cpu_work work;
    uint64_t random;
    int left;
    char letter;
};

/* One lock, then two of them in order: someone waits most of the time. */
static void take_locks(void)
{
    uint8_t old = cpu_lock_acquire(&startio_lock);
    cpu_preemption_point();
    cpu_lock_release(&startio_lock, old);
    old = cpu_lock_acquire(&dpc_lock);
    cpu_preemption_point();
    uint8_t inner = cpu_lock_acquire(&startio_lock);
    cpu_preemption_point();
    cpu_lock_release(&startio_lock, inner);
    cpu_lock_release(&dpc_lock, old);
}

static void link_of_chain(void *context)
{
    struct chain *chain = context;

    note(chain->letter);
    cpu_preemption_point();
    if (cpu_irql() <= IRQL_DISPATCH) {
        take_locks();
    }
    note((char)('0' + cpu_current()));
    if (chain->left-- > 0) {
        uint64_t draw = random_next(&chain->random);
        chain->work.irql = (uint8_t)(draw % 8);
        cpu_queue((unsigned)(draw >> 8) % cpu_count(), &chain->work);
    }
    cpu_preemption_point();
    note((char)(chain->letter + 32));
}

/* Runs some chains, queued by this thread with or without pauses. */
static char *run_chains(uint64_t seed, bool pauses, bool together)
{
    static struct chain chains[CHAINS];

    clear_trace();
    init_locks();
    cpu_start(3, CPU_DETERMINISTIC, seed);
    if (together) {
        cpu_hold();
    }
    for (int i = 0; i < CHAINS; i++) {
        chains[i] =
            (struct chain){.random = (uint64_t)i, .left = GENERATION, .letter = (char)('A' + i)};
        chains[i].work = (struct cpu_work){.irql = 2, .run = link_of_chain, .context = &chains[i]};
        cpu_queue((unsigned)i % 3, &chains[i].work);
        if (pauses) {
            usleep((useconds_t)(rand() % 300));
        }
    }
    if (together) {
        cpu_let_go();
    }
    assert_true(cpu_wait_idle(20000));
    cpu_stop();
    assert_int_equal(strlen(trace), CHAINS * (GENERATION + 1) * 3);
    return strdup(trace);
}

static void a_seed_fixes_the_order(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        char *first = run_chains(11, false, together);
        for (int i = 0; i < 20; i++) {
            char *again = run_chains(11, i & 1, together);
            assert_string_equal(first, again);
            free(again);
        }
        free(first);
    }
}

static void another_seed_gives_another_order(void **state)
{
    char *one = run_chains(11, false, true), *two = run_chains(12, false, true);
    char *none = run_chains(0, false, true), *alone = run_chains(11, false, false);
    (void)state;
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, none);
    assert_string_not_equal(one, alone);
    free(one);
    free(two);
    free(none);
    free(alone);
}

static void note_five_times(void *context)
{
    for (int i = 0; i < 5; i++) {
        note_text(context);
        cpu_preemption_point();
    }
}

static void without_a_seed_others_wait_for_the_end(void **state)
{
    struct cpu_work works[3];
    static const char letters[] = "abc";
    (void)state;
    clear_trace();
    cpu_start(3, CPU_DETERMINISTIC, 0);
    cpu_hold();
    for (unsigned i = 0; i < 3; i++) {
        works[i] = work_of(IRQL_DISPATCH, &letters[i]);
        works[i].run = note_five_times;
        cpu_queue(i, &works[i]);
    }
    cpu_let_go();
    assert_true(cpu_wait_idle(10000));
    cpu_stop();
    assert_string_equal(trace, "aaaaabbbbbccccc");
}

static atomic_bool flag;

static void set_flag(void *context)
{
    (void)context;
    atomic_store(&flag, true);
}

static void poll_flag(void *context)
{
    (void)context;
    while (!atomic_load(&flag)) {
        cpu_relax();
    }
}

static void waiting_lets_work_enter(void **state)
{
    struct cpu_work polls = {.irql = 0, .run = poll_flag};
    struct cpu_work sets = {.irql = 2, .run = set_flag};
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        for (unsigned other = 0; other < 2; other++) {
            atomic_store(&flag, false);
            cpu_start(2, both_modes[mode], 1);
            cpu_queue(0, &polls);
            assert_false(cpu_wait_idle(20));
            cpu_queue(other, &sets);
            assert_true(cpu_wait_idle(10000));
            cpu_stop();
        }
    }
}

/* ---- locks ---- */

#define ROUNDS 3000

static unsigned counted; /* under dpc_lock */

static void count_under_locks(void *context)
{
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t first = cpu_lock_acquire(&dpc_lock);
        assert_true(cpu_lock_held(&dpc_lock));
        unsigned before = counted;
        cpu_preemption_point();
        uint8_t second = cpu_lock_acquire(&interrupt_lock);
        assert_int_equal(cpu_irql(), IRQL_DEVICE);
        counted = before + 1;
        cpu_lock_release(&interrupt_lock, second);
        assert_int_equal(cpu_irql(), IRQL_DISPATCH);
        cpu_lock_release(&dpc_lock, first);
        assert_false(cpu_lock_held(&dpc_lock));
    }
}

static void locks_exclude(void **state)
{
    struct cpu_work works[4];
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        init_locks();
        counted = 0;
        cpu_start(4, both_modes[mode], 5);
        cpu_hold();
        for (unsigned i = 0; i < 4; i++) {
            works[i] = (struct cpu_work){.irql = i & 1 ? 0 : 2, .run = count_under_locks};
            cpu_queue(i, &works[i]);
        }
        cpu_let_go();
        assert_true(cpu_wait_idle(50000));
        cpu_stop();
        assert_int_equal(counted, 4 * ROUNDS);
    }
}

/* Runs a body on processor 0 of a machine of its own: for children. */
struct body {
    uint8_t irql;
    void (*run)(void *context);
};

static void on_processor(void *context)
{
    const struct body *body = context;
    init_locks();
    cpu_start(2, CPU_DETERMINISTIC, 1);
    cpu_call(0, body->irql, body->run, NULL, "body");
    cpu_stop();
}

static void expect_broken(uint8_t irql, void (*run)(void *context), enum rule rule,
                          const char *part)
{
    struct body body = {irql, run};
    expect_violation(on_processor, &body, rule, part);
}

static void recurse(void *context)
{
    (void)context;
    cpu_lock_acquire(&dpc_lock);
    cpu_lock_acquire(&dpc_lock);
}

static void disorder(void *context)
{
    (void)context;
    cpu_lock_acquire(&startio_lock);
    cpu_lock_acquire(&dpc_lock);
}

static void take_equals(void *context)
{
    (void)context;
    interrupt_lock.rank = startio_lock.rank;
    cpu_lock_acquire(&startio_lock);
    cpu_lock_acquire(&interrupt_lock);
}

static void release_free(void *context)
{
    (void)context;
    cpu_lock_release(&dpc_lock, IRQL_PASSIVE);
}

static void release_twice(void *context)
{
    (void)context;
    uint8_t old = cpu_lock_acquire(&dpc_lock);
    cpu_lock_release(&dpc_lock, old);
    cpu_lock_release(&dpc_lock, old);
}

static void release_to_higher(void *context)
{
    (void)context;
    cpu_lock_acquire(&dpc_lock);
    cpu_lock_release(&dpc_lock, IRQL_DEVICE);
}

static void acquire_too_high(void *context)
{
    (void)context;
    cpu_raise(IRQL_DEVICE);
    cpu_lock_acquire(&startio_lock);
}

static void keep_lock(void *context)
{
    (void)context;
    cpu_lock_acquire(&interrupt_lock);
}

static void keep_irql(void *context)
{
    (void)context;
    cpu_raise(IRQL_DISPATCH);
}

static void lower_with_lock(void *context)
{
    (void)context;
    cpu_lock_acquire(&dpc_lock);
    cpu_lower(IRQL_PASSIVE);
}

static void lower_up(void *context)
{
    (void)context;
    cpu_lower(IRQL_DEVICE);
}

static void raise_down(void *context)
{
    (void)context;
    cpu_raise(IRQL_PASSIVE);
}

static void take_startio_lock(void *context)
{
    (void)context;
    cpu_lock_release(&startio_lock, cpu_lock_acquire(&startio_lock));
}

static void interrupted_by_the_same_lock(void *context)
{
    struct cpu_work nested = {.irql = IRQL_DEVICE, .run = take_startio_lock, .name = "nested"};
    (void)context;
    cpu_lock_acquire(&startio_lock);
    cpu_queue(0, &nested);
    cpu_preemption_point();
}

static void rules_of_locks_and_irql(void **state)
{
    (void)state;
    expect_broken(0, recurse, RULE_LOCK_RECURSION, "lock \"DPC\" acquired by the processor that");
    expect_broken(2, interrupted_by_the_same_lock, RULE_LOCK_RECURSION, "\"StartIo\"");
    expect_broken(2, disorder, RULE_LOCK_ORDER, "\"DPC\" acquired while \"StartIo\" is held");
    expect_broken(2, take_equals, RULE_LOCK_ORDER, "\"interrupt\" acquired while \"StartIo\"");
    expect_broken(2, release_free, RULE_LOCK_ORDER, "\"DPC\" released, but nobody holds it");
    expect_broken(2, release_twice, RULE_LOCK_ORDER, "\"DPC\" released, but nobody holds it");
    expect_broken(2, release_to_higher, RULE_IRQL, "lowered from DISPATCH_LEVEL to device IRQL 6");
    expect_broken(2, acquire_too_high, RULE_IRQL,
                  "\"StartIo\" of DISPATCH_LEVEL acquired at device IRQL 6");
    expect_broken(2, keep_lock, RULE_LOCK_ORDER, "body returned with lock \"interrupt\" held");
    expect_broken(0, keep_irql, RULE_IRQL,
                  "body was called at PASSIVE_LEVEL and returned at DISPATCH_LEVEL");
    expect_broken(0, lower_with_lock, RULE_IRQL, "lowered to PASSIVE_LEVEL with lock \"DPC\" held");
    expect_broken(0, lower_up, RULE_IRQL, "lowered from PASSIVE_LEVEL to device IRQL 6");
    expect_broken(2, raise_down, RULE_IRQL, "raised from DISPATCH_LEVEL to PASSIVE_LEVEL");
}

/* Two processors that each hold what the other wants. The order of ranks makes that impossible, so
 * a rank is changed when the first one waits already. */
static struct cpu_lock left, right;
static atomic_int holders;

static void hold_one(struct cpu_lock *lock)
{
    cpu_lock_acquire(lock);
    atomic_fetch_add(&holders, 1);
    while (atomic_load(&holders) < 2) {
        cpu_relax();
    }
}

static void hold_left(void *context)
{
    (void)context;
    hold_one(&left);
    cpu_lock_acquire(&right);
}

static void hold_right(void *context)
{
    (void)context;
    hold_one(&right);
    cpu_relax();
    cpu_relax();
    left.rank = 3;
    cpu_lock_acquire(&left);
}

static void deadlock(void *context)
{
    static struct cpu_work one = {.irql = 2, .run = hold_left};
    static struct cpu_work two = {.irql = 2, .run = hold_right};
    (void)context;
    cpu_lock_init(&left, "left", IRQL_DISPATCH, 1);
    cpu_lock_init(&right, "right", IRQL_DISPATCH, 2);
    cpu_start(2, CPU_DETERMINISTIC, 0);
    cpu_hold();
    cpu_queue(0, &one);
    cpu_queue(1, &two);
    cpu_let_go();
    cpu_wait_idle(30000);
}

static void a_deadlock_names_all_holders(void **state)
{
    (void)state;
    expect_violation(deadlock, NULL, RULE_LOCK_ORDER, "can never be had: all processors wait");
    expect_violation(deadlock, NULL, RULE_LOCK_ORDER,
                     "processor 0 holds \"left\", waits for \"right\"; processor 1 holds "
                     "\"right\", waits for \"left\"");
}

static void raise_outside(void *context)
{
    (void)context;
    cpu_raise(IRQL_DISPATCH);
}

static void queue_nowhere(void *context)
{
    struct cpu_work work = {.run = do_nothing, .name = "lost"};
    (void)context;
    cpu_start(2, CPU_FREE, 0);
    cpu_queue(2, &work);
}

static void wrong_uses_are_told(void **state)
{
    (void)state;
    expect_fatal(raise_outside, NULL, "cpu_raise called on a thread that is no processor");
    expect_fatal(queue_nowhere, NULL, "work \"lost\" queued on processor 2 of 2");
}

/* ---- waiting for locks that will be released ---- */

static atomic_bool outside_queued;

static void hold_for_long(void *context)
{
    (void)context;
    uint8_t old = cpu_lock_acquire(&startio_lock);
    note('a');
    while (!atomic_load(&outside_queued)) {
        cpu_preemption_point();
    }
    for (int i = 0; i < 300; i++) {
        cpu_preemption_point();
    }
    note('A');
    cpu_lock_release(&startio_lock, old);
}

static void wait_for_long(void *context)
{
    (void)context;
    uint8_t old = cpu_lock_acquire(&startio_lock);
    note('b');
    cpu_lock_release(&startio_lock, old);
}

/* A processor that spins while another one gets on is no reason to let work enter. */
static void waiting_for_a_busy_one_lets_nothing_enter(void **state)
{
    struct cpu_work holds = {.irql = 2, .run = hold_for_long};
    struct cpu_work waits = {.irql = 2, .run = wait_for_long};
    struct cpu_work outside = work_of(IRQL_DISPATCH, "x");
    (void)state;
    clear_trace();
    init_locks();
    atomic_store(&outside_queued, false);
    cpu_start(3, CPU_DETERMINISTIC, 4);
    cpu_hold();
    cpu_queue(0, &holds);
    cpu_queue(1, &waits);
    cpu_let_go();
    cpu_queue(2, &outside);
    atomic_store(&outside_queued, true);
    assert_true(cpu_wait_idle(20000));
    cpu_stop();
    assert_string_equal(trace, "aAbx");
}

static atomic_bool dpc_lock_taken, interrupt_lock_taken;

static void interrupt_with_lock(void *context)
{
    (void)context;
    uint8_t old = cpu_lock_acquire(&interrupt_lock);
    atomic_store(&interrupt_lock_taken, true);
    for (int i = 0; i < 100; i++) {
        cpu_preemption_point();
    }
    cpu_lock_release(&interrupt_lock, old);
}

static void hold_dpc_lock(void *context)
{
    static struct cpu_work interrupt = {.irql = IRQL_DEVICE, .run = interrupt_with_lock};
    (void)context;
    uint8_t old = cpu_lock_acquire(&dpc_lock);
    atomic_store(&dpc_lock_taken, true);
    cpu_relax(); /* the other one waits from here on */
    cpu_relax();
    cpu_queue(1, &interrupt);
    while (!atomic_load(&interrupt_lock_taken)) {
        cpu_relax();
    }
    cpu_lock_release(&interrupt_lock, cpu_lock_acquire(&interrupt_lock));
    cpu_lock_release(&dpc_lock, old);
}

static void wait_for_dpc_lock(void *context)
{
    (void)context;
    while (!atomic_load(&dpc_lock_taken)) {
        cpu_relax();
    }
    cpu_lock_release(&dpc_lock, cpu_lock_acquire(&dpc_lock));
}

/* What a waiting processor's interrupt holds will be released: no deadlock. */
static void an_interrupt_of_a_waiter_is_no_deadlock(void **state)
{
    struct cpu_work holds = {.irql = 2, .run = hold_dpc_lock};
    struct cpu_work waits = {.irql = 2, .run = wait_for_dpc_lock};
    (void)state;
    init_locks();
    cpu_start(2, CPU_DETERMINISTIC, 4);
    cpu_hold();
    cpu_queue(0, &holds);
    cpu_queue(1, &waits);
    cpu_let_go();
    assert_true(cpu_wait_idle(20000));
    cpu_stop();
}

/* ---- load ---- */

static void all_processors_run_everything(void **state)
{
    static struct chain chains[CPU_MAXIMUM];
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        clear_trace();
        init_locks();
        cpu_start(CPU_MAXIMUM, both_modes[mode], 9);
        for (unsigned i = 0; i < CPU_MAXIMUM; i++) {
            chains[i] = (struct chain){.random = i, .left = 60, .letter = 'A'};
            chains[i].work =
                (struct cpu_work){.irql = 2, .run = link_of_chain, .context = &chains[i]};
            cpu_queue(i, &chains[i].work);
        }
        assert_true(cpu_wait_idle(50000));
        cpu_stop();
        assert_int_equal(atomic_load(&trace_length), CPU_MAXIMUM * 61 * 3);
    }
}

/* ---- freezing ---- */

static atomic_uint steps[4]; /* of each processor */
static atomic_bool enough;

/* Goes on until it is told, with a preemption point at each step. */
static void step_on(void *unused)
{
    (void)unused;
    while (!atomic_load(&enough)) {
        atomic_fetch_add(&steps[cpu_current()], 1);
        cpu_preemption_point();
        cpu_relax();
    }
}

static unsigned all_steps(void)
{
    unsigned sum = 0;

    for (unsigned i = 1; i < 4; i++) {
        sum += atomic_load(&steps[i]);
    }
    return sum;
}

struct freezing {
    bool stood_still;
};

static void freeze_and_look(void *context)
{
    struct freezing *freezing = context;
    uint8_t old = cpu_raise(IRQL_HIGH);
    unsigned before;

    while (all_steps() < 100) {
        cpu_relax();
    }
    cpu_freeze();
    before = all_steps();
    freezing->stood_still = cpu_frozen();
    for (int i = 0; i < 1000; i++) {
        cpu_preemption_point();
        cpu_relax();
        freezing->stood_still = freezing->stood_still && all_steps() == before;
    }
    cpu_thaw();
    atomic_store(&enough, true);
    cpu_lower(old);
}

static void frozen_processors_stand_still(void **state)
{
    static struct cpu_work work[4];
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        struct freezing freezing = {false};
        memset(steps, 0, sizeof(steps));
        atomic_store(&enough, false);
        cpu_start(4, both_modes[mode], 5);
        cpu_hold();
        for (unsigned i = 1; i < 4; i++) {
            work[i] = (struct cpu_work){.irql = IRQL_DISPATCH, .run = step_on, .name = "steps"};
            cpu_queue(i, &work[i]);
        }
        work[0] = (struct cpu_work){
            .irql = IRQL_DISPATCH, .run = freeze_and_look, .context = &freezing, .name = "freeze"};
        cpu_queue(0, &work[0]);
        cpu_let_go();
        assert_true(cpu_wait_idle(20000) || cpu_wait_idle(20000)); /* frozen counts as idle */
        cpu_stop();
        assert_true(freezing.stood_still);
        assert_false(cpu_frozen());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_sees_its_processor),
        cmocka_unit_test(higher_work_preempts_at_points),
        cmocka_unit_test(nested_work_is_described),
        cmocka_unit_test(the_hook_runs_below_dispatch),
        cmocka_unit_test(the_hook_waits_for_pending_work),
        cmocka_unit_test(a_seed_fixes_the_order),
        cmocka_unit_test(another_seed_gives_another_order),
        cmocka_unit_test(without_a_seed_others_wait_for_the_end),
        cmocka_unit_test(waiting_lets_work_enter),
        cmocka_unit_test(locks_exclude),
        cmocka_unit_test(rules_of_locks_and_irql),
        cmocka_unit_test(a_deadlock_names_all_holders),
        cmocka_unit_test(waiting_for_a_busy_one_lets_nothing_enter),
        cmocka_unit_test(an_interrupt_of_a_waiter_is_no_deadlock),
        cmocka_unit_test(wrong_uses_are_told),
        cmocka_unit_test(all_processors_run_everything),
        cmocka_unit_test(frozen_processors_stand_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
