"""Row dataclasses as SQLAlchemy tables, with the column types that Better Auth's migrator uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from ..core.schema import Column, Row, Table
from .catalog import index_name, indexes, merged
from .dialects import Name
from .rows import constant_defaults

# MySQL indexes at most 3,072 bytes of a row, four a character; these are for text without a length.
MYSQL_PREFIX = 191
NOW_ON_UPDATED_AT = ("user", "verification")


class TypeAsWritten(UserDefinedType[Any]):
    """A type in the database's own words, for keys that must be of the type of what they refer to."""

    cache_ok = True

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def get_col_spec(self, **_: Any) -> str:
        return self.spec


class SqliteDate(UserDefinedType[Any]):
    """A column of the declared type `date`, which holds ISO text, as Better Auth makes it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "date"


class Now(FunctionElement[Any]):
    """The default of a time: on MySQL it must name the digits that the column has."""

    inherit_cache = True


@compiles(Now)
def _now_everywhere(*_: Any, **__: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(Now, "mysql", "mariadb")
def _now_on_mysql(*_: Any, **__: Any) -> str:
    return "CURRENT_TIMESTAMP(3)"


def metadata(tables: Sequence[type[Row]], dialect: Name | None = None) -> sa.MetaData:
    """The tables of an application, for alembic of its own. Without `dialect` the types adapt to the database."""
    made = sa.MetaData()
    for table in merged(tables):
        sqlalchemy_table(made, table, dialect)
    return made


def sqlalchemy_table(
    made: sa.MetaData, table: Table, dialect: Name | None, keys: Mapping[str, str] | None = None
) -> sa.Table[Any]:
    """Add `table` to `made`. `keys` has the type of `id` in tables that exist and that another program made."""
    columns = [sqlalchemy_column(table, column, dialect, keys) for column in table.columns]
    unique = [sa.UniqueConstraint(column.name) for column in table.columns if column.rules.unique]
    parts: list[Any] = [*columns, *unique]
    on_mysql: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
    result: sa.Table[Any] = sa.Table(table.name, made, *parts, **on_mysql)
    for names in indexes(table):
        sqlalchemy_index(result, table, names)
    return result


def sqlalchemy_column(
    table: Table, column: Column, dialect: Name | None, keys: Mapping[str, str] | None = None
) -> sa.Column[Any]:
    target = column.rules.references
    arguments: list[Any] = []
    kind: TypeEngine[Any] = column_type(column, dialect)
    if target is not None:
        if keys and target in keys:
            kind = TypeAsWritten(keys[target])
        arguments.append(sa.ForeignKey(f"{target}.id", ondelete="CASCADE"))
    return sa.Column(
        column.name,
        kind,
        *arguments,
        primary_key=column.attribute == "id",
        nullable=column.optional,
        server_default=_server_default(table, column, dialect),
    )


def sqlalchemy_index(made: sa.Table[Any], table: Table, names: Sequence[str], *, unique: bool = False) -> sa.Index:
    by_name = {column.name: column for column in table.columns}
    prefixes = {name: MYSQL_PREFIX for name in names if by_name[name].kind == "text" and by_name[name].rules.long}
    return sa.Index(
        index_name(table.name, names, unique=unique),
        *(made.c[name] for name in names),
        unique=unique,
        mysql_length=prefixes or None,
    )


def column_type(column: Column, dialect: Name | None) -> TypeEngine[Any]:
    """The type of section 3.2 of the wire; with no dialect, one that becomes it on each."""
    on_mysql = _on_mysql(column)
    plain: Any = {
        "text": sa.Text(),
        "boolean": sa.Boolean(),
        "integer": sa.BigInteger() if column.rules.big else sa.Integer(),
        "datetime": sa.DateTime(timezone=True),
        "json": postgresql.JSONB(),
    }[column.kind]
    on_sqlite: Any = {"boolean": sa.Integer(), "datetime": SqliteDate(), "json": sa.Text()}.get(column.kind, plain)
    if dialect is None:
        on_each: TypeEngine[Any] = plain.with_variant(on_sqlite, "sqlite").with_variant(on_mysql, "mysql", "mariadb")
        return on_each
    on_one: TypeEngine[Any] = {"sqlite": on_sqlite, "postgresql": plain, "mysql": on_mysql}[dialect]
    return on_one


def _on_mysql(column: Column) -> TypeEngine[Any]:
    if column.kind == "text":
        if column.attribute == "id" or column.rules.references:
            return sa.String(36)
        return mysql.TEXT() if column.rules.long and not column.rules.unique else sa.String(255)
    others: dict[str, TypeEngine[Any]] = {
        "boolean": sa.Boolean(),
        "integer": sa.BigInteger() if column.rules.big else sa.Integer(),
        "datetime": mysql.TIMESTAMP(fsp=3),
        "json": mysql.JSON(),
    }
    return others[column.kind]


def _server_default(table: Table, column: Column, dialect: Name | None) -> Any:
    """So that a server that does not know a column can still insert, and rows that exist can be given it."""
    if column.kind == "datetime" and not column.optional:
        return _now(table, column, dialect)
    default = constant_defaults(table).get(column.attribute)
    if default is None or column.optional:
        return None
    if isinstance(default, bool):
        if dialect in ("sqlite", "mysql"):  # a plain number, as the column is one
            return sa.text(str(int(default)))
        return sa.true() if default else sa.false()
    if isinstance(default, int):
        return sa.text(str(default))
    text = default if isinstance(default, str) else json.dumps(default, separators=(",", ":"), ensure_ascii=False)
    literal = "'" + text.replace("'", "''").replace("\\", "\\\\" if dialect == "mysql" else "\\") + "'"
    # As an expression: MySQL takes no plain default for text without a length, nor for JSON.
    expression = dialect == "mysql" and isinstance(_on_mysql(column), (mysql.TEXT, mysql.JSON))
    return sa.text((f"({literal})" if expression else literal).replace(":", "\\:"))


def _now(table: Table, column: Column, dialect: Name | None) -> Any:
    has_one = column.name == "createdAt" or (column.name == "updatedAt" and table.name in NOW_ON_UPDATED_AT)
    if not has_one:
        # Old servers let the first timestamp without a default follow the clock on every update: expiry included.
        return sa.text("'1970-01-02 00:00:00'") if dialect == "mysql" else None
    return Now() if dialect != "sqlite" else None
