#include "CSimdJSON.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "Canonical.h"
#include "Scalars.h"

namespace {

csj_result fail(csj_status status, size_t position) { return {status, position}; }

bool is_space(uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

csj_status from_stage_one(simdjson::error_code code) {
  switch (code) {
    case simdjson::SUCCESS: return CSJ_OK;
    case simdjson::EMPTY: return CSJ_EMPTY;
    case simdjson::UTF8_ERROR: return CSJ_BAD_UTF8;
    case simdjson::UNESCAPED_CHARS:
    case simdjson::UNCLOSED_STRING: return CSJ_BAD_STRING;
    case simdjson::MEMALLOC: return CSJ_OUT_OF_MEMORY;
    case simdjson::CAPACITY: return CSJ_TOO_LONG;
    default: return CSJ_BAD_SYNTAX;
  }
}

}  // namespace

struct csj_parser {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_one;
  std::vector<csj_token> tokens;
  std::vector<uint32_t> open;
  Canonical canonical;
  size_t max_depth;
  size_t max_tokens;
  size_t capacity = 0;

  csj_result index(const uint8_t *text, size_t length);
  csj_result build(const uint8_t *text, size_t length);
  csj_result scalar(const uint8_t *text, size_t start, size_t end);
};

csj_result csj_parser::index(const uint8_t *text, size_t length) {
  if (length >= UINT32_MAX) return fail(CSJ_TOO_LONG, 0);
  if (length == 0) return fail(CSJ_EMPTY, 0);
  if (length > capacity) {
    size_t wanted = std::max<size_t>(length, 4096);
    if (stage_one->set_capacity(wanted) != simdjson::SUCCESS) {
      capacity = 0;
      return fail(CSJ_OUT_OF_MEMORY, 0);
    }
    capacity = wanted;
  }
  auto code = stage_one->stage1(text, length, simdjson::stage1_mode::regular);
  return fail(from_stage_one(code), 0);
}

// Appends the token of the scalar that starts at `start`; `end` is where the next token starts.
csj_result csj_parser::scalar(const uint8_t *text, size_t start, size_t end) {
  while (end > start + 1 && is_space(text[end - 1])) end--;
  csj_token token{};
  token.offset = static_cast<uint32_t>(start);
  token.length = static_cast<uint32_t>(end - start);
  token.next = static_cast<uint32_t>(tokens.size() + 1);
  const uint8_t first = text[start];
  if (first == '"') {
    if (end - start < 2 || text[end - 1] != '"') return fail(CSJ_BAD_STRING, start);
    token.kind = CSJ_STRING;
    token.offset += 1;
    token.length -= 2;
    const uint8_t *content = text + token.offset;
    if (memchr(content, '\\', token.length) != nullptr) {
      token.flags = CSJ_FLAG_ESCAPED;
      bool has_nul = false;
      if (!escapes_are_valid(content, token.length, &has_nul)) return fail(CSJ_BAD_STRING, start);
      if (has_nul) token.flags |= CSJ_FLAG_NUL;
    }
  } else if (first == '-' || (first >= '0' && first <= '9')) {
    bool is_real = false;
    if (!is_number(text + start, token.length, &is_real)) return fail(CSJ_BAD_NUMBER, start);
    token.kind = is_real ? CSJ_REAL : CSJ_INTEGER;
  } else if (token.length == 4 && memcmp(text + start, "true", 4) == 0) {
    token.kind = CSJ_TRUE;
  } else if (token.length == 5 && memcmp(text + start, "false", 5) == 0) {
    token.kind = CSJ_FALSE;
  } else if (token.length == 4 && memcmp(text + start, "null", 4) == 0) {
    token.kind = CSJ_NULL;
  } else {
    return fail(CSJ_BAD_SYNTAX, start);
  }
  tokens.push_back(token);
  return fail(CSJ_OK, 0);
}

csj_result csj_parser::build(const uint8_t *text, size_t length) {
  const uint32_t *starts = stage_one->structural_indexes.get();
  const size_t count = stage_one->n_structural_indexes;
  size_t cursor = 0;
  auto start_of = [&](size_t which) { return which < count ? starts[which] : length; };
  auto peek = [&]() -> uint8_t { return cursor < count ? text[starts[cursor]] : 0; };
  enum { VALUE, MEMBER, AFTER_VALUE } expected = VALUE;

  while (true) {
    if (tokens.size() >= max_tokens) return fail(CSJ_TOO_MANY_TOKENS, start_of(cursor));
    const size_t at = start_of(cursor);
    const uint8_t first = peek();
    if (expected == MEMBER) {
      if (first != '"') return fail(CSJ_BAD_SYNTAX, at);
      csj_result result = scalar(text, at, start_of(cursor + 1));
      if (result.status != CSJ_OK) return result;
      cursor++;
      if (peek() != ':') return fail(CSJ_BAD_SYNTAX, start_of(cursor));
      cursor++;
      expected = VALUE;
    } else if (expected == VALUE) {
      if (first == '{' || first == '[') {
        if (open.size() >= max_depth) return fail(CSJ_TOO_DEEP, at);
        csj_token token{};
        token.kind = first == '{' ? CSJ_OBJECT : CSJ_ARRAY;
        token.offset = static_cast<uint32_t>(at);
        open.push_back(static_cast<uint32_t>(tokens.size()));
        tokens.push_back(token);
        cursor++;
        const bool is_empty = peek() == (first == '{' ? '}' : ']');
        expected = is_empty ? AFTER_VALUE : first == '{' ? MEMBER : VALUE;
      } else {
        if (cursor >= count) return fail(CSJ_BAD_SYNTAX, at);
        csj_result result = scalar(text, at, start_of(cursor + 1));
        if (result.status != CSJ_OK) return result;
        cursor++;
        expected = AFTER_VALUE;
      }
    } else if (open.empty()) {
      return cursor == count ? fail(CSJ_OK, 0) : fail(CSJ_BAD_SYNTAX, at);
    } else {
      csj_token &parent = tokens[open.back()];
      const bool is_object = parent.kind == CSJ_OBJECT;
      cursor++;
      if (first == ',') {
        expected = is_object ? MEMBER : VALUE;
      } else if (first == (is_object ? '}' : ']')) {
        parent.length = static_cast<uint32_t>(at + 1 - parent.offset);
        parent.next = static_cast<uint32_t>(tokens.size());
        open.pop_back();
      } else {
        return fail(CSJ_BAD_SYNTAX, at);
      }
    }
  }
}

extern "C" csj_parser *csj_parser_create(size_t max_depth, size_t max_tokens) {
  auto *parser = new (std::nothrow) csj_parser();
  if (parser == nullptr) return nullptr;
  parser->max_depth = max_depth;
  parser->max_tokens = max_tokens;
  auto code = simdjson::get_active_implementation()->create_dom_parser_implementation(
      4096, max_depth, parser->stage_one);
  if (code != simdjson::SUCCESS) {
    delete parser;
    return nullptr;
  }
  parser->capacity = 4096;
  return parser;
}

extern "C" void csj_parser_destroy(csj_parser *parser) { delete parser; }

extern "C" csj_result csj_parse(csj_parser *parser, const uint8_t *text, size_t length) {
  parser->tokens.clear();
  parser->open.clear();
  csj_result result = parser->index(text, length);
  if (result.status != CSJ_OK) return result;
  try {
    return parser->build(text, length);
  } catch (const std::bad_alloc &) {
    return fail(CSJ_OUT_OF_MEMORY, 0);
  }
}

extern "C" const csj_token *csj_tokens(const csj_parser *parser) { return parser->tokens.data(); }

extern "C" size_t csj_token_count(const csj_parser *parser) { return parser->tokens.size(); }

extern "C" size_t csj_retained_bytes(const csj_parser *parser) {
  return parser->capacity * sizeof(uint32_t) + parser->tokens.capacity() * sizeof(csj_token) +
         parser->canonical.retained_bytes();
}

extern "C" size_t csj_unescape(const uint8_t *text, size_t length, uint8_t *destination) {
  return unescape(text, length, destination);
}

extern "C" csj_result csj_canonical(
    csj_parser *parser, const uint8_t *text, size_t token, const uint8_t **bytes, size_t *count) {
  try {
    csj_result result = parser->canonical.encode(text, parser->tokens.data(), token);
    *bytes = parser->canonical.output.data();
    *count = parser->canonical.output.size();
    return result;
  } catch (const std::bad_alloc &) {
    return fail(CSJ_OUT_OF_MEMORY, 0);
  }
}
