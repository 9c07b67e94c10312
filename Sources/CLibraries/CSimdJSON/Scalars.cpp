#include "Scalars.h"

namespace {

bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

const uint8_t *skip_digits(const uint8_t *cursor, const uint8_t *end) {
  while (cursor < end && is_digit(*cursor)) cursor++;
  return cursor;
}

int hex_digit(uint8_t byte) {
  if (is_digit(byte)) return byte - '0';
  const uint8_t lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The four hexadecimal digits at `text`, or -1.
int32_t code_unit(const uint8_t *text, const uint8_t *end) {
  if (end - text < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(int32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

uint8_t *put_utf8(uint8_t *out, int32_t scalar) {
  if (scalar < 0x80) {
    *out++ = static_cast<uint8_t>(scalar);
  } else if (scalar < 0x800) {
    *out++ = static_cast<uint8_t>(0xC0 | scalar >> 6);
    *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3F));
  } else if (scalar < 0x10000) {
    *out++ = static_cast<uint8_t>(0xE0 | scalar >> 12);
    *out++ = static_cast<uint8_t>(0x80 | (scalar >> 6 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3F));
  } else {
    *out++ = static_cast<uint8_t>(0xF0 | scalar >> 18);
    *out++ = static_cast<uint8_t>(0x80 | (scalar >> 12 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (scalar >> 6 & 0x3F));
    *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3F));
  }
  return out;
}

uint8_t short_escape(uint8_t letter) {
  switch (letter) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

}  // namespace

bool is_number(const uint8_t *text, size_t length, bool *is_real) {
  const uint8_t *cursor = text;
  const uint8_t *end = text + length;
  *is_real = false;
  if (cursor < end && *cursor == '-') cursor++;
  const uint8_t *integer = cursor;
  cursor = skip_digits(cursor, end);
  if (cursor == integer || (*integer == '0' && cursor - integer > 1)) return false;
  if (cursor < end && *cursor == '.') {
    *is_real = true;
    const uint8_t *fraction = ++cursor;
    cursor = skip_digits(cursor, end);
    if (cursor == fraction) return false;
  }
  if (cursor < end && (*cursor | 0x20) == 'e') {
    *is_real = true;
    cursor++;
    if (cursor < end && (*cursor == '+' || *cursor == '-')) cursor++;
    const uint8_t *exponent = cursor;
    cursor = skip_digits(cursor, end);
    if (cursor == exponent) return false;
  }
  return cursor == end;
}

bool escapes_are_valid(const uint8_t *text, size_t length, bool *has_nul) {
  const uint8_t *end = text + length;
  for (const uint8_t *cursor = text; cursor < end; cursor++) {
    if (*cursor != '\\') continue;
    if (++cursor == end) return false;
    if (*cursor != 'u') {
      if (short_escape(*cursor) == 0) return false;
      continue;
    }
    const int32_t unit = code_unit(cursor + 1, end);
    if (unit < 0 || is_low_surrogate(unit)) return false;
    if (unit == 0) *has_nul = true;
    cursor += 4;
    if (!is_high_surrogate(unit)) continue;
    if (end - cursor < 3 || cursor[1] != '\\' || cursor[2] != 'u') return false;
    if (!is_low_surrogate(code_unit(cursor + 3, end))) return false;
    cursor += 6;
  }
  return true;
}

size_t unescape(const uint8_t *text, size_t length, uint8_t *destination) {
  const uint8_t *end = text + length;
  uint8_t *out = destination;
  for (const uint8_t *cursor = text; cursor < end; cursor++) {
    if (*cursor != '\\') {
      *out++ = *cursor;
      continue;
    }
    cursor++;
    if (*cursor != 'u') {
      *out++ = short_escape(*cursor);
      continue;
    }
    int32_t scalar = code_unit(cursor + 1, end);
    cursor += 4;
    if (is_high_surrogate(scalar)) {
      const int32_t low = code_unit(cursor + 3, end);
      scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00);
      cursor += 6;
    }
    out = put_utf8(out, scalar);
  }
  return static_cast<size_t>(out - destination);
}
