// A C face for simdjson: JSON text becomes a flat list of tokens that point into the text.
//
// simdjson's first stage checks UTF-8, control characters and closed strings and finds where every
// token starts. Its second stage is not used, because it turns numbers into doubles and refuses
// integers beyond 64 bits; the second stage here checks the grammar of every byte and keeps each
// number as its text.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CSJ_NULL = 0,
  CSJ_FALSE = 1,
  CSJ_TRUE = 2,
  CSJ_INTEGER = 3,  // digits alone, perhaps with a minus
  CSJ_REAL = 4,     // with a fraction or an exponent
  CSJ_STRING = 5,
  CSJ_ARRAY = 6,
  CSJ_OBJECT = 7,
};

enum {
  CSJ_FLAG_ESCAPED = 1,  // a string whose text holds backslash escapes
  CSJ_FLAG_NUL = 2,      // a string whose value holds U+0000
};

typedef struct {
  uint8_t kind;
  uint8_t flags;
  uint16_t unused;
  // Of a string: its text between the quotes. Of any other value: its whole text.
  uint32_t offset;
  uint32_t length;
  // Index of the first token behind this value. A member of an object is a string token (the
  // name) followed by the tokens of its value.
  uint32_t next;
} csj_token;

typedef enum {
  CSJ_OK = 0,
  CSJ_EMPTY,
  CSJ_BAD_UTF8,
  CSJ_BAD_STRING,        // a control character, a wrong escape, a lone surrogate, no end
  CSJ_BAD_NUMBER,
  CSJ_BAD_SYNTAX,
  CSJ_TOO_DEEP,
  CSJ_TOO_MANY_TOKENS,
  CSJ_TOO_LONG,
  CSJ_DUPLICATE_MEMBER,
  CSJ_OUT_OF_MEMORY,
} csj_status;

typedef struct {
  csj_status status;
  size_t position;  // where in the text the error stands
} csj_result;

typedef struct csj_parser csj_parser;

// NULL when memory is short.
csj_parser *csj_parser_create(size_t max_depth, size_t max_tokens);
void csj_parser_destroy(csj_parser *parser);

// The text must stay as it is while its tokens are used. No byte behind it is read.
csj_result csj_parse(csj_parser *parser, const uint8_t *text, size_t length);

// The tokens of the last parse that succeeded; valid until the next one.
const csj_token *csj_tokens(const csj_parser *parser);
size_t csj_token_count(const csj_parser *parser);

// Bytes that the parser holds beyond one call.
size_t csj_retained_bytes(const csj_parser *parser);

// Writes the value of an escaped string; at most `length` bytes. The text must have been parsed.
size_t csj_unescape(const uint8_t *text, size_t length, uint8_t *destination);

// Encodes a value of the last parse so that two values give the same bytes exactly if they are
// equal: members sorted by name, numbers by exact value, strings without escapes. A duplicate
// member at any depth is an error. The bytes are valid until the next call.
csj_result csj_canonical(
    csj_parser *parser, const uint8_t *text, size_t token, const uint8_t **bytes, size_t *count);

#ifdef __cplusplus
}
#endif
