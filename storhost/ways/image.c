/* SPDX-License-Identifier: BSD-3-Clause */
/* Images by way of qemu-img: see image.h. */
#include "ways/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/violation.h"
#include "ways/stop.h"

static void run_in_child(const char *const *arguments, int output)
{
    int nothing = open("/dev/null", O_RDONLY);

    stop_reset_in_child();
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    /* execvp does not change what the pointers point at. */
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    dprintf(STDERR_FILENO, "%s: %s", arguments[0], strerror(errno));
    _exit(127);
}

/* Reads to the end of the stream; keeps what fits, without line ends at the end. */
static void read_output(int fd, char *output, size_t size)
{
    size_t length = 0;
    char more[256];
    ssize_t got;

    while ((got = read(fd, more, sizeof(more))) > 0 || (got < 0 && errno == EINTR)) {
        size_t fits = got > 0 ? (size_t)got : 0;
        fits = fits > size - 1 - length ? size - 1 - length : fits;
        memcpy(output + length, more, fits);
        length += fits;
    }
    while (length > 0 && output[length - 1] == '\n') {
        length--;
    }
    output[length] = '\0';
}

bool image_run_program(const char *const *arguments, char *output, size_t output_size)
{
    int ends[2], status;
    pid_t child;

    output[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(output, output_size, "pipe: %s", strerror(errno));
        return false;
    }
    child = fork();
    if (child == 0) {
        run_in_child(arguments, ends[1]);
    }
    close(ends[1]);
    if (child > 0) {
        read_output(ends[0], output, output_size);
    }
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        snprintf(output, output_size, "%s: %s", arguments[0], strerror(errno));
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool image_create(const char *qemu_img, const char *path, const char *format, uint64_t bytes,
                  char *error, size_t error_size)
{
    char size[24], output[512];
    const char *arguments[] = {qemu_img, "create", "-q", "-f", format, path, size, NULL};

    if (access(path, F_OK) == 0) {
        snprintf(error, error_size, "%s: is there already", path);
        return false;
    }
    snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    if (!image_run_program(arguments, output, sizeof(output))) {
        snprintf(error, error_size, "cannot make the image %s: %s", path, output);
        return false;
    }
    return true;
}

bool image_temporary_folder(char *path, size_t path_size, char *error, size_t error_size)
{
    const char *base = getenv("TMPDIR");

    snprintf(path, path_size, "%s/storhost-XXXXXX",
             base != NULL && base[0] != '\0' ? base : "/tmp");
    if (mkdtemp(path) == NULL) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* The comparison while it goes through the map. */
struct comparison {
    int fd; /* of a raw image */
    uint32_t block_bytes;
    uint8_t *block;
    uint64_t compared;
    char *error;
    size_t error_size;
};

static bool read_block(const struct comparison *comparison, uint64_t lba)
{
    uint64_t at = lba * comparison->block_bytes;
    size_t length = 0;

    while (length < comparison->block_bytes) {
        ssize_t got = pread(comparison->fd, comparison->block + length,
                            comparison->block_bytes - length, (off_t)(at + length));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            snprintf(comparison->error, comparison->error_size, "image, block %llu: %s",
                     (unsigned long long)lba, got == 0 ? "beyond its end" : strerror(errno));
            return false;
        }
        length += (size_t)got;
    }
    return true;
}

static bool compare_block(void *context, uint64_t lba, uint64_t generation)
{
    struct comparison *comparison = context;
    char why[256];

    if (generation == PATTERN_UNKNOWN) {
        return true;
    }
    if (!read_block(comparison, lba)) {
        return false;
    }
    if (!pattern_check(comparison->block, comparison->block_bytes, lba, generation, why,
                       sizeof(why))) {
        snprintf(comparison->error, comparison->error_size, "image: %s", why);
        return false;
    }
    comparison->compared++;
    return true;
}

static bool compare_raw(const char *path, const struct pattern_map *map, uint32_t block_bytes,
                        uint64_t *compared, char *error, size_t error_size)
{
    struct comparison comparison = {
        .block_bytes = block_bytes, .error = error, .error_size = error_size};
    bool same;

    comparison.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (comparison.fd < 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    comparison.block = malloc(block_bytes);
    if (comparison.block == NULL) {
        fatal("out of memory");
    }
    same = pattern_map_each(map, compare_block, &comparison);
    *compared = comparison.compared;
    free(comparison.block);
    close(comparison.fd);
    return same;
}

/* Makes a raw copy of an image at `copy` with qemu-img. */
static bool convert(const struct image_place *place, const char *copy, char *error,
                    size_t error_size)
{
    const char *arguments[11];
    char output[512], *json = NULL;
    unsigned count = 0;
    bool converted;

    arguments[count++] = place->qemu_img;
    arguments[count++] = "convert";
    if (place->file != NULL && place->format != NULL) {
        arguments[count++] = "-f";
        arguments[count++] = place->format;
    } else if (place->file == NULL && strchr(place->blockdev, ':') == NULL) {
        arguments[count++] = "--image-opts"; /* driver=...,key=value */
    }
    if (place->shared) {
        arguments[count++] = "--force-share";
    }
    arguments[count++] = "-O";
    arguments[count++] = "raw";
    if (place->file == NULL && place->blockdev[0] == '{') {
        if (asprintf(&json, "json:%s", place->blockdev) < 0) {
            fatal("out of memory");
        }
        arguments[count++] = json;
    } else {
        arguments[count++] = place->file != NULL ? place->file : place->blockdev;
    }
    arguments[count++] = copy;
    arguments[count] = NULL;
    converted = image_run_program(arguments, output, sizeof(output));
    if (!converted) {
        snprintf(error, error_size, "qemu-img cannot read the image: %s", output);
    }
    free(json);
    return converted;
}

bool image_compare(const struct image_place *place, const struct pattern_map *map,
                   uint32_t block_bytes, uint64_t *compared, char *error, size_t error_size)
{
    char folder[512], copy[576];
    bool same;

    *compared = 0;
    if (place->file != NULL && place->format != NULL && strcmp(place->format, "raw") == 0) {
        return compare_raw(place->file, map, block_bytes, compared, error, error_size);
    }
    if (!image_temporary_folder(folder, sizeof(folder), error, error_size)) {
        return false;
    }
    snprintf(copy, sizeof(copy), "%s/raw", folder);
    same = convert(place, copy, error, error_size) &&
           compare_raw(copy, map, block_bytes, compared, error, error_size);
    unlink(copy);
    rmdir(folder);
    return same;
}
