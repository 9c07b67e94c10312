"""As much of libpq as the suite needs, through ctypes."""

import ctypes

_libpq = None
_COMMAND_OK, _TUPLES_OK, _COPY_IN = 1, 2, 4


class PostgresError(Exception):
    pass


def _library():
    global _libpq
    if _libpq is None:
        library = ctypes.CDLL("libpq.so.5")
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        for name, result, arguments in (
            ("PQconnectdb", pointer, [text]), ("PQstatus", number, [pointer]),
            ("PQerrorMessage", text, [pointer]), ("PQfinish", None, [pointer]),
            ("PQexec", pointer, [pointer, text]), ("PQresultStatus", number, [pointer]),
            ("PQclear", None, [pointer]), ("PQntuples", number, [pointer]),
            ("PQnfields", number, [pointer]), ("PQgetResult", pointer, [pointer]),
            ("PQgetvalue", text, [pointer, number, number]),
            ("PQgetisnull", number, [pointer, number, number]),
            ("PQputCopyData", number, [pointer, text, number]),
            ("PQputCopyEnd", number, [pointer, text]),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        _libpq = library
    return _libpq


class Connection:
    def __init__(self, dsn):
        self._library = _library()
        self._handle = self._library.PQconnectdb(dsn.encode())
        if self._library.PQstatus(self._handle) != 0:
            raise PostgresError(self._message())

    def close(self):
        self._library.PQfinish(self._handle)

    def execute(self, statement):
        """Runs one statement, bytes in UTF-8; its rows as lists of texts and None."""
        return self._answer(self._library.PQexec(self._handle, statement), _COMMAND_OK, _TUPLES_OK)

    def copy(self, statement, data):
        self._answer(self._library.PQexec(self._handle, statement), _COPY_IN)
        if self._library.PQputCopyData(self._handle, data, len(data)) != 1:
            raise PostgresError(self._message())
        if self._library.PQputCopyEnd(self._handle, None) != 1:
            raise PostgresError(self._message())
        self._answer(self._library.PQgetResult(self._handle), _COMMAND_OK)
        while rest := self._library.PQgetResult(self._handle):
            self._library.PQclear(rest)

    def _answer(self, result, *expected):
        try:
            if self._library.PQresultStatus(result) not in expected:
                raise PostgresError(self._message())
            columns = range(self._library.PQnfields(result))
            return [[self._cell(result, line, column) for column in columns]
                    for line in range(self._library.PQntuples(result))]
        finally:
            self._library.PQclear(result)

    def _cell(self, result, line, column):
        if self._library.PQgetisnull(result, line, column):
            return None
        return self._library.PQgetvalue(result, line, column).decode()

    def _message(self):
        return self._library.PQerrorMessage(self._handle).decode().strip()
