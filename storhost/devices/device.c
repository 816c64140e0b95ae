/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all devices share: handing events to whoever listens.
 *
 * Events come from the device's own threads while the port model may just be setting its
 * callbacks, so a callback is copied under a lock and called without it.
 */
#include "devices/device.h"

#include <pthread.h>

static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;

static struct device_events listeners(const struct device *device)
{
    pthread_mutex_lock(&events_lock);
    struct device_events events = device->events;
    pthread_mutex_unlock(&events_lock);
    return events;
}

void device_set_events(struct device *device, const struct device_events *events)
{
    pthread_mutex_lock(&events_lock);
    device->events = events ? *events : (struct device_events){0};
    pthread_mutex_unlock(&events_lock);
}

bool device_message(const struct device *device, unsigned vector)
{
    struct device_events events = listeners(device);
    if (!events.message) {
        return false;
    }
    events.message(events.context, vector);
    return true;
}

bool device_line(const struct device *device, bool asserted)
{
    struct device_events events = listeners(device);
    if (!events.line) {
        return false;
    }
    events.line(events.context, asserted);
    return true;
}

bool device_died(const struct device *device, const char *why)
{
    struct device_events events = listeners(device);
    if (!events.died) {
        return false;
    }
    events.died(events.context, why);
    return true;
}

uint64_t device_all_ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

bool device_inside_bar(const struct device *device, unsigned bar, uint64_t offset, unsigned size)
{
    return bar < DEVICE_BARS && offset < device->bars[bar].size &&
           size <= device->bars[bar].size - offset;
}
