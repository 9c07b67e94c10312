// The text of strings and numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Whether `length` bytes are one number by the grammar of RFC 8259.
bool is_number(const uint8_t *text, size_t length, bool *is_real);

// Whether every backslash starts an escape of RFC 8259 and every surrogate has its partner.
bool escapes_are_valid(const uint8_t *text, size_t length, bool *has_nul);

// Writes the value of a string with valid escapes; returns how many bytes (at most `length`).
size_t unescape(const uint8_t *text, size_t length, uint8_t *destination);
