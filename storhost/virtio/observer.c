/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks over the driver's shoulder. See observer.h.
 *
 *     driver ──trap──> observer ──> device
 *                        │  registers: what was negotiated, which queues where
 *                        └─ rings: walked before each doorbell and when the port model asks
 */
#include "virtio/observer.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/violation.h"
#include "virtio/fetch_watch.h"
#include "virtio/layout.h"
#include "virtio/ring_walk.h"

#define LEGACY_RING_ALIGNMENT 4096u

#define FEATURE_NOTIF_CONFIG_DATA (1ull << 39)

/* How long a doorbell must be missing: a device that has just asked for it looks again itself. */
#define DOORBELL_LOOKS            20
#define DOORBELL_LOOK_NANOSECONDS 10000000

struct queue {
    struct observer_queue facts;
    struct ring_walk *walk;      /* NULL while the device does not know the queue */
    struct fetch_watch *fetches; /* NULL unless watched */
    uint16_t notify_data;        /* as the driver read it: queue_notif_config_data */
};

struct observer {
    struct device device; /* first: what the machine sees */
    struct device *inner;
    struct virtio_layout layout;
    pthread_mutex_t lock; /* over all below; never held over an access to the inner device */
    struct observer_facts facts;
    struct queue queues[OBSERVER_QUEUES];
    uint32_t device_select, driver_select;
    uint16_t queue_select;
    bool watch_fetches;
    bool resetting; /* 0 was written to the status, and nobody has seen it done */
    void (*reset_done)(void *context);
    void *reset_context;
};

static struct observer *observer_of(struct device *device)
{
    return (struct observer *)device;
}

/* ---- Queues ---- */

static struct queue *selected_queue(struct observer *observer)
{
    return observer->queue_select < OBSERVER_QUEUES ? &observer->queues[observer->queue_select]
                                                    : NULL;
}

static void enable_queue(struct observer *observer, struct queue *queue)
{
    const struct ring_walk_setup setup = {
        .queue = (unsigned)(queue - observer->queues),
        .size = queue->facts.size,
        .descriptors = queue->facts.descriptors,
        .driver_area = queue->facts.driver_area,
        .device_area = queue->facts.device_area,
        .indirect = observer->facts.driver_features & (1ull << VIRTIO_RING_F_INDIRECT_DESC),
        .event_index = observer->facts.driver_features & (1ull << VIRTIO_RING_F_EVENT_IDX),
        .packed = observer->facts.driver_features & (1ull << VIRTIO_F_RING_PACKED),
        .in_order = observer->facts.driver_features & (1ull << VIRTIO_F_IN_ORDER),
    };

    const struct fetch_watch_setup watched = {
        .queue = setup.queue,
        .size = setup.size,
        .descriptors = setup.descriptors,
        .driver_area = setup.driver_area,
        .device_area = setup.device_area,
        .event_index = setup.event_index,
        .packed = setup.packed,
    };

    if (queue->facts.size == 0 || (queue->facts.size & (queue->facts.size - 1)) != 0) {
        violation(RULE_VIRTIO, "queue %u is enabled with a size of %u", setup.queue,
                  queue->facts.size);
    }
    ring_walk_destroy(queue->walk);
    queue->walk = ring_walk_create(&setup);
    fetch_watch_destroy(queue->fetches);
    queue->fetches = observer->watch_fetches ? fetch_watch_create(&watched) : NULL;
    queue->facts.enabled = true;
}

/* The device lets go of a queue. */
static void forget_queue(struct queue *queue)
{
    fetch_watch_destroy(queue->fetches);
    queue->fetches = NULL;
    ring_walk_destroy(queue->walk);
    queue->walk = NULL;
    queue->facts.enabled = false;
    queue->facts.size = 0;
    queue->facts.vector = VIRTIO_MSI_NO_VECTOR;
}

static void stop_watching(struct observer *observer)
{
    for (unsigned i = 0; i < OBSERVER_QUEUES; ++i) {
        fetch_watch_destroy(observer->queues[i].fetches);
        observer->queues[i].fetches = NULL;
    }
}

static void forget_queues(struct observer *observer)
{
    for (unsigned i = 0; i < OBSERVER_QUEUES; ++i) {
        forget_queue(&observer->queues[i]);
    }
    observer->facts.config_vector = VIRTIO_MSI_NO_VECTOR;
}

static void walk_queue(struct queue *queue)
{
    if (queue->walk) {
        const uint64_t before = ring_walk_requests(queue->walk);
        ring_walk_new(queue->walk);
        queue->facts.requests += ring_walk_requests(queue->walk) - before;
    }
}

/* The queue that a doorbell of the modern interface is for: what the device gave for it to be written,
 * with NOTIF_CONFIG_DATA, or its index. OBSERVER_QUEUES: none. */
static unsigned queue_of_doorbell(const struct observer *observer, uint16_t value)
{
    if (!(observer->facts.driver_features & FEATURE_NOTIF_CONFIG_DATA)) {
        return value;
    }
    for (unsigned i = 0; i < OBSERVER_QUEUES; ++i) {
        if (observer->queues[i].facts.enabled && observer->queues[i].notify_data == value) {
            return i;
        }
    }
    return OBSERVER_QUEUES;
}

static void on_doorbell(struct observer *observer, unsigned index)
{
    if (index >= OBSERVER_QUEUES || !observer->queues[index].facts.enabled) {
        violation(RULE_VIRTIO, "a doorbell for queue %u, which is not enabled", index);
    }
    if (!(observer->facts.status & VIRTIO_CONFIG_S_DRIVER_OK)) {
        violation(RULE_VIRTIO, "a doorbell before DRIVER_OK (3.1.1)");
    }
    rule_checked(RULE_VIRTIO);
    ++observer->queues[index].facts.doorbells;
    fetch_watch_doorbell(observer->queues[index].fetches);
    ring_walk_doorbell(observer->queues[index].walk);
    walk_queue(&observer->queues[index]);
}

/* ---- Registers ---- */

/* The driver may know now that a reset is done. */
static void see_reset(struct observer *observer)
{
    if (observer->resetting) {
        observer->resetting = false;
        if (observer->reset_done) {
            observer->reset_done(observer->reset_context);
        }
    }
}

static void on_status_read(struct observer *observer, uint8_t status)
{
    if (status == 0) {
        see_reset(observer);
    }
}

static void on_status(struct observer *observer, uint8_t status)
{
    struct observer_facts *facts = &observer->facts;

    if (status != 0) {
        see_reset(observer);
    }
    if (status == 0) {
        observer->resetting = true;
        ++facts->resets;
        facts->driver_features = 0;
        forget_queues(observer);
    } else if (facts->status & ~status & 0x0f) {
        violation(RULE_VIRTIO, "status goes from %#x to %#x: a bit is taken back (2.1.1)",
                  facts->status, status);
    }
    rule_checked(RULE_VIRTIO);
    facts->status = status;
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
    *value =
        high ? (*value & 0xffffffffu) | (uint64_t)half << 32 : (*value & ~0xffffffffull) | half;
}

static void on_common_queue_write(struct observer *observer, uint64_t offset, uint64_t value)
{
    struct queue *queue = selected_queue(observer);

    if (!queue) {
        return;
    }
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        queue->facts.size = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        queue->facts.vector = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        set_half(&queue->facts.descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI, (uint32_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        set_half(&queue->facts.driver_area, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, (uint32_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        set_half(&queue->facts.device_area, offset == VIRTIO_PCI_COMMON_Q_USEDHI, (uint32_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        if (value == 1) {
            enable_queue(observer, queue);
        }
        break;
    case VIRTIO_PCI_COMMON_Q_RESET:
        if (value == 1) {
            forget_queue(queue);
            ++observer->facts.queue_resets;
        }
        break;
    }
}

static void on_common_write(struct observer *observer, uint64_t offset, uint64_t value)
{
    observer->facts.modern = true;
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        observer->device_select = (uint32_t)value;
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        observer->driver_select = (uint32_t)value;
        break;
    case VIRTIO_PCI_COMMON_GF:
        if (observer->driver_select < 2) {
            set_half(&observer->facts.driver_features, observer->driver_select == 1,
                     (uint32_t)value);
        }
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        observer->facts.config_vector = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        on_status(observer, (uint8_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        observer->queue_select = (uint16_t)value;
        break;
    default:
        on_common_queue_write(observer, offset, value);
    }
}

static void on_common_read(struct observer *observer, uint64_t offset, uint64_t value)
{
    if (offset == VIRTIO_PCI_COMMON_STATUS) {
        on_status_read(observer, (uint8_t)value);
        observer->facts.status = (uint8_t)value; /* a device may refuse FEATURES_OK */
    } else if (offset == VIRTIO_PCI_COMMON_DF && observer->device_select < 2) {
        set_half(&observer->facts.device_features, observer->device_select == 1, (uint32_t)value);
    } else if (offset == VIRTIO_PCI_COMMON_Q_NDATA) {
        if (selected_queue(observer)) {
            selected_queue(observer)->notify_data = (uint16_t)value;
        }
    } else if (offset == VIRTIO_PCI_COMMON_Q_SIZE) {
        struct queue *queue = selected_queue(observer);
        if (queue && !queue->facts.enabled) {
            queue->facts.size = (uint16_t)value;
        }
    }
}

static void on_legacy_queue_address(struct observer *observer, uint32_t page)
{
    struct queue *queue = selected_queue(observer);

    if (!queue || page == 0) {
        return;
    }
    struct observer_queue *facts = &queue->facts;
    facts->descriptors = (uint64_t)page << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
    facts->driver_area = facts->descriptors + 16ull * facts->size;
    facts->device_area = (facts->driver_area + 6 + 2ull * facts->size + LEGACY_RING_ALIGNMENT - 1) &
                         ~(uint64_t)(LEGACY_RING_ALIGNMENT - 1);
    enable_queue(observer, queue);
}

static void on_legacy_write(struct observer *observer, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case VIRTIO_PCI_GUEST_FEATURES:
        observer->facts.driver_features = (uint32_t)value;
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        on_legacy_queue_address(observer, (uint32_t)value);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        observer->queue_select = (uint16_t)value;
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        on_doorbell(observer, (uint16_t)value);
        break;
    case VIRTIO_PCI_STATUS:
        on_status(observer, (uint8_t)value);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        observer->facts.config_vector = (uint16_t)value;
        break;
    case VIRTIO_MSI_QUEUE_VECTOR:
        if (selected_queue(observer)) {
            selected_queue(observer)->facts.vector = (uint16_t)value;
        }
        break;
    }
}

static void on_legacy_read(struct observer *observer, uint64_t offset, uint64_t value)
{
    if (offset == VIRTIO_PCI_HOST_FEATURES) {
        observer->facts.device_features = (uint32_t)value;
    } else if (offset == VIRTIO_PCI_QUEUE_NUM && selected_queue(observer)) {
        selected_queue(observer)->facts.size = (uint16_t)value;
    } else if (offset == VIRTIO_PCI_STATUS) {
        on_status_read(observer, (uint8_t)value);
    }
}

/* ---- Doorbells ---- */

/* The first queue that a doorbell is missing for, and for which entry; OBSERVER_QUEUES: none. */
static unsigned missing_doorbell(struct observer *observer, uint16_t *index)
{
    unsigned i = 0;

    pthread_mutex_lock(&observer->lock);
    if (!(observer->facts.status & VIRTIO_CONFIG_S_DRIVER_OK) || observer->inner->removed) {
        i = OBSERVER_QUEUES;
    }
    while (i < OBSERVER_QUEUES && !(observer->queues[i].walk &&
                                    ring_walk_doorbell_missing(observer->queues[i].walk, index))) {
        ++i;
    }
    pthread_mutex_unlock(&observer->lock);
    return i;
}

/*
 * A device that works on its own cannot tell, so this looks at what it asks for by avail_event. It
 * takes up to 0.2 seconds; without EVENT_IDX nothing tells which requests the device has seen.
 */
static void check_doorbells(struct observer *observer)
{
    const struct timespec pause = {.tv_nsec = DOORBELL_LOOK_NANOSECONDS};
    uint16_t index = 0, again = 0;
    const unsigned queue = missing_doorbell(observer, &index);

    rule_checked(RULE_DOORBELL);
    if (queue == OBSERVER_QUEUES) {
        return;
    }
    for (unsigned look = 0; look < DOORBELL_LOOKS; ++look) {
        nanosleep(&pause, NULL);
        if (missing_doorbell(observer, &again) != queue || again != index) {
            return;
        }
    }
    violation(RULE_DOORBELL,
              "queue %u: entry %u was made available, the device had asked for a doorbell "
              "(avail_event), and none came (2.7.13.4.1); a request has timed out",
              queue, index);
}

/* ---- The device that the machine sees ---- */

static uint64_t observed_bar_read(struct device *device, unsigned bar, uint64_t offset,
                                  unsigned size)
{
    struct observer *observer = observer_of(device);
    const uint64_t value = observer->inner->ops->bar_read(observer->inner, bar, offset, size);
    uint64_t inside;

    if (rules_are_off()) {
        return value;
    }
    pthread_mutex_lock(&observer->lock);
    switch (virtio_layout_find(&observer->layout, bar, offset, &inside)) {
    case AREA_COMMON:
        on_common_read(observer, inside, value);
        break;
    case AREA_LEGACY:
        on_legacy_read(observer, inside, value);
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&observer->lock);
    return value;
}

static void observed_bar_write(struct device *device, unsigned bar, uint64_t offset, unsigned size,
                               uint64_t value)
{
    struct observer *observer = observer_of(device);
    uint64_t inside;

    if (rules_are_off()) {
        observer->inner->ops->bar_write(observer->inner, bar, offset, size, value);
        return;
    }
    pthread_mutex_lock(&observer->lock);
    switch (virtio_layout_find(&observer->layout, bar, offset, &inside)) {
    case AREA_COMMON:
        on_common_write(observer, inside, value);
        break;
    case AREA_NOTIFY:
        on_doorbell(observer, queue_of_doorbell(observer, (uint16_t)value));
        break;
    case AREA_LEGACY:
        on_legacy_write(observer, inside, value);
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&observer->lock);
    observer->inner->ops->bar_write(observer->inner, bar, offset, size, value);
}

static uint32_t observed_config_read(struct device *device, unsigned offset, unsigned size)
{
    struct device *inner = observer_of(device)->inner;
    return inner->ops->config_read(inner, offset, size);
}

static void observed_config_write(struct device *device, unsigned offset, unsigned size,
                                  uint32_t value)
{
    struct device *inner = observer_of(device)->inner;
    inner->ops->config_write(inner, offset, size, value);
}

static unsigned observed_set_message_vectors(struct device *device, unsigned vectors)
{
    struct device *inner = observer_of(device)->inner;
    return inner->ops->set_message_vectors(inner, vectors);
}

static void observed_remove(struct device *device)
{
    struct device *inner = observer_of(device)->inner;

    if (!inner->ops->remove) {
        fatal("%s cannot be removed by surprise", inner->ops->name);
    }
    /* The driver may give its rings back now without a reset. */
    pthread_mutex_lock(&observer_of(device)->lock);
    stop_watching(observer_of(device));
    pthread_mutex_unlock(&observer_of(device)->lock);
    inner->ops->remove(inner);
    device->removed = inner->removed;
}

static void observed_step(struct device *device)
{
    struct device *inner = observer_of(device)->inner;
    if (inner->ops->step) {
        inner->ops->step(inner);
    }
}

static bool observed_idle(struct device *device)
{
    struct device *inner = observer_of(device)->inner;
    return inner->ops->idle && inner->ops->idle(inner);
}

static void observed_judge(struct device *device)
{
    struct device *inner = observer_of(device)->inner;
    if (inner->ops->judge) {
        inner->ops->judge(inner);
    } else {
        check_doorbells(observer_of(device));
    }
}

static bool observed_may_write(struct device *device, uint64_t bus, uint64_t length)
{
    struct device *inner = observer_of(device)->inner;
    return inner->ops->may_write && inner->ops->may_write(inner, bus, length);
}

static void observed_destroy(struct device *device)
{
    struct observer *observer = observer_of(device);

    device_set_events(observer->inner, NULL);
    observer->inner->ops->destroy(observer->inner);
    forget_queues(observer);
    pthread_mutex_destroy(&observer->lock);
    free(observer);
}

static void observed_move_bars(struct device *device)
{
    struct observer *observer = observer_of(device);

    if (observer->inner->ops->move_bars) {
        observer->inner->ops->move_bars(observer->inner);
        memcpy(device->bars, observer->inner->bars, sizeof(device->bars));
    }
}

static const struct device_ops observed_ops = {
    .name = "observed device",
    .config_read = observed_config_read,
    .config_write = observed_config_write,
    .bar_read = observed_bar_read,
    .bar_write = observed_bar_write,
    .set_message_vectors = observed_set_message_vectors,
    .remove = observed_remove,
    .move_bars = observed_move_bars,
    .step = observed_step,
    .idle = observed_idle,
    .judge = observed_judge,
    .may_write = observed_may_write,
    .destroy = observed_destroy,
};

static void forward_message(void *context, unsigned vector)
{
    device_message(context, vector);
}

static void forward_line(void *context, bool asserted)
{
    device_line(context, asserted);
}

static void forward_died(void *context, const char *why)
{
    device_died(context, why);
}

struct device *observer_wrap(struct device *inner)
{
    struct observer *observer = calloc(1, sizeof(*observer));

    if (!observer) {
        fatal("out of memory for observing %s", inner->ops->name);
    }
    observer->device = *inner;
    observer->device.ops = &observed_ops;
    observer->device.events = (struct device_events){0};
    observer->inner = inner;
    pthread_mutex_init(&observer->lock, NULL);
    virtio_layout_read(inner, &observer->layout);
    forget_queues(observer);

    const struct device_events events = {
        .message = forward_message,
        .line = forward_line,
        .died = forward_died,
        .context = &observer->device,
    };
    device_set_events(inner, &events);
    return &observer->device;
}

struct device *observer_unwrap(struct device *observed)
{
    struct observer *observer = observer_of(observed);
    struct device *inner = observer->inner;

    device_set_events(inner, NULL);
    forget_queues(observer);
    pthread_mutex_destroy(&observer->lock);
    free(observer);
    return inner;
}

void observer_walk(struct device *observed)
{
    struct observer *observer = observer_of(observed);

    if (rules_are_off()) {
        return;
    }
    pthread_mutex_lock(&observer->lock);
    for (unsigned i = 0; i < OBSERVER_QUEUES; ++i) {
        walk_queue(&observer->queues[i]);
    }
    pthread_mutex_unlock(&observer->lock);
}

bool observer_works_in_steps(struct device *observed)
{
    return observer_of(observed)->inner->ops->idle != NULL;
}

void observer_power_cycled(struct device *observed)
{
    struct observer *observer = observer_of(observed);

    pthread_mutex_lock(&observer->lock);
    forget_queues(observer);
    observer->facts.status = 0;
    observer->facts.driver_features = 0;
    observer->resetting = false;
    pthread_mutex_unlock(&observer->lock);
}

bool observer_resetting(struct device *observed)
{
    struct observer *observer = observer_of(observed);
    bool resetting;

    pthread_mutex_lock(&observer->lock);
    resetting = observer->resetting;
    pthread_mutex_unlock(&observer->lock);
    return resetting;
}

void observer_on_reset(struct device *observed, void (*done)(void *context), void *context)
{
    struct observer *observer = observer_of(observed);

    pthread_mutex_lock(&observer->lock);
    observer->reset_done = done;
    observer->reset_context = context;
    pthread_mutex_unlock(&observer->lock);
}

void observer_watch_fetches(struct device *observed)
{
    struct observer *observer = observer_of(observed);

    pthread_mutex_lock(&observer->lock);
    observer->watch_fetches = true;
    pthread_mutex_unlock(&observer->lock);
}

/* ---- Facts ---- */

/* Device configuration read past the driver, on the device itself. */
static void read_config_facts(struct observer *observer, struct observer_facts *facts)
{
    const struct virtio_structure *structure = &observer->layout.config;
    struct device *inner = observer->inner;
    const bool legacy = !facts->modern;
    const bool msix = observer->layout.msix_control &&
                      inner->ops->config_read(inner, observer->layout.msix_control, 2) & 0x8000;
    const unsigned bar = legacy ? 0 : structure->bar;
    const uint64_t base = legacy ? VIRTIO_PCI_CONFIG_OFF(msix) : structure->offset;
    const struct {
        unsigned feature;
        uint64_t offset;
        uint32_t *value;
    } fields[] = {
        {VIRTIO_BLK_F_SIZE_MAX, offsetof(struct virtio_blk_config, size_max), &facts->size_max},
        {VIRTIO_BLK_F_SEG_MAX, offsetof(struct virtio_blk_config, seg_max), &facts->seg_max},
        {VIRTIO_BLK_F_BLK_SIZE, offsetof(struct virtio_blk_config, blk_size), &facts->block_size},
    };
    const uint32_t low = (uint32_t)inner->ops->bar_read(inner, bar, base, 4);

    facts->capacity = inner->ops->bar_read(inner, bar, base + 4, 4) << 32 | low;
    facts->size_max = facts->seg_max = 0;
    facts->block_size = 512;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); ++i) {
        if (facts->driver_features & 1ull << fields[i].feature) {
            *fields[i].value =
                (uint32_t)inner->ops->bar_read(inner, bar, base + fields[i].offset, 4);
        }
    }
}

void observer_get_facts(struct device *observed, struct observer_facts *facts)
{
    struct observer *observer = observer_of(observed);

    pthread_mutex_lock(&observer->lock);
    *facts = observer->facts;
    facts->queues = 0;
    for (unsigned i = 0; i < OBSERVER_QUEUES; ++i) {
        facts->queue[i] = observer->queues[i].facts;
        if (facts->queue[i].enabled) {
            facts->queues = i + 1;
        }
    }
    pthread_mutex_unlock(&observer->lock);
    read_config_facts(observer, facts);
}
