#include "Canonical.h"

#include <algorithm>
#include <cstring>

#include "Scalars.h"

namespace {

const csj_result ok{CSJ_OK, 0};

// Insertion sort beats std::sort below this many members, above all when they come sorted.
const size_t insertion_sort_limit = 24;

// The exponent of a number, or false when it does not fit: such a number is kept as its text.
bool read_exponent(const uint8_t *cursor, const uint8_t *end, int64_t *exponent) {
  bool is_negative = false;
  if (cursor < end && (*cursor == '+' || *cursor == '-')) is_negative = *cursor++ == '-';
  while (cursor < end && *cursor == '0') cursor++;
  if (end - cursor > 17) return false;
  int64_t value = 0;
  for (; cursor < end; cursor++) value = value * 10 + (*cursor - '0');
  *exponent = is_negative ? -value : value;
  return true;
}

}  // namespace

bool Canonical::Member::operator<(const Member &other) const {
  if (prefix != other.prefix) return prefix < other.prefix;
  const int order = memcmp(name, other.name, std::min(length, other.length));
  return order != 0 ? order < 0 : length < other.length;
}

bool Canonical::Member::has_name_of(const Member &other) const {
  return prefix == other.prefix && length == other.length &&
         memcmp(name, other.name, length) == 0;
}

csj_result Canonical::encode(const uint8_t *source, const csj_token *list, size_t token) {
  text = source;
  tokens = list;
  output.clear();
  members.clear();
  escaped_names.clear();
  return value(token);
}

size_t Canonical::retained_bytes() const {
  return output.capacity() + scratch.capacity() + members.capacity() * sizeof(Member);
}

csj_result Canonical::value(size_t index) {
  const csj_token &token = tokens[index];
  switch (token.kind) {
    case CSJ_NULL: output.put_byte('n'); return ok;
    case CSJ_FALSE: output.put_byte('f'); return ok;
    case CSJ_TRUE: output.put_byte('t'); return ok;
    case CSJ_INTEGER:
    case CSJ_REAL: number(token); return ok;
    case CSJ_STRING: string(token); return ok;
    case CSJ_ARRAY: return array(token, index + 1);
    default: return object(token, index + 1);
  }
}

// `s`, the length in bytes, the bytes.
void Canonical::string(const csj_token &token) {
  const uint8_t *content = text + token.offset;
  if ((token.flags & CSJ_FLAG_ESCAPED) == 0) {
    output.put_text('s', content, token.length);
    return;
  }
  scratch.resize(token.length);
  auto *unescaped = reinterpret_cast<uint8_t *>(&scratch[0]);
  output.put_text('s', unescaped, unescape(content, token.length, unescaped));
}

// Zero is `0`, whatever its sign. Else `+` or `-`, the power of ten of the last digit that is not
// zero, and the digits from the first to the last that are not zero.
void Canonical::number(const csj_token &token) {
  const uint8_t *cursor = text + token.offset;
  const uint8_t *end = cursor + token.length;
  const bool is_negative = *cursor == '-';
  const uint8_t *start = cursor + is_negative;
  const uint8_t *mantissa_end = start;
  const uint8_t *point = nullptr;
  const uint8_t *first = nullptr;
  const uint8_t *last = nullptr;
  for (; mantissa_end < end && (*mantissa_end | 0x20) != 'e'; mantissa_end++) {
    if (*mantissa_end == '.') {
      point = mantissa_end;
    } else if (*mantissa_end != '0') {
      if (first == nullptr) first = mantissa_end;
      last = mantissa_end;
    }
  }
  if (first == nullptr) return output.put_byte('0');
  int64_t exponent = 0;
  if (mantissa_end < end && !read_exponent(mantissa_end + 1, end, &exponent)) {
    return output.put_text('!', cursor, token.length);
  }
  if (point == nullptr) point = mantissa_end;
  exponent += last < point ? point - last - 1 : point - last;
  const bool spans_point = first < point && point < last;
  output.put_byte(is_negative ? '-' : '+');
  output.put_integer(static_cast<uint64_t>(exponent));
  output.put_integer(static_cast<uint64_t>(last - first + 1 - spans_point));
  if (spans_point) {
    output.put_bytes(first, static_cast<size_t>(point - first));
    output.put_bytes(point + 1, static_cast<size_t>(last - point));
  } else {
    output.put_bytes(first, static_cast<size_t>(last - first + 1));
  }
}

csj_result Canonical::array(const csj_token &token, size_t first) {
  output.put_byte('[');
  for (size_t index = first; index < token.next; index = tokens[index].next) {
    const csj_result result = value(index);
    if (result.status != CSJ_OK) return result;
  }
  output.put_byte(']');
  return ok;
}

Canonical::Member Canonical::member(size_t index) {
  const csj_token &token = tokens[index];
  Member member{0, text + token.offset, token.length, static_cast<uint32_t>(index + 1)};
  if ((token.flags & CSJ_FLAG_ESCAPED) != 0) {
    escaped_names.emplace_back(token.length, '\0');
    auto *unescaped = reinterpret_cast<uint8_t *>(&escaped_names.back()[0]);
    member.length = static_cast<uint32_t>(unescape(member.name, token.length, unescaped));
    member.name = unescaped;
  }
  uint64_t prefix = 0;
  memcpy(&prefix, member.name, std::min<size_t>(8, member.length));
  member.prefix = __builtin_bswap64(prefix);
  return member;
}

csj_result Canonical::object(const csj_token &token, size_t first) {
  const size_t base = members.size();
  for (size_t index = first; index < token.next; index = tokens[index + 1].next) {
    members.push_back(member(index));
  }
  const size_t count = members.size() - base;
  if (count > insertion_sort_limit) {
    std::sort(members.begin() + static_cast<ptrdiff_t>(base), members.end());
  } else {
    for (size_t i = base + 1; i < members.size(); i++) {
      const Member moving = members[i];
      size_t hole = i;
      for (; hole > base && moving < members[hole - 1]; hole--) members[hole] = members[hole - 1];
      members[hole] = moving;
    }
  }
  output.put_byte('{');
  for (size_t i = base; i < base + count; i++) {
    const Member current = members[i];
    if (i > base && current.has_name_of(members[i - 1])) {
      return {CSJ_DUPLICATE_MEMBER, tokens[current.value - 1].offset};
    }
    output.put_text('s', current.name, current.length);
    const csj_result result = value(current.value);
    if (result.status != CSJ_OK) return result;
  }
  output.put_byte('}');
  members.resize(base);
  return ok;
}
