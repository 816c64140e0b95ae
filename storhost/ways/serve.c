/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command serve: keeps the disk up for clients of the socket, starts nbdkit if asked to, says
 * how to reach the disk, and takes everything down in good order on Ctrl-C or SIGTERM.
 */
#include "ways/commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/violation.h"
#include "ways/bench.h"
#include "ways/facts.h"
#include "ways/nbd.h"
#include "ways/server.h"
#include "ways/stop.h"

#define DRAIN_MS 30000u /* outstanding requests have to come back by then */
#define POLL_MS  200u

#define PLUGIN_NAME  "nbdkit-storhost-plugin.so"
#define LIBRARY_NAME "libstorhost-sg.so"

static void remove_socket(void *context)
{
    struct server **server = context;

    if (*server != NULL) {
        server_remove_socket(*server);
    }
}

/* A file beside the running program, unless the user named one. Other programs load it, so it is
 * this machine's own and lies one folder up where storhost is another processor's. */
static const char *beside(const char *given, const char *name, char *path, size_t size)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    int folder, up;
    char *slash;

    if (given != NULL) {
        return given;
    }
    program[length > 0 ? length : 0] = '\0';
    slash = strrchr(program, '/');
    folder = slash != NULL ? (int)(slash - program) : 0;
    for (up = 0; up <= 1; up++) {
        snprintf(path, size, "%.*s/%s%s", folder, program, up ? "../" : "", name);
        if (access(path, R_OK) == 0) {
            return path;
        }
    }
    snprintf(path, size, "%.*s/%s", folder, program, name); /* to be told what is missing */
    return path;
}

/* The absolute form of the path of a file that exists. */
static const char *absolute(const char *path, char *result)
{
    return realpath(path, result) != NULL ? result : path;
}

static void print_ways_in(const struct bench *bench, const char *plugin)
{
    const struct options *options = bench->options;
    char library[PATH_MAX], library_path[PATH_MAX], plugin_path[PATH_MAX], socket_path[PATH_MAX];
    char nbd_path[PATH_MAX];
    const char *sg =
        absolute(beside(options->sg_library, LIBRARY_NAME, library, sizeof(library)), library_path);
    const char *socket = absolute(options->socket, socket_path);

    printf("Serving\n  socket    %s\n", socket);
    if (options->nbd_port != NULL) {
        printf("  NBD       nbd://localhost:%s\n", options->nbd_port);
    } else if (options->nbd_socket != NULL) {
        printf("  NBD       nbd+unix:///?socket=%s\n", absolute(options->nbd_socket, nbd_path));
    } else {
        printf("  NBD       %s -U - %s socket=%s --run 'nbdinfo \"$uri\"'\n", options->nbdkit,
               absolute(plugin, plugin_path), socket);
    }
    printf("  SG tools  LD_PRELOAD=%s STORHOST_SG=%s sg_inq /dev/sg999\n", sg, socket);
    printf("ready (Ctrl-C ends it)\n");
    fflush(stdout);
}

/* Until the user wants an end or nbdkit ended by itself; false in the second case. */
static bool wait_for_end(pid_t *nbdkit)
{
    while (!stop_wait(POLL_MS)) {
        if (*nbdkit != 0 && nbd_ended(*nbdkit)) {
            fprintf(stderr, "storhost: nbdkit ended by itself\n");
            *nbdkit = 0;
            return false;
        }
    }
    return true;
}

static bool flush(struct bench *bench)
{
    struct class_request request = {.operation = CLASS_FLUSH, .processor = -1};

    class_execute(bench_class(bench), &request);
    if (request.status != CLASS_SUCCESS && !bench->disk.read_only) {
        fprintf(stderr, "storhost: the flush failed: %s\n", class_status_name(request.status));
        return false;
    }
    return true;
}

static void print_result(const struct options *options, json_t *facts)
{
    if (options->json) {
        facts_print_json(facts);
    } else if (!options->quiet) {
        facts_print_counters(facts);
    }
}

int command_serve(const struct options *options)
{
    static struct bench bench; /* at_end functions look at these after this returned */
    static struct server *server;
    char plugin_path[PATH_MAX], error[512];
    const char *plugin = beside(options->plugin, PLUGIN_NAME, plugin_path, sizeof(plugin_path));
    struct nbd_options nbd = {.nbdkit = options->nbdkit,
                              .plugin = plugin,
                              .server_socket = options->socket,
                              .port = options->nbd_port,
                              .unix_socket = options->nbd_socket};
    pid_t nbdkit = 0;
    json_t *facts;
    bool good;

    bench_open(&bench, options);
    at_end(remove_socket, &server);
    server = server_start(options->socket, &bench.disk, bench_class(&bench), error, sizeof(error));
    if (server == NULL) {
        fatal("%s", error);
    }
    if (nbd.port != NULL || nbd.unix_socket != NULL) {
        nbdkit = nbd_start(&nbd);
    }
    facts = facts_collect(&bench);
    if (!options->quiet && !options->json) {
        facts_print_found(facts);
    }
    json_decref(facts);
    print_ways_in(&bench, plugin);
    good = wait_for_end(&nbdkit);

    if (nbdkit != 0) {
        nbd_stop(nbdkit);
    }
    if (!server_stop(server, DRAIN_MS)) {
        fatal("requests are still outstanding after %u seconds", DRAIN_MS / 1000);
    }
    server = NULL;
    good = flush(&bench) && good;
    facts = facts_collect(&bench);
    bench_close(&bench);
    print_result(options, facts);
    json_decref(facts);
    return good ? 0 : 1;
}
