#pragma once
#include <libpq-fe.h>

// The fields of an error are character macros, which Swift imports as 8-bit integers.
static const int duckmesh_pg_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int duckmesh_pg_sqlstate = PG_DIAG_SQLSTATE;
static const int duckmesh_pg_message = PG_DIAG_MESSAGE_PRIMARY;
static const int duckmesh_pg_source_function = PG_DIAG_SOURCE_FUNCTION;
