#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CSandbox.h"

// The three calls have the same numbers on every architecture. The structures are declared here
// because the header of an older distribution knows only ABI 1.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct ruleset_attributes {
  uint64_t handled_file_access, handled_network_access, scoped;
};
struct path_beneath {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));

enum {
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_DIR = 1 << 3,
  REMOVE_DIR = 1 << 4,
  REMOVE_FILE = 1 << 5,
  MAKE_DIR = 1 << 7,
  MAKE_REG = 1 << 8,
  REFER = 1 << 13,
  TRUNCATE = 1 << 14,
  IOCTL_DEV = 1 << 15,
};
#define ALL_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define READ_ACCESS (READ_FILE | READ_DIR)
#define READ_WRITE_ACCESS                                                                         \
  (READ_ACCESS | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE)

int sandbox_landlock_abi(void) {
  long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
  return version < 0 ? -errno : (int)version;
}

static int allow(int ruleset, const char *folder, uint64_t access) {
  int fd = open(folder, O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (fd < 0) return -errno;
  struct path_beneath rule = {access, fd};
  int result = syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) ? -errno : 0;
  close(fd);
  return result;
}

int sandbox_landlock_restrict(
    int abi, const char *const *read_only, size_t read_only_count, const char *const *read_write,
    size_t read_write_count) {
  uint64_t files = ALL_OF_ABI_1;
  if (abi >= 2) files |= REFER;
  if (abi >= 3) files |= TRUNCATE;
  if (abi >= 5) files |= IOCTL_DEV;
  // Handled and never allowed: binding and connecting TCP, abstract sockets and signals outside.
  struct ruleset_attributes attributes = {files, abi >= 4 ? 3 : 0, abi >= 6 ? 3 : 0};
  size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  int ruleset = (int)syscall(CREATE_RULESET, &attributes, size, 0);
  if (ruleset < 0) return -errno;
  int result = 0;
  for (size_t i = 0; i < read_only_count && result == 0; i++)
    result = allow(ruleset, read_only[i], READ_ACCESS & files);
  for (size_t i = 0; i < read_write_count && result == 0; i++)
    result = allow(ruleset, read_write[i], READ_WRITE_ACCESS & files);
  if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) result = -errno;
  if (result == 0 && syscall(RESTRICT_SELF, ruleset, 0)) result = -errno;
  close(ruleset);
  return result;
}
