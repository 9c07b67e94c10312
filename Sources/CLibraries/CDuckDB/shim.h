#pragma once
// scripts/deps puts the header of the pinned version here.
#include "../../../.deps/duckdb/include/duckdb.h"
#include "arrow.h"
