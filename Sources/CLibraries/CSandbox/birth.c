#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CSandbox.h"

enum { CHILD_SOCKET = 3 };

int sandbox_socket_pair(int out[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) ? -errno : 0;
}

int sandbox_spawn(const char *path, char *const *arguments, int socket_fd, int log_fd) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&files);
  if (error) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error) {
    posix_spawn_file_actions_destroy(&files);
    return -error;
  }
  // The copies that become 2 and 3 are taken above 3 first, so that neither overwrites the other.
  int high_socket = fcntl(socket_fd, F_DUPFD_CLOEXEC, 10);
  int high_log = fcntl(log_fd, F_DUPFD_CLOEXEC, 10);
  pid_t pid = -1;
  if (high_socket < 0 || high_log < 0) {
    error = errno;
  } else {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, high_log, 2);
    posix_spawn_file_actions_adddup2(&files, high_socket, CHILD_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&files, CHILD_SOCKET + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    char *environment[] = {NULL};
    error = posix_spawn(&pid, path, &files, &attributes, arguments, environment);
  }
  if (high_socket >= 0) close(high_socket);
  if (high_log >= 0) close(high_log);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error ? -error : pid;
}

int sandbox_wait(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -errno;
  return status;
}
