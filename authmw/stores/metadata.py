"""Row dataclasses as SQLAlchemy tables, with the column types that Better Auth's migrator uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from ..core.schema import Column, Row, Table, table_of
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


def merged(tables: Iterable[type[Row]]) -> list[Table]:
    """One table a name: of `User` and the application's `Member`, the one with more columns."""
    by_name: dict[str, Table] = {}
    for row in tables:
        table = table_of(row)
        if "id" not in table.by_attribute:
            raise TypeError(f"{row.__name__} has no `id`, which every table needs")
        known = by_name.get(table.name)
        if known is None or len(table.columns) > len(known.columns):
            by_name[table.name] = table
    return sorted(by_name.values(), key=lambda table: _depth(table, by_name))


def sqlalchemy_table(
    made: sa.MetaData, table: Table, dialect: Name | None, keys: Mapping[str, str] | None = None
) -> sa.Table:
    """Add `table` to `made`. `keys` has the type of `id` in tables that exist and that another program made."""
    columns = [sqlalchemy_column(table, column, dialect, keys) for column in table.columns]
    unique = [sa.UniqueConstraint(column.name) for column in table.columns if column.rules.unique]
    options = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
    result = sa.Table(table.name, made, *columns, *unique, **options)  # type: ignore[arg-type]
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


def indexes(table: Table) -> list[tuple[str, ...]]:
    """The columns of each index that is not unique: those of fields, then `indexes` of the row class, if it has any."""
    single = [(column.name,) for column in table.columns if column.rules.index and not column.rules.unique]
    several: Iterable[Sequence[str]] = getattr(table.row, "indexes", ())
    return single + [tuple(table.by_attribute[attribute].name for attribute in each) for each in several]


def index_name(table: str, names: Sequence[str], *, unique: bool = False) -> str:
    return f"{table}_{'_'.join(names)}_{'uidx' if unique else 'idx'}"


def sqlalchemy_index(made: sa.Table, table: Table, names: Sequence[str], *, unique: bool = False) -> sa.Index:
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
    plain: TypeEngine[Any] = {
        "text": sa.Text(),
        "boolean": sa.Boolean(),
        "integer": sa.BigInteger() if column.rules.big else sa.Integer(),
        "datetime": sa.DateTime(timezone=True),
        "json": postgresql.JSONB(),
    }[column.kind]
    on_sqlite: TypeEngine[Any] = {"boolean": sa.Integer(), "datetime": SqliteDate(), "json": sa.Text()}.get(
        column.kind, plain
    )
    if dialect is None:
        return plain.with_variant(on_sqlite, "sqlite").with_variant(on_mysql, "mysql", "mariadb")
    return {"sqlite": on_sqlite, "postgresql": plain, "mysql": on_mysql}[dialect]


def _on_mysql(column: Column) -> TypeEngine[Any]:
    if column.kind == "text":
        if column.attribute == "id" or column.rules.references:
            return sa.String(36)
        return mysql.TEXT() if column.rules.long and not column.rules.unique else sa.String(255)
    return {
        "boolean": sa.Boolean(),
        "integer": sa.BigInteger() if column.rules.big else sa.Integer(),
        "datetime": mysql.TIMESTAMP(fsp=3),
        "json": mysql.JSON(),
    }[column.kind]


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
    if not has_one or dialect == "sqlite":
        return None
    return Now()


def _depth(table: Table, by_name: dict[str, Table], seen: tuple[str, ...] = ()) -> int:
    """How many tables must exist before this one can refer to them."""
    targets = [column.rules.references for column in table.columns if column.rules.references]
    known = [by_name[name] for name in targets if name in by_name and name != table.name and name not in seen]
    return max((1 + _depth(target, by_name, (*seen, table.name)) for target in known), default=0)
