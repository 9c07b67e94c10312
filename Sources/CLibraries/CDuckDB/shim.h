#pragma once
#include <stdint.h>

// The Arrow C data interface, whose structures the engine's header only names. The layout is fixed
// by https://arrow.apache.org/docs/format/CDataInterface.html
struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

// scripts/deps puts the header of the pinned version here.
#include "../../../.deps/duckdb/include/duckdb.h"
