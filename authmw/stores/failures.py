"""What drivers raise, in our words: `Conflict`, `Locked`, `Unavailable` are made here and nowhere else."""

from __future__ import annotations

import sqlite3
import ssl

from ..core.store import Conflict, Locked, StoreError, Unavailable

# SQLSTATE classes and codes of PostgreSQL (appendix A of its manual).
PG_CONFLICTS = {"23505", "23503", "23P01"}
PG_LOCKED = {"55P03"}
PG_DEADLOCKS = {"40001", "40P01"}
PG_UNAVAILABLE = ("08", "53", "57", "58", "XX", "28", "3D")
PG_BAD_VALUES = ("22", "23")

# Error numbers of MySQL and MariaDB.
MYSQL_CONFLICTS = {1022, 1062, 1169, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762}
MYSQL_LOCKED = {1205, 1206, 1412, 3058, 3572}
MYSQL_DEADLOCKS = {1020, 1213}
MYSQL_UNAVAILABLE = {1040, 1042, 1043, 1044, 1045, 1047, 1049, 1053, 1077, 1079, 1129, 1130, 1152, 1153, 1158, 1159}
MYSQL_UNAVAILABLE |= {1160, 1161, 1184, 1203, 1226, 1290, 1317, 1836, 1927, 1969, 3024, *range(2000, 2060)}
MYSQL_BAD_VALUES = {1048, 1230, 1264, 1265, 1292, 1300, 1366, 1406, 1411, 3140, 3819, 4025}

SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
SQLITE_NOT_NULL = 1299


class Deadlock(Locked):
    """Two writers waited for each other and this one gave way at once: worth asking again."""


def store_failure(error: BaseException) -> StoreError | ValueError | None:
    """What `error` of a driver means to a caller of the store, or None when it is a bug that should look like one.

    The words of the driver are left out: they quote values, and those end up in logs.
    """
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.Error):
        return _sqlite(error)
    if isinstance(error, (TimeoutError, ConnectionError, EOFError, OSError, ssl.SSLError)):
        return Unavailable(f"the database does not answer ({type(error).__name__})")
    module = type(error).__module__
    if module.startswith("asyncmy"):
        return _mysql(error)
    if isinstance(state := getattr(error, "sqlstate", None), str):
        return _postgresql(state, error)
    if module.startswith("asyncpg"):
        return _asyncpg_client(error)
    return None


def _sqlite(error: sqlite3.Error) -> StoreError | ValueError | None:
    extended = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        return Unavailable("the database is closed") if "closed" in str(error) else None
    code = extended & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Locked("another writer holds the SQLite file")
    if extended == SQLITE_NOT_NULL or code == sqlite3.SQLITE_TOOBIG:
        return ValueError("a column does not take this value")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict("a unique column holds this value already, or a row that is referred to is gone")
    return Unavailable(f"SQLite: {error}") if code in SQLITE_UNAVAILABLE else None


def _postgresql(state: str, error: BaseException) -> StoreError | ValueError | None:
    where = getattr(error, "constraint_name", None) or state
    if state in PG_CONFLICTS:
        return Conflict(f"a unique column holds this value already, or a row that is referred to is gone ({where})")
    if state in PG_DEADLOCKS:
        return Deadlock(f"another writer got ahead ({state})")
    if state in PG_LOCKED:
        return Locked(f"another writer holds the rows ({state})")
    if state.startswith(PG_UNAVAILABLE):
        return Unavailable(f"PostgreSQL is not available ({state})")
    return ValueError(f"a column does not take this value ({where})") if state.startswith(PG_BAD_VALUES) else None


def _asyncpg_client(error: BaseException) -> StoreError | ValueError | None:
    # Errors that asyncpg itself makes carry no SQLSTATE. Its InterfaceErrors that are values are DataErrors.
    name = type(error).__name__
    if name == "DataError" or isinstance(error, ValueError):
        return ValueError("a column does not take this value")
    words = str(error)
    if name in ("InterfaceError", "InternalClientError") and ("clos" in words or "released" in words):
        return Unavailable("the connection to PostgreSQL was lost")
    return None


def _mysql(error: BaseException) -> StoreError | ValueError | None:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if number in MYSQL_CONFLICTS:
        return Conflict(f"a unique column holds this value already, or a row that is referred to is gone ({number})")
    if number in MYSQL_DEADLOCKS:
        return Deadlock(f"another writer got ahead ({number})")
    if number in MYSQL_LOCKED:
        return Locked(f"another writer holds the rows ({number})")
    if number in MYSQL_UNAVAILABLE:
        return Unavailable(f"MySQL is not available ({number})")
    if number in MYSQL_BAD_VALUES:
        return ValueError(f"a column does not take this value ({number})")
    # The driver's own words for a connection that broke in the middle; it gives them no number.
    if not number and type(error).__name__ in ("InterfaceError", "InternalError", "OperationalError"):
        return Unavailable("the connection to MySQL was lost")
    return None
