/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts and stops nbdkit: see nbd.h. */
#include "ways/nbd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/violation.h"
#include "ways/stop.h"

#define ACTIVATION_FD 3 /* where socket activation puts the first socket */

/* The UNIX socket that is there because of this process; NULL: none. */
static const char *bound_path;

static void remove_bound_path(void *unused)
{
    (void)unused;
    if (bound_path != NULL) {
        unlink(bound_path);
        bound_path = NULL;
    }
}

static int listen_on_port(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    address.sin_port = htons((uint16_t)strtoul(port, NULL, 0));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 16) != 0) {
        fatal("port %s of localhost: %s (choose another with --nbd-port)", port, strerror(errno));
    }
    return fd;
}

static int listen_on_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        fatal("%s: longer than a socket path can be (%zu)", path, sizeof(address.sun_path) - 1);
    }
    strcpy(address.sun_path, path);
    /* A leftover that nobody listens on is replaced. */
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 16) != 0) {
        fatal("%s: %s (choose another with --nbd-socket)", path, strerror(errno));
    }
    bound_path = path;
    at_end(remove_bound_path, NULL);
    return fd;
}

/* Runs nbdkit in this new process. If that cannot be, its errno value goes into the pipe, which
 * otherwise closes. */
static _Noreturn void exec_nbdkit(const struct nbd_options *options, int listener, int failure)
{
    char parameter[PATH_MAX + 8], pid[16];
    const char *arguments[] = {options->nbdkit, "--foreground", options->plugin, parameter, NULL};
    int error;

    snprintf(parameter, sizeof(parameter), "socket=%s", options->server_socket);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    stop_reset_in_child();
    setpgid(0, 0); /* Ctrl-C is for storhost alone, which ends nbdkit when it is time */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (listener == ACTIVATION_FD) {
        fcntl(listener, F_SETFD, 0);
    } else {
        dup2(listener, ACTIVATION_FD);
    }
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    error = errno;
    _exit(write(failure, &error, sizeof(error)) == sizeof(error) ? 127 : 126);
}

pid_t nbd_start(const struct nbd_options *options)
{
    int listener = options->port != NULL ? listen_on_port(options->port)
                                         : listen_on_path(options->unix_socket);
    int failure[2], error;
    pid_t child;

    if (access(options->plugin, R_OK) != 0) {
        fatal("%s: %s (the nbdkit plugin; build it, or give --plugin)", options->plugin,
              strerror(errno));
    }
    if (pipe2(failure, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        fatal("cannot start a process: %s", strerror(errno));
    }
    if (child == 0) {
        exec_nbdkit(options, listener, failure[1]);
    }
    close(listener);
    close(failure[1]);
    if (read(failure[0], &error, sizeof(error)) == sizeof(error)) {
        fatal("%s: %s (install nbdkit, or give --nbdkit)", options->nbdkit, strerror(error));
    }
    close(failure[0]);
    return child;
}

bool nbd_ended(pid_t nbdkit)
{
    return waitpid(nbdkit, NULL, WNOHANG) == nbdkit;
}

void nbd_stop(pid_t nbdkit)
{
    kill(nbdkit, SIGTERM);
    waitpid(nbdkit, NULL, 0);
    remove_bound_path(NULL);
}
