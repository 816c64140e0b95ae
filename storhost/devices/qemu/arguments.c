/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From options to QEMU's command line.
 *
 * Nothing needs a name in the file system: memory, firmware and the three connections are open
 * descriptors that QEMU inherits (enum qemu_child_fd). The order of -device matters: the user's
 * further arguments come last, so that the disk is the first virtio-blk function on bus 0.
 */
#include "devices/qemu/qemu_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/violation.h"
#include "machine/memory.h"

#define MIB UINT64_C(0x100000)

/* BARs lie in the hole between the memory's first part and this (pci.c). */
#define LARGEST_BELOW_4G UINT64_C(0xc0000000)

struct known_format {
    const char *suffix, *name;
    const char *magic; /* how such files begin; NULL: not told by their beginning */
};

static const struct known_format known_formats[] = {
    {".qcow2", "qcow2", "QFI\xfb"}, {".qed", "qed", "QED"},
    {".vmdk", "vmdk", "KDMV"},      {".vdi", "vdi", "<<< "},
    {".vhdx", "vhdx", "vhdxfile"},  {".luks", "luks", "LUKS\xba\xbe"},
    {".vhd", "vpc", "conectix"},    {".vpc", "vpc", "conectix"},
};
#define KNOWN_FORMATS (sizeof known_formats / sizeof known_formats[0])

/* The format that the file's first bytes show, or NULL. */
static const char *format_by_contents(const char *image, char *error, size_t size)
{
    char start[8] = {0};
    int fd = open(image, O_RDONLY | O_CLOEXEC);

    *error = 0;
    if (fd < 0) {
        int reason = errno;

        snprintf(error, size, "disk image %s: %s.%s", image, strerror(reason),
                 reason == ENOENT ? " \"qemu-img create -f raw FILE 1G\" makes an empty one." : "");
        return NULL;
    }
    ssize_t got = pread(fd, start, sizeof start, 0);
    close(fd);
    if (got < 0) {
        snprintf(error, size, "disk image %s cannot be read: %s.", image, strerror(errno));
        return NULL;
    }
    for (size_t i = 0; i < KNOWN_FORMATS; i++) {
        const char *magic = known_formats[i].magic;

        if (strlen(magic) <= (size_t)got && !memcmp(start, magic, strlen(magic))) {
            return known_formats[i].name;
        }
    }
    return NULL;
}

static const char *format_by_name(const char *image)
{
    size_t length = strlen(image);

    for (size_t i = 0; i < KNOWN_FORMATS; i++) {
        size_t tail = strlen(known_formats[i].suffix);

        if (length > tail && !strcasecmp(image + length - tail, known_formats[i].suffix)) {
            return known_formats[i].name;
        }
    }
    return "raw";
}

const char *qemu_image_format(const char *image, const char *explicit_format, char *error,
                              size_t error_size)
{
    const char *inside = format_by_contents(image, error, error_size);

    if (*error) {
        return NULL;
    }
    if (explicit_format) {
        return explicit_format;
    }
    const char *named = format_by_name(image);
    if (inside && strcmp(inside, named)) {
        snprintf(error, error_size,
                 "disk image %s is %s by its name but its contents begin as those of %s: say which "
                 "with --format.",
                 image, named, inside);
        return NULL;
    }
    return named;
}

/* A list of arguments that grows; running out of memory ends the program. */
struct list {
    char **item;
    size_t used, size;
};

static void *checked(void *memory)
{
    if (!memory) {
        fatal("out of memory while building QEMU's command line");
    }
    return memory;
}

__attribute__((format(printf, 2, 3))) static void add(struct list *list, const char *format, ...)
{
    va_list values;
    char *text = NULL;

    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) {
        text = NULL;
    }
    va_end(values);
    checked(text);
    if (list->used + 2 > list->size) {
        list->size = list->size ? 2 * list->size : 64;
        list->item = checked(realloc(list->item, list->size * sizeof *list->item));
    }
    list->item[list->used++] = text;
    list->item[list->used] = NULL;
}

/* QEMU's option parser ends a value at a comma; two stand for one. */
static char *double_commas(const char *text)
{
    char *result = checked(malloc(2 * strlen(text) + 1)), *out = result;

    for (; *text; text++) {
        *out++ = *text;
        if (*text == ',') {
            *out++ = ',';
        }
    }
    *out = 0;
    return result;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* -drive for a file name in QEMU's syntax; format NULL: QEMU finds out (json: names its own). */
static void add_drive(struct list *list, const char *file, const char *format, bool read_only)
{
    char *escaped = double_commas(file);

    add(list, "-drive");
    add(list, "if=none,id=" QEMU_DEVICE_ID ",discard=unmap%s%s%s,file=%s", format ? ",format=" : "",
        format ? format : "", read_only ? ",read-only=on" : "", escaped);
    free(escaped);
}

/* A JSON block node of the user's, named so that the device finds it. */
static bool add_json_node(struct list *list, const char *text, bool read_only, char *error,
                          size_t size)
{
    json_error_t where;
    json_t *node = json_loads(text, 0, &where);

    if (!node) {
        snprintf(error, size, "the block device's JSON is wrong at column %d: %s.", where.column,
                 where.text);
        return false;
    }
    json_object_set_new(node, "node-name", json_string(QEMU_DEVICE_ID));
    if (read_only) {
        json_object_set_new(node, "read-only", json_true());
    }
    char *whole = checked(json_dumps(node, JSON_COMPACT));
    add(list, "-blockdev");
    add(list, "%s", whole);
    free(whole);
    json_decref(node);
    return true;
}

static bool add_blockdev(struct list *list, const char *text, const char *format, bool read_only,
                         char *error, size_t size)
{
    const char *lock = read_only ? ",read-only=on" : "";

    if (*text == '{') {
        return add_json_node(list, text, read_only, error, size);
    }
    if (begins(text, "driver=")) {
        add(list, "-blockdev");
        add(list, "%s,node-name=" QEMU_DEVICE_ID "%s", text, lock);
    } else if (begins(text, "file=") || begins(text, "format=") || begins(text, "cache=")) {
        add(list, "-drive");
        add(list, "%s,if=none,id=" QEMU_DEVICE_ID "%s", text, lock);
    } else {
        add_drive(list, text, format ? format : begins(text, "json:") ? NULL : "raw", read_only);
    }
    return true;
}

static bool add_disk(struct qemu_device *qemu, struct list *list,
                     const struct qemu_options *options, char *error, size_t size)
{
    if (!options->image == !options->blockdev) {
        snprintf(error, size, "%s",
                 options->image ? "both a disk image and a block device: give one."
                                : "no disk: give an image or a block device.");
        return false;
    }
    if (options->blockdev) {
        qemu->blockdev = checked(strdup(options->blockdev));
        return add_blockdev(list, options->blockdev, options->format, options->read_only, error,
                            size);
    }
    const char *format = qemu_image_format(options->image, options->format, error, size);
    if (!format) {
        return false;
    }
    /* An absolute path, for QEMU takes "a:b" as protocol a. */
    char *path = realpath(options->image, NULL);
    if (!path) {
        snprintf(error, size, "disk image %s: %s.", options->image, strerror(errno));
        return false;
    }
    qemu->image = checked(strdup(options->image));
    qemu->format = checked(strdup(format));
    add_drive(list, path, format, options->read_only);
    free(path);
    return true;
}

static void add_device(struct list *list, const struct qemu_options *options)
{
    static const char *const generations[] = {
        [QEMU_TRANSITIONAL] = "",
        [QEMU_LEGACY] = ",disable-modern=on",
        [QEMU_MODERN] = ",disable-legacy=on,disable-modern=off",
    };
    char vectors[32] = "";

    if (options->no_messages) {
        snprintf(vectors, sizeof vectors, ",vectors=0");
    } else if (options->vectors) {
        snprintf(vectors, sizeof vectors, ",vectors=%u", options->vectors);
    }
    add(list, "-device");
    add(list, "virtio-blk-pci,id=" QEMU_DEVICE_ID ",drive=" QEMU_DEVICE_ID "%s%s%s%s",
        generations[options->generation], vectors, options->device_options ? "," : "",
        options->device_options ? options->device_options : "");
}

static bool machine_is_pc(const char *machine)
{
    return !strcmp(machine, "pc") || begins(machine, "pc,") || begins(machine, "pc-i440fx");
}

static bool add_machine(struct list *list, const char *machine, char *error, size_t size)
{
    const struct memory_options *memory = memory_layout();
    uint64_t total = (memory->below_4g + memory->above_4g) / MIB;

    if (!machine_is_pc(machine)) {
        snprintf(
            error, size,
            "machine type %s: only \"pc\" and its versions (\"pc-i440fx-7.2\") are driven here.",
            machine);
        return false;
    }
    if (memory->below_4g > LARGEST_BELOW_4G || memory->below_4g % MIB || memory->above_4g % MIB) {
        snprintf(error, size,
                 "memory of %#llx bytes below 4 GiB: QEMU's machine takes at most %#llx, in MiB.",
                 (unsigned long long)memory->below_4g, (unsigned long long)LARGEST_BELOW_4G);
        return false;
    }
    add(list, "-machine");
    add(list, "%s,memory-backend=memory,max-ram-below-4g=%lluM", machine,
        (unsigned long long)(memory->below_4g / MIB));
    add(list, "-m");
    add(list, "%lluM", (unsigned long long)total);
    add(list, "-object");
    add(list, "memory-backend-file,id=memory,size=%lluM,mem-path=/proc/self/fd/%d,share=on",
        (unsigned long long)total, QEMU_FD_MEMORY);
    return true;
}

static void add_connection(struct list *list, const char *id, int fd)
{
    add(list, "-chardev");
    add(list, "socket,id=%s,fd=%d", id, fd);
}

static void add_plumbing(struct list *list, unsigned doorbells)
{
    add(list, "-accel");
    add(list, "tcg");
    add(list, "-bios");
    add(list, "/proc/self/fd/%d", QEMU_FD_FIRMWARE);
    add_connection(list, "qtest", QEMU_FD_QTEST);
    add(list, "-qtest");
    add(list, "chardev:qtest");
    add(list, "-qtest-log");
    add(list, "none");
    add_connection(list, "qmp", QEMU_FD_QMP);
    add(list, "-mon");
    add(list, "chardev=qmp,mode=control");
    add_connection(list, "doorbell", QEMU_FD_DOORBELL);
    add(list, "-device");
    add(list, "ivshmem-doorbell,chardev=doorbell,vectors=%u", doorbells);
}

/* The command line as one could type it, for messages and tables. */
static char *join(const struct list *list)
{
    size_t length = 1;

    for (size_t i = 0; i < list->used; i++) {
        length += strlen(list->item[i]) + 3;
    }
    char *text = checked(malloc(length)), *out = text;
    for (size_t i = 0; i < list->used; i++) {
        bool quote = strpbrk(list->item[i], " {}\"\\$*?;&|<>()") != NULL;

        out += sprintf(out, "%s%s%s%s", i ? " " : "", quote ? "'" : "", list->item[i],
                       quote ? "'" : "");
    }
    return text;
}

bool qemu_build_arguments(struct qemu_device *qemu, const struct qemu_options *options, char *error,
                          size_t size)
{
    struct list list = {0};

    qemu->binary = options->binary ? options->binary : "qemu-system-x86_64";
    add(&list, "%s", qemu->binary);
    add(&list, "-name");
    add(&list, "storhost");
    add(&list, "-nodefaults");
    add(&list, "-no-user-config");
    add(&list, "-display");
    add(&list, "none");
    bool good = add_machine(&list, options->machine ? options->machine : "pc", error, size);
    if (good) {
        add_plumbing(&list, qemu->doorbells);
        good = add_disk(qemu, &list, options, error, size);
    }
    if (good) {
        add_device(&list, options);
        for (const char *const *more = options->extra_args; more && *more; more++) {
            add(&list, "%s", *more);
        }
    }
    qemu->arguments = list.item;
    qemu->command_line = join(&list);
    qemu->binary = qemu->arguments[0];
    return good;
}

void qemu_free_arguments(struct qemu_device *qemu)
{
    for (char **item = qemu->arguments; item && *item; item++) {
        free(*item);
    }
    free(qemu->arguments);
    free(qemu->command_line);
    free(qemu->image);
    free(qemu->format);
    free(qemu->blockdev);
}
