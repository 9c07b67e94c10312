#pragma once
#include <sqlite3.h>

// Extended result codes are macros with arithmetic, which Swift does not import.
static const int duckmesh_sqlite_ioerr_write = SQLITE_IOERR_WRITE;
static const int duckmesh_sqlite_ioerr_shmsize = SQLITE_IOERR_SHMSIZE;
