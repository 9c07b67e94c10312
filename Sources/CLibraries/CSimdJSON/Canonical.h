// An encoding under which two JSON values have the same bytes exactly if they are equal.
#pragma once
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "CSimdJSON.h"

// Lengths and exponents are written as they stand in memory, and hashes of them are stored.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored hashes are little-endian");

class ByteBuffer {
 public:
  const uint8_t *data() const { return bytes.get(); }
  size_t size() const { return used; }
  size_t capacity() const { return available; }
  void clear() { used = 0; }

  void put_byte(uint8_t byte) { *room_for(1) = byte; }
  void put_bytes(const uint8_t *source, size_t count) { memcpy(room_for(count), source, count); }
  void put_integer(uint64_t value) { memcpy(room_for(sizeof value), &value, sizeof value); }
  void put_text(uint8_t tag, const uint8_t *source, size_t count) {
    uint8_t *start = room_for(1 + sizeof(uint64_t) + count);
    const uint64_t length = count;
    start[0] = tag;
    memcpy(start + 1, &length, sizeof length);
    memcpy(start + 1 + sizeof length, source, count);
  }

 private:
  std::unique_ptr<uint8_t[]> bytes;
  size_t used = 0;
  size_t available = 0;

  uint8_t *room_for(size_t count) {
    if (available - used < count) grow(count);
    uint8_t *start = bytes.get() + used;
    used += count;
    return start;
  }

  void grow(size_t count) {
    const size_t wanted = std::max<size_t>(1024, (used + count) * 2);
    std::unique_ptr<uint8_t[]> larger(new uint8_t[wanted]);
    if (used > 0) memcpy(larger.get(), bytes.get(), used);
    bytes = std::move(larger);
    available = wanted;
  }
};

class Canonical {
 public:
  ByteBuffer output;

  csj_result encode(const uint8_t *text, const csj_token *tokens, size_t token);
  size_t retained_bytes() const;

 private:
  struct Member {
    uint64_t prefix;  // the first eight bytes of the name, so that most comparisons are one
    const uint8_t *name;
    uint32_t length;
    uint32_t value;

    bool operator<(const Member &other) const;
    bool has_name_of(const Member &other) const;
  };

  const uint8_t *text = nullptr;
  const csj_token *tokens = nullptr;
  std::vector<Member> members;   // a stack: each open object owns its end
  std::deque<std::string> escaped_names;
  std::string scratch;

  csj_result value(size_t token);
  csj_result object(const csj_token &token, size_t first);
  csj_result array(const csj_token &token, size_t first);
  void string(const csj_token &token);
  void number(const csj_token &token);
  Member member(size_t token);
};
