"""`authmw` on the command line."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

import click

from . import Auth, ConfigurationError, __version__
from .core.secrets import random_text
from .core.store import StoreError


@click.group()
@click.version_option(__version__, prog_name="authmw")
def main() -> None:
    """Authentication for Python ASGI apps."""


@main.command()
def secret() -> None:
    """Print a new secret, for AUTHMW_SECRET."""
    click.echo(random_text(43))


@main.command()
@click.argument("auth", envvar="AUTHMW_AUTH", metavar="MODULE:NAME")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when something is missing.")
@click.option("--sql", is_flag=True, help="Change nothing; print the statements.")
def migrate(auth: str, check: bool, sql: bool) -> None:
    """Bring the database of an application up to what its features need.

    MODULE:NAME is where the application made its Auth: `authmw migrate myapp.main:auth`. Nothing is ever
    dropped or narrowed.
    """
    found = _load(auth)
    try:
        asyncio.run(_migrate(found, check=check, sql=sql))
    except StoreError as reason:
        raise click.ClickException(f"The database cannot be reached: {reason}. Check AUTHMW_DATABASE_URL.") from None


async def _migrate(auth: Auth[Any], *, check: bool, sql: bool) -> None:
    from .stores import migrations

    url = auth.settings.database
    if not isinstance(url, str):
        raise click.ClickException("Settings(database=…) is a connection of your own; migrate with its URL.")
    if sql:
        click.echo(await migrations.migration_sql(url, auth.tables))
        return
    if check:
        missing = await migrations.missing(url, auth.tables)
        for each in missing:
            click.echo(f"missing: {each}")
        if missing:
            sys.exit(1)
        click.echo("The database has everything.")
        return
    for each in await migrations.migrate(url, auth.tables):
        click.echo(f"made: {each}")
    click.echo("The database has everything.")


@main.group()
def keys() -> None:
    """The keys that tokens are signed with."""


@keys.command()
@click.argument("auth", envvar="AUTHMW_AUTH", metavar="MODULE:NAME")
@click.option("--now", is_flag=True, help="Take the others off the list at once: their tokens end this moment.")
def rotate(auth: str, now: bool) -> None:
    """Make a new key. It is listed at once and signs after an hour, when whoever checks tokens knows it.

    Keys come and go by themselves every 30 days. With --now, for keys that somebody may have copied, every token that
    is out there is refused within a minute, and whoever checks tokens elsewhere has to fetch the list again.
    """
    found = _load(auth)
    try:
        asyncio.run(_rotate(found, now=now))
    except StoreError as reason:
        raise click.ClickException(f"The database cannot be reached: {reason}. Check AUTHMW_DATABASE_URL.") from None


async def _rotate(auth: Auth[Any], *, now: bool) -> None:
    from .features.jwt import Jwt

    if Jwt not in auth:
        raise click.ClickException("This application signs no tokens. Write: Auth(features=[…, Jwt()])")
    await auth.start()
    try:
        key, retired = await auth[Jwt].rotate(auth.call(), retire=now)
    finally:
        await auth.stop()
    click.echo(f"made: {key}")
    if now:
        click.echo(f"taken off the list: {retired}")


def _load(place: str) -> Auth[Any]:
    """Import `module:name`. Raise a usage error that says what to write."""
    module, _, name = place.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name or "auth")
    except ConfigurationError as mistake:
        raise click.ClickException(str(mistake)) from None
    except (ImportError, AttributeError, ValueError) as reason:
        raise click.UsageError(
            f"{place}: {reason}. Write the module and the name of your Auth: myapp.main:auth"
        ) from None
    if not isinstance(found, Auth):
        raise click.UsageError(f"{place} is {type(found).__name__}, not an Auth. Write myapp.main:auth")
    return found
