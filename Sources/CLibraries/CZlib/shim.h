#pragma once
#include <zlib.h>

// A macro that Swift cannot call. 15 is the largest window, 16 asks for the gzip wrapper.
static inline int czlib_inflate_init_gzip(z_stream *stream) {
  return inflateInit2(stream, 15 + 16);
}
