/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of the QEMU device among themselves; others use qemu.h.
 *
 *   arguments.c    options -> QEMU's command line
 *   process.c      fork, exec, end of QEMU; the watch thread
 *   qtest.c        accesses over the qtest socket; the interrupt line
 *   qmp.c          QMP: commands and events
 *   doorbell.c     the ivshmem server: messages (MSI-X) as eventfds
 *   pci.c          what firmware and PCI bus driver do: BARs, routing, MSI-X
 *   device_qemu.c  the device operations, creation, removal, end
 */
#ifndef STORHOST_DEVICES_QEMU_INTERNAL_H
#define STORHOST_DEVICES_QEMU_INTERNAL_H

#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "devices/qemu/qemu.h"

/* Descriptors that QEMU finds open, by number. */
enum qemu_child_fd {
    QEMU_FD_MEMORY = 3,
    QEMU_FD_FIRMWARE,
    QEMU_FD_QTEST,
    QEMU_FD_QMP,
    QEMU_FD_DOORBELL,
    QEMU_FD_END
};
#define QEMU_FDS (QEMU_FD_END - QEMU_FD_MEMORY)

#define QEMU_DEVICE_ID "disk0"
/* The virtio-blk device inside the PCI function: what QMP's block commands know. */
#define QEMU_BACKEND_PATH "/machine/peripheral/" QEMU_DEVICE_ID "/virtio-backend"

#define QEMU_DOORBELLS     128 /* messages that can be told apart unless more are asked for */
#define QEMU_DOORBELLS_MAX 448 /* each is a descriptor in both processes (usual limit: 1024) */

#define QEMU_START_MS 20000 /* until QEMU greets */

enum qemu_state {
    QEMU_STARTING, /* failures become the error text of qemu_device_create */
    QEMU_RUNNING,  /* failures go to the listener, or end the program */
    QEMU_DEAD,     /* ended or lost; accesses give all ones */
    QEMU_STOPPING  /* being ended on purpose */
};

struct qemu_bar_access { /* what the transaction that waits was asked for, for texts */
    const char *what;    /* "read", "write", "configuration read", ... */
    int bar;             /* -1: no BAR */
    uint64_t offset;
    unsigned size;
};

struct qemu_device {
    struct device device; /* first: a struct device * is a struct qemu_device * */
    _Atomic(enum qemu_state) state;
    unsigned deadline_ms;
    char *image, *format, *blockdev;
    char *command_line;
    char version[128];
    char **arguments; /* of QEMU, ended by NULL */

    /* process.c */
    const char *binary;
    int child_fds[QEMU_FDS]; /* our copies of what QEMU finds open; closed once it runs */
    pid_t pid;
    int pidfd, error_pipe, epoll, wake;
    pthread_t watch;
    bool watching;
    sem_t started;
    int start_error; /* errno of exec, 0: it runs */
    _Atomic(bool) ended;
    int exit_status; /* as by waitpid; valid once `ended` */
    sem_t has_ended;
    pthread_mutex_t text_lock;
    char error_text[4096]; /* the last of what QEMU wrote to standard error */
    size_t error_length;
    char death[1024]; /* why the state became QEMU_DEAD */

    /* qtest.c; under qtest_lock but for what line_lock protects */
    pthread_mutex_t qtest_lock;
    int qtest_fd;
    char qtest_input[1024];
    size_t qtest_used;
    bool qtest_broken; /* an answer failed to come: the next one would be mistaken for it */
    pthread_mutex_t line_lock;
    int line_irq; /* input of the I/O APIC that is our INTx; -1: none */
    bool line_level, line_told, line_telling;

    /* qmp.c; under qmp_lock */
    pthread_mutex_t qmp_lock;
    int qmp_fd;
    char *qmp_input;
    size_t qmp_used, qmp_size;
    uint64_t qmp_id;
    json_t *qmp_events; /* name -> how many came and were not waited for */

    /* doorbell.c */
    int doorbell_fd; /* our end of the server's connection */
    unsigned doorbells;
    int *doorbell_events;
    uint64_t doorbell_address; /* bus address of ivshmem's doorbell register */

    /* pci.c */
    unsigned devfn, doorbell_devfn;
    unsigned msix_capability; /* 0: none */
    unsigned msix_table_bar;
    uint64_t msix_table_offset;
    unsigned vectors; /* in use; 0: MSI-X off */
    struct device_bar doorbell_bars[DEVICE_BARS];
    pthread_mutex_t setup_lock;
};

static inline struct qemu_device *qemu_from(struct device *device)
{
    return (struct qemu_device *)device;
}

/* arguments.c */
bool qemu_build_arguments(struct qemu_device *qemu, const struct qemu_options *options, char *error,
                          size_t size);
void qemu_free_arguments(struct qemu_device *qemu);

/* process.c */
/* Starts QEMU and the watch thread. */
bool qemu_start(struct qemu_device *qemu, char *error, size_t size);
/* Ends QEMU (which was asked to quit before, if possible): waits, then SIGTERM, then SIGKILL; ends
 * the watch thread. False if QEMU did not end by itself with status 0; `text` says how it ended. */
bool qemu_stop(struct qemu_device *qemu, char *text, size_t size);
/* Marks QEMU as lost and tells the listener, once. Hold no lock. */
void qemu_lost(struct qemu_device *qemu, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Waits a moment for QEMU's end, which a broken connection foretells; false: it goes on. */
bool qemu_ends_soon(const struct qemu_device *qemu);
bool qemu_alive(const struct qemu_device *qemu);
/* The last words of QEMU, without line feeds at the end; "" if there are none. */
void qemu_last_words(struct qemu_device *qemu, char *text, size_t size);
/* Passes on what QEMU said while it started. */
void qemu_tell_words(struct qemu_device *qemu);
/* Closes our copies of what QEMU inherits. */
void qemu_close_child_fds(struct qemu_device *qemu);
/* Whether the watch thread looks after the qtest socket too: as long as the line matters. */
void qemu_watch_line(struct qemu_device *qemu, bool on);

/* qtest.c: what one transaction does to the machine */
enum qtest_space {
    QTEST_PORT,
    QTEST_MEMORY
};
bool qtest_setup(struct qemu_device *qemu);
uint64_t qtest_read(struct qemu_device *qemu, enum qtest_space space, uint64_t address,
                    unsigned size, struct qemu_bar_access access);
void qtest_write(struct qemu_device *qemu, enum qtest_space space, uint64_t address, unsigned size,
                 uint64_t value, struct qemu_bar_access access);
/* Configuration space of a function of bus 0 (devfn = slot * 8 + function). */
uint32_t qtest_config_read(struct qemu_device *qemu, unsigned devfn, unsigned offset,
                           unsigned size);
void qtest_config_write(struct qemu_device *qemu, unsigned devfn, unsigned offset, unsigned size,
                        uint32_t value);
/* Takes in what QEMU sent by itself. Called by the watch thread. */
void qtest_take_lines(struct qemu_device *qemu);
/* The line as the listener must see it after a removal. */
void qtest_drop_line(struct qemu_device *qemu);

/* qmp.c */
bool qmp_setup(struct qemu_device *qemu, char *error, size_t size);
/* Sends `command` (reference taken). The reply's "return" as a new reference, or NULL and a text.
 */
json_t *qmp_command(struct qemu_device *qemu, json_t *command, unsigned milliseconds, char *error,
                    size_t size);
void qmp_close(struct qemu_device *qemu);

/* doorbell.c */
bool doorbell_setup(struct qemu_device *qemu, unsigned wanted, char *error, size_t size);
void doorbell_close(struct qemu_device *qemu);
/* What a vector's table entry must hold. */
uint32_t doorbell_data(unsigned vector);

/* pci.c */
bool pci_setup(struct qemu_device *qemu, char *error, size_t size);
/* Writes again what a power cycle has cleared; message vectors as they were. */
void pci_restore(struct qemu_device *qemu);
/* Places the disk's BARs elsewhere, and back at the next call. */
void pci_move_bars(struct qemu_device *qemu);
unsigned pci_set_vectors(struct qemu_device *qemu, unsigned vectors);

/* A socket pair, close-on-exec, with descriptor numbers beyond those of enum qemu_child_fd. */
bool qemu_socket_pair(int *ours, int *child);
int qemu_high_fd(int fd);
/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t qemu_now_ms(void);

#endif
