#pragma once
// What a process can give up for itself on Linux, and how it is born with nothing it should not
// have. Every function returns 0 (or a value >= 0) on success and -errno on failure.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- Landlock ---------------------------------------------------------------------------------

/// The kernel's Landlock ABI, asked by system call; -errno when there is none.
int sandbox_landlock_abi(void);

/// Restricts the calling thread, and threads it makes later, to the given folders. `abi` caps the
/// rights that are asked for; it must be at least 1 and at most what the kernel reported.
int sandbox_landlock_restrict(
    int abi, const char *const *read_only, size_t read_only_count, const char *const *read_write,
    size_t read_write_count);

// --- seccomp ----------------------------------------------------------------------------------

/// Installs the system call allow-list on every thread. Anything else fails with EPERM.
int sandbox_seccomp_restrict(void);

// --- Limits and identity ----------------------------------------------------------------------

enum sandbox_limit {
  SANDBOX_LIMIT_ADDRESS_SPACE,
  SANDBOX_LIMIT_OPEN_FILES,
  SANDBOX_LIMIT_CORE,
  SANDBOX_LIMIT_FILE_SIZE,
  SANDBOX_LIMIT_STACK,
};

/// Sets soft and hard limit alike.
int sandbox_set_limit(enum sandbox_limit limit, uint64_t value);
/// Raises the soft limit of the stack of the main thread, as far as the hard limit lets it.
int sandbox_raise_stack(uint64_t value);
/// no_new_privs and not dumpable (no ptrace by siblings, no /proc/PID/mem).
int sandbox_harden(void);
int sandbox_drop_capabilities(void);
/// 0 when a process of `uid` could list `folder`; the caller's effective ids are restored.
int sandbox_can_enter(uint32_t uid, const char *folder);
int sandbox_drop_user(uint32_t uid);
/// Large writes return an error instead of ending the process.
void sandbox_ignore_file_size_signal(void);

// --- Birth --------------------------------------------------------------------------------------

/// A close-on-exec pair of connected stream sockets.
int sandbox_socket_pair(int out[2]);

/// Starts `path` with an empty environment, in a process group of its own, with 0 and 1 on
/// /dev/null, 2 on `log_fd`, 3 on `socket_fd` and nothing else open. Returns the process id.
int sandbox_spawn(const char *path, char *const *arguments, int socket_fd, int log_fd);

/// Waits for a child to end. Returns its wait status.
int sandbox_wait(int pid);

// --- Probes -------------------------------------------------------------------------------------

/// Attempts one operation that a sandboxed process must not manage. Returns 0 when it succeeded.
int sandbox_probe(const char *operation, const char *path);

#ifdef __cplusplus
}
#endif
