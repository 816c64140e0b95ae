/* SPDX-License-Identifier: BSD-3-Clause */
/* What scripts do to the machine, the device and QEMU, and how they look at it. See script.h. */
#include "ways/script.h"

#include <limits.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "devices/qemu/qemu.h"
#include "devices/scripted/scripted.h"
#include "machine/clock.h"
#include "machine/cpu.h"
#include "machine/crash.h"
#include "machine/memory.h"
#include "virtio/observer.h"
#include "ways/facts.h"
#include "ways/stop.h"

#define IDLE_SECONDS 10u

/* Word 1, or "" */
static const char *argument(const struct script *script)
{
    return script->line.words > 1 ? script->line.word[1] : "";
}

static bool needs_running(struct script *script)
{
    return script->bench->state == BENCH_RUNNING || script_fail(script, "the device was removed");
}

static bool needs_qemu(struct script *script)
{
    return needs_running(script) &&
           (script->bench->options->device == DEVICE_QEMU ||
            script_fail(script, "%s needs --device=qemu", script->line.word[0]));
}

static bool do_say(struct script *script)
{
    const char *text = script->line.rest;

    printf("%s\n", text + strspn(text, " \t"));
    fflush(stdout);
    return true;
}

/* clock advance SECONDS */
static bool do_clock(struct script *script)
{
    uint64_t microseconds;

    if (script->line.words != 3 || strcmp(argument(script), "advance") != 0 ||
        !script_seconds(script->line.word[2], &microseconds)) {
        return script_fail(script, "clock advance SECONDS is needed");
    }
    if (script->bench->options->clock != CLOCK_MANUAL) {
        return script_fail(script, "the clock is real: run with --clock=manual");
    }
    clock_advance(microseconds);
    return true;
}

/* sleep SECONDS, of real time */
static bool do_sleep(struct script *script)
{
    uint64_t microseconds;

    if (!script_seconds(argument(script), &microseconds)) {
        return script_fail(script, "sleep SECONDS is needed");
    }
    stop_wait((unsigned)(microseconds / 1000));
    return true;
}

/* idle [SECONDS]: until no processor has work */
static bool do_idle(struct script *script)
{
    uint64_t microseconds = IDLE_SECONDS * UINT64_C(1000000);

    if (script->line.words > 1 && !script_seconds(argument(script), &microseconds)) {
        return script_fail(script, "'%s' is no number of seconds", argument(script));
    }
    return cpu_wait_idle((unsigned)(microseconds / 1000)) ||
           script_fail(script, "processors still have work after %.1f seconds",
                       (double)microseconds / 1e6);
}

/* A reset on a thread of its own, since a crash may leave it waiting for ever. */
struct reset {
    struct port *port;
    bool (*run)(struct port *port);
    atomic_bool done;
    bool good;
};

static void *run_reset(void *context)
{
    struct reset *reset = context;

    reset->good = reset->run(reset->port);
    atomic_store(&reset->done, true);
    return NULL;
}

/* Runs it until it is done or the system has stopped; false: that. */
static bool reset_or_crash(struct reset *reset)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_reset, reset) != 0) {
        fatal("cannot start a thread");
    }
    pthread_detach(thread);
    while (!atomic_load(&reset->done) && !crash_happened()) {
        stop_wait(1);
    }
    return atomic_load(&reset->done);
}

/* reset unit|target|bus */
static bool do_reset(struct script *script)
{
    const char *what = argument(script);
    struct reset *reset;
    bool good;

    if (!needs_running(script)) {
        return false;
    }
    reset = calloc(1, sizeof(*reset)); /* after a crash its thread has it for good */
    if (reset == NULL) {
        fatal("out of memory");
    }
    reset->port = script->bench->port;
    if (strcmp(what, "unit") == 0) {
        reset->run = port_reset_unit;
    } else if (strcmp(what, "target") == 0) {
        reset->run = port_reset_target;
    } else if (strcmp(what, "bus") == 0) {
        reset->run = port_reset_bus;
    } else {
        free(reset);
        return script_fail(script, "reset unit, reset target or reset bus");
    }
    if (!reset_or_crash(reset)) {
        return true;
    }
    good = reset->good;
    free(reset);
    script_result_call(script, good, "reset %s %s", what, good ? "done" : "failed");
    return true;
}

/* queue pause|resume [adapter] */
static bool do_queue(struct script *script)
{
    const char *what = argument(script);
    const bool pause = strcmp(what, "pause") == 0;
    const bool whole = script->line.words > 2;

    if (!needs_running(script)) {
        return false;
    }
    if ((!pause && strcmp(what, "resume") != 0) ||
        (whole && strcmp(script->line.word[2], "adapter") != 0)) {
        return script_fail(script, "queue pause|resume [adapter]");
    }
    if (!port_lock_queue(script->bench->port, whole, pause)) {
        return script_fail(script, "there is no unit");
    }
    return true;
}

static bool do_stop(struct script *script)
{
    bool good;

    if (!needs_running(script)) {
        return false;
    }
    good = port_stop_adapter(script->bench->port);
    script_result_call(script, good, "stop %s", good ? "done" : "failed");
    return true;
}

/* The device comes out of a power-down as after power-on. */
bool script_power_cycle(struct script *script)
{
    struct device *backend = script->bench->backend;

    if (script->bench->options->device == DEVICE_VHOST_USER) {
        backend->ops->power_cycle(backend);
        observer_power_cycled(script->bench->device);
        return true;
    }
    if (script->bench->options->device != DEVICE_QEMU) {
        return true;
    }
    if (!qemu_power_cycle(script->bench->backend)) {
        return script_fail(script, "QEMU did not reset the device");
    }
    observer_power_cycled(script->bench->device);
    return true;
}

/* restart [unstopped] */
static bool do_restart(struct script *script)
{
    const bool unstopped = script->line.words > 1;
    bool good;

    if (unstopped && strcmp(argument(script), "unstopped") != 0) {
        return script_fail(script, "unexpected '%s'", argument(script));
    }
    if (!needs_running(script) || !script_power_cycle(script)) {
        return false;
    }
    good = unstopped ? port_restart_unstopped(script->bench->port)
                     : port_restart_adapter(script->bench->port);
    script_result_call(script, good, "restart %s", good ? "done" : "failed");
    return true;
}

/* pnp stop; pnp start [VECTORS] */
static bool do_pnp(struct script *script)
{
    const bool start = strcmp(argument(script), "start") == 0;
    uint64_t vectors = PORT_VECTORS_DEFAULT;
    char error[256] = "done";
    bool good;

    if (!start && strcmp(argument(script), "stop") != 0) {
        return script_fail(script, "pnp stop or pnp start [VECTORS]");
    }
    if (!needs_running(script) || (start && script->line.words > 2 &&
                                   !script_number_word(script, 2, "messages", 0, 2048, &vectors))) {
        return false;
    }
    good = start ? port_pnp_start(script->bench->port, (unsigned)vectors, error, sizeof(error))
                 : port_pnp_stop(script->bench->port);
    script_result_call(script, good, "pnp %s: %s", argument(script), good ? "done" : error);
    return true;
}

/* power off|on */
static bool do_power(struct script *script)
{
    bool on = strcmp(argument(script), "on") == 0;

    if (!on && strcmp(argument(script), "off") != 0) {
        return script_fail(script, "power off or power on");
    }
    if (!needs_running(script) || (on && !script_power_cycle(script))) {
        return false;
    }
    port_power(script->bench->port, on);
    return true;
}

static bool do_power_cycle(struct script *script)
{
    return needs_running(script) && script_power_cycle(script);
}

static bool do_remove(struct script *script)
{
    const bool surprise = strcmp(script->line.word[0], "surprise-remove") == 0;

    if (!needs_running(script)) {
        return false;
    }
    if (script->line.words > 1) {
        if (!surprise || strcmp(script->line.word[1], "unit") != 0) {
            return script_fail(script, "unexpected '%s'", script->line.word[1]);
        }
        port_lose_device(script->bench->port);
        return true;
    }
    bench_remove(script->bench, surprise);
    return true;
}

static bool set_throttle(struct script *script, uint64_t requests_per_second)
{
    struct qemu_throttle throttle = {.requests_per_second = requests_per_second};
    char error[512];

    return qemu_set_throttle(script->bench->backend, &throttle, error, sizeof(error)) ||
           script_fail(script, "%s", error);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

/* device COMMAND: a command of the scripted device's own language (devices/scripted/scripted.h) */
static bool do_device(struct script *script)
{
    char error[512];

    if (script->bench->options->device != DEVICE_SCRIPTED) {
        return script_fail(script, "device needs --device=scripted");
    }
    if (!scripted_command(script->bench->backend, script->line.rest, error, sizeof(error))) {
        return script_fail(script, "device: %s", error);
    }
    /* The device works when a processor becomes idle: there may be something for it to do now. */
    if (!crash_happened()) {
        cpu_call(0, IRQL_PASSIVE, do_nothing, NULL, "device");
    }
    return true;
}

/* hold [REQUESTS-PER-SECOND] */
static bool do_hold(struct script *script)
{
    uint64_t rate = 1;

    if (!needs_qemu(script)) {
        return false;
    }
    if (script->line.words > 1 &&
        !script_number_word(script, 1, "requests per second", 1, UINT_MAX, &rate)) {
        return false;
    }
    return set_throttle(script, rate);
}

static bool do_release(struct script *script)
{
    return needs_qemu(script) && set_throttle(script, 0);
}

/* The place of a packed ring that comes next, everything being at rest: where the device asks for a
 * doorbell. */
static void spoil_packed(const struct observer_queue *queue)
{
    const uint16_t *event = memory_at(queue->device_area, 4);
    struct vring_packed_desc *ring =
        memory_at(queue->descriptors, queue->size * sizeof(struct vring_packed_desc));
    const uint16_t used = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;

    ring[event[0] & 0x7fff].flags = event[0] & 0x8000 ? used : 0;
}

/* spoil-ring: what the device has used of queue 0 goes one too far, as if it lied. The device itself
 * knows nothing of it. */
static bool do_spoil_ring(struct script *script)
{
    struct observer_facts facts;

    if (!needs_running(script)) {
        return false;
    }
    if (!cpu_wait_idle(IDLE_SECONDS * 1000)) {
        return script_fail(script, "processors still have work after %u seconds", IDLE_SECONDS);
    }
    observer_get_facts(script->bench->device, &facts);
    if (facts.driver_features & UINT64_C(1) << VIRTIO_F_RING_PACKED) {
        if (!(facts.driver_features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)) {
            return script_fail(script, "spoil-ring needs EVENT_IDX with packed rings");
        }
        spoil_packed(&facts.queue[0]);
    } else {
        uint16_t *used = memory_at(facts.queue[0].device_area, 4);
        ++used[1];
    }
    return true;
}

/* qmp {"execute": ...} */
static bool do_qmp(struct script *script)
{
    char *reply = NULL;
    bool good;

    if (!needs_qemu(script)) {
        return false;
    }
    good = qemu_qmp(script->bench->backend, script->line.rest, &reply);
    script_result_call(script, good, "QMP: %s", reply != NULL ? reply : "no answer");
    free(reply);
    return true;
}

/* qmp-event NAME [SECONDS] */
static bool do_qmp_event(struct script *script)
{
    uint64_t microseconds = IDLE_SECONDS * UINT64_C(1000000);

    if (!needs_qemu(script)) {
        return false;
    }
    if (script->line.words < 2 ||
        (script->line.words > 2 && !script_seconds(script->line.word[2], &microseconds))) {
        return script_fail(script, "qmp-event NAME [SECONDS] is needed");
    }
    return qemu_wait_event(script->bench->backend, argument(script),
                           (unsigned)(microseconds / 1000)) ||
           script_fail(script, "QEMU sent no event %s", argument(script));
}

/* resize SIZE */
static bool do_resize(struct script *script)
{
    uint64_t bytes;
    char error[512];

    if (!needs_qemu(script)) {
        return false;
    }
    if (!options_parse_size(argument(script), &bytes)) {
        return script_fail(script, "resize SIZE is needed, such as 512M");
    }
    return qemu_resize(script->bench->backend, bytes, error, sizeof(error)) ||
           script_fail(script, "%s", error);
}

/* discover: asks the disk again what it is */
static bool do_discover(struct script *script)
{
    char error[512];
    bool good;

    if (!needs_running(script)) {
        return false;
    }
    good = disk_discover(&script->bench->disk, script->bench->port, error, sizeof(error));
    script_result_call(script, good, "%s", good ? "discovered" : error);
    return true;
}

/* ready: TEST UNIT READY, again as long as a unit attention (after a reset, say) is told */
static bool do_ready(struct script *script)
{
    struct port_io io = {.processor = -1, .cdb_length = 6, .sense_capacity = sizeof(io.sense)};
    char text[160];

    if (!needs_running(script)) {
        return false;
    }
    port_execute_retried(script->bench->port, &io);
    disk_describe_result(&io, text, sizeof(text));
    script_result_call(script, disk_succeeded(&io), "TEST UNIT READY: %s", text);
    return true;
}

static bool compare_integers(json_int_t left, const char *operator, json_int_t right, bool *known)
{
    *known = true;
    if (strcmp(operator, "=") == 0) {
        return left == right;
    }
    if (strcmp(operator, "!=") == 0) {
        return left != right;
    }
    if (strcmp(operator, "<") == 0) {
        return left < right;
    }
    if (strcmp(operator, "<=") == 0) {
        return left <= right;
    }
    if (strcmp(operator, ">") == 0) {
        return left > right;
    }
    if (strcmp(operator, ">=") == 0) {
        return left >= right;
    }
    *known = false;
    return false;
}

static bool array_has(json_t *array, const char *text)
{
    json_t *one;
    size_t index;

    json_array_foreach(array, index, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), text) == 0) {
            return true;
        }
    }
    return false;
}

/* Judges one fact; texts and truth values know = and !=, lists of names also has and lacks. */
static bool check_fact(struct script *script, json_t *fact, const char *operator,
                       const char * value)
{
    char text[128] = "a list or an object";
    bool good = false, known = true;
    uint64_t number;

    if (json_is_array(fact)) {
        known = strcmp(operator, "has") == 0 || strcmp(operator, "lacks") == 0;
        good = array_has(fact, value) == (operator[0] == 'h');
    } else if (json_is_integer(fact)) {
        if (!script_number(value, &number) || number > INT64_MAX) {
            return script_fail(script, "'%s' is no number", value);
        }
        good = compare_integers(json_integer_value(fact), operator,(json_int_t) number, &known);
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(fact));
    } else {
        const char *is = json_is_boolean(fact)  ? (json_is_true(fact) ? "true" : "false")
                         : json_is_string(fact) ? json_string_value(fact)
                                                : text;
        known = strcmp(operator, "=") == 0 || strcmp(operator, "!=") == 0;
        good = (strcmp(is, value) == 0) == (operator[0] == '=');
        snprintf(text, sizeof(text), "%s", is);
    }
    if (!known) {
        return script_fail(script, "'%s' is no comparison for this fact", operator);
    }
    return good ||
           script_fail(script, "%s is %s, not %s %s", argument(script), text, operator, value);
}

/* check PATH OPERATOR VALUE */
static bool do_check(struct script *script)
{
    const struct script_line *line = &script->line;
    json_t *facts, *fact;
    bool good;

    if (line->words < 3 || line->words > 4) {
        return script_fail(script, "check needs a fact, a comparison and a value");
    }
    if (!needs_running(script)) {
        return false;
    }
    facts = facts_collect(script->bench);
    fact = facts_find(facts, line->word[1]);
    good = fact != NULL
               ? check_fact(script, fact, line->word[2], line->words > 3 ? line->word[3] : "")
               : script_fail(script, "there is no fact '%s' (info prints all)", line->word[1]);
    json_decref(facts);
    return good;
}

/* info: all facts as JSON */
static bool do_info(struct script *script)
{
    json_t *facts;

    if (!needs_running(script)) {
        return false;
    }
    facts = facts_collect(script->bench);
    facts_print_json(facts);
    json_decref(facts);
    fflush(stdout);
    return true;
}

/* event TEXT: an event with the text was logged since the last one that was asked for */
static bool do_event(struct script *script)
{
    const char *text = script->line.rest + strspn(script->line.rest, " \t");

    return bench_event_logged(text) || script_fail(script, "no event with '%s' was logged", text);
}

/* compare: takes the machine down and compares the image with what the script wrote */
static bool do_compare(struct script *script)
{
    struct image_place place;
    uint64_t compared;
    char error[900];

    if (script->groups != NULL) {
        return script_fail(script, "'%s' of line %u was not waited for", script->groups->name,
                           script->groups->line);
    }
    if (script->bench->options->device == DEVICE_SCRIPTED) {
        return script_fail(script, "the scripted device has no image to compare with");
    }
    if (script->bench->image == NULL && script->bench->options->blockdev == NULL) {
        return script_fail(script, "--image must name the file that the back end serves");
    }
    bench_close(script->bench);
    bench_image_place(script->bench, &place);
    return image_compare(&place, script->map, script->bench->disk.block_bytes, &compared, error,
                         sizeof(error)) ||
           script_fail(script, "%s", error);
}

const struct script_verb script_bench_verbs[] = {
    {"say", do_say},
    {"clock", do_clock},
    {"sleep", do_sleep},
    {"idle", do_idle},
    {"reset", do_reset},
    {"queue", do_queue},
    {"stop", do_stop},
    {"restart", do_restart},
    {"pnp", do_pnp},
    {"power", do_power},
    {"power-cycle", do_power_cycle},
    {"remove", do_remove},
    {"surprise-remove", do_remove},
    {"device", do_device},
    {"spoil-ring", do_spoil_ring},
    {"hold", do_hold},
    {"release", do_release},
    {"qmp", do_qmp},
    {"qmp-event", do_qmp_event},
    {"resize", do_resize},
    {"discover", do_discover},
    {"ready", do_ready},
    {"check", do_check},
    {"info", do_info},
    {"event", do_event},
    {"compare", do_compare},
    {NULL, NULL},
};
