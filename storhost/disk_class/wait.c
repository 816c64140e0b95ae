/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for what ends on another thread: see internal.h. */
#include "disk_class/internal.h"

void class_wait(struct class_waiter *waiter)
{
    pthread_mutex_lock(&waiter->mutex);
    while (!waiter->over) {
        pthread_cond_wait(&waiter->changed, &waiter->mutex);
    }
    pthread_mutex_unlock(&waiter->mutex);
}

void class_wake(struct class_waiter *waiter)
{
    pthread_mutex_lock(&waiter->mutex);
    waiter->over = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->mutex);
}
