#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CSandbox.h"

int sandbox_set_limit(enum sandbox_limit limit, uint64_t value) {
  static const int resources[] = {
    [SANDBOX_LIMIT_ADDRESS_SPACE] = RLIMIT_AS, [SANDBOX_LIMIT_OPEN_FILES] = RLIMIT_NOFILE,
    [SANDBOX_LIMIT_CORE] = RLIMIT_CORE,        [SANDBOX_LIMIT_FILE_SIZE] = RLIMIT_FSIZE,
    [SANDBOX_LIMIT_STACK] = RLIMIT_STACK,
  };
  struct rlimit current;
  if (getrlimit(resources[limit], &current)) return -errno;
  // A stricter limit of the surroundings stays.
  rlim_t wanted = value < current.rlim_max ? value : current.rlim_max;
  struct rlimit next = {wanted, wanted};
  return setrlimit(resources[limit], &next) ? -errno : 0;
}

int sandbox_raise_stack(uint64_t value) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit)) return -errno;
  if (limit.rlim_cur >= value) return 0;
  limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
  return setrlimit(RLIMIT_STACK, &limit) ? -errno : 0;
}

int sandbox_harden(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}

int sandbox_drop_capabilities(void) {
  for (int capability = 0; capability < 64; capability++)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  return syscall(SYS_capset, &header, none) ? -errno : 0;
}

int sandbox_can_enter(uint32_t uid, const char *folder) {
  if (setresgid(-1, uid, -1)) return -errno;
  if (setresuid(-1, uid, -1)) {
    int reason = -errno;
    return setresgid(-1, 0, -1) ? -errno : reason;
  }
  DIR *listing = opendir(folder);
  int result = listing ? 0 : -errno;
  if (listing) closedir(listing);
  if (setresuid(-1, 0, -1) || setresgid(-1, 0, -1)) return -errno;
  return result;
}

int sandbox_drop_user(uint32_t uid) {
  if (setgroups(0, NULL)) return -errno;
  if (setresgid(uid, uid, uid)) return -errno;
  return setresuid(uid, uid, uid) ? -errno : 0;
}

void sandbox_ignore_file_size_signal(void) { signal(SIGXFSZ, SIG_IGN); }
