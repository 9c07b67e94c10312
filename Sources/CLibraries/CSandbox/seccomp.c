#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CSandbox.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the system call allow-list knows x86-64 and aarch64"
#endif

// Numbers that an older header may lack; the same on every architecture.
enum { CLONE3 = 435, FACCESSAT2 = 439 };

// What DuckDB and the Swift runtime call after start: files inside what Landlock allows, memory,
// threads, time, pipes within the process, and the one socket that is open already. No new sockets,
// processes or identities.
static const int allowed[] = {
  // files
  __NR_openat, __NR_close, __NR_read, __NR_write, __NR_pread64, __NR_pwrite64, __NR_readv,
  __NR_writev, __NR_preadv, __NR_pwritev, __NR_lseek, __NR_fstat, __NR_newfstatat, __NR_statx,
  __NR_statfs, __NR_fstatfs, __NR_faccessat, FACCESSAT2, __NR_readlinkat, __NR_getdents64,
  __NR_getcwd, __NR_mkdirat, __NR_unlinkat, __NR_ftruncate, __NR_fallocate, __NR_fadvise64,
  __NR_fsync, __NR_fdatasync, __NR_flock, __NR_fcntl, __NR_dup, __NR_pipe2,
  // memory
  __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_brk, __NR_membarrier,
  // threads and signals
  __NR_futex, __NR_set_robust_list, __NR_rseq, __NR_sched_yield, __NR_sched_getaffinity,
  __NR_gettid, __NR_getpid, __NR_getppid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid,
  __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_sigaltstack,
  __NR_restart_syscall, __NR_exit, __NR_exit_group,
  // time and facts
  __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep, __NR_gettimeofday,
  __NR_getrandom, __NR_getrusage, __NR_sysinfo, __NR_uname, __NR_getcpu,
  // the socket
  __NR_sendto, __NR_recvfrom, __NR_ppoll,
#if defined(__x86_64__)
  __NR_open, __NR_stat, __NR_lstat, __NR_access, __NR_readlink, __NR_unlink, __NR_mkdir,
  __NR_rmdir, __NR_pipe, __NR_poll, __NR_getdents, __NR_time, __NR_arch_prctl,
#endif
};

enum { FILTER_CAPACITY = 2 * sizeof allowed / sizeof *allowed + 64 };

struct program {
  struct sock_filter filter[FILTER_CAPACITY];
  unsigned short length;
};

static void emit(struct program *program, struct sock_filter instruction) {
  program->filter[program->length++] = instruction;
}
static void load(struct program *program, size_t offset) {
  emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}
static void finish(struct program *program, unsigned action) {
  emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}
/// The next `count` instructions run only when the accumulator equals `value`.
static void when(struct program *program, unsigned value, unsigned char count) {
  emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}

#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define DENY (SECCOMP_RET_ERRNO | EPERM)

/// Allows `number` only when the low half of an argument equals `value`.
static void allow_with_argument(
    struct program *program, int number, unsigned argument, unsigned value) {
  when(program, (unsigned)number, 4);
  load(program, ARGUMENT(argument));
  when(program, value, 1);
  finish(program, SECCOMP_RET_ALLOW);
  finish(program, DENY);
}

static void build(struct program *program) {
  load(program, offsetof(struct seccomp_data, arch));
  emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
  finish(program, SECCOMP_RET_KILL_PROCESS);
  load(program, offsetof(struct seccomp_data, nr));
  // clone3 hides its flags in memory: glibc falls back to clone, whose flags can be seen.
  when(program, CLONE3, 1);
  finish(program, SECCOMP_RET_ERRNO | ENOSYS);
  when(program, __NR_clone, 4);
  load(program, ARGUMENT(0));
  emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
  finish(program, SECCOMP_RET_ALLOW);
  finish(program, DENY);
  // abort() and thread cancellation signal the own process; nobody else's.
  allow_with_argument(program, __NR_tgkill, 0, (unsigned)getpid());
  // Thread names; everything else prctl does is about privileges.
  allow_with_argument(program, __NR_prctl, 0, PR_SET_NAME);
  // Reading own limits (thread stacks); a hard limit cannot be raised without capabilities.
  allow_with_argument(program, __NR_prlimit64, 0, 0);
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
    when(program, (unsigned)allowed[i], 1);
    finish(program, SECCOMP_RET_ALLOW);
  }
  finish(program, DENY);
}

int sandbox_seccomp_restrict(void) {
  struct program program = {.length = 0};
  build(&program);
  struct sock_fprog code = {program.length, program.filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
  long result =
      syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &code);
  if (result < 0) return -errno;
  // A positive result names a thread that could not be synchronised.
  return result > 0 ? -ESRCH : 0;
}
