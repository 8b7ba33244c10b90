"""``watchword account``: manage the accounts in the store.

A password is never an argument, because the process list shows arguments to every user and the shell keeps
them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from getpass import GetPassWarning
from typing import Any, TypeVar

import click

from watchword.accounts import check_new_account
from watchword.auth import Auth
from watchword.cli.hints import suggest_command
from watchword.cli.store import open_auth
from watchword.cli.tables import print_table, to_visible
from watchword.errors import AccountNotFound
from watchword.settings import Settings
from watchword.stores.contract import Account

__all__ = ["account"]

C = TypeVar("C", bound=Callable[..., Any])

# Longer than any password. The rest of a line is not read.
_LINE_AT_MOST = 65_536
# The most characters of a username in an error. No account has a longer username.
_SHOWN = 254


@click.group()
def account() -> None:
    """Manage accounts, their scopes and their passwords."""


def _add_password_option(command: C) -> C:
    return click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
    )(command)


@account.command()
@click.argument("username")
@click.option(
    "--scope", "scopes", multiple=True, help="A scope that a login grants. May be given several times."
)
@_add_password_option
def add(username: str, scopes: tuple[str, ...], password_stdin: bool) -> None:
    """Add an account."""
    password = _read_password(password_stdin)

    def check(settings: Settings) -> None:
        check_new_account(username, password, scopes, settings)

    with open_auth(before_creating=check) as auth:
        added = auth.accounts.add(username, password, scopes)
    click.echo(f"Added {to_visible(added.username)} (subject {added.subject})")


@account.command("list")
def list_accounts() -> None:
    """List all accounts."""
    with open_auth() as auth:
        found = auth.accounts.list_all()
    print_table(("username", "subject", "scopes", "state", "created"), map(_to_row, found))


@account.command("scopes")
@click.argument("username")
@click.option(
    "--scope", "given", multiple=True, help="A scope that a login grants. May be given several times."
)
@click.option("--none", "nothing", is_flag=True, help="Remove all scopes.")
def set_scopes(username: str, given: tuple[str, ...], nothing: bool) -> None:
    """Set the scopes of an account, or show them.

    New scopes count from the next login, and from the next refresh of each session.
    """
    if given and nothing:
        raise click.UsageError("--scope and --none exclude each other")
    with open_auth() as auth:
        found = _find_account(auth, username)
        if not given and not nothing:
            click.echo(" ".join(found.scopes))
            return
        auth.accounts.set_scopes(found.subject, given)
    click.echo(f"Set the scopes of {to_visible(found.username)}")


@account.command()
@click.argument("username")
@click.argument("new_username")
def rename(username: str, new_username: str) -> None:
    """Give an account another username. The subject, password and sessions stay."""
    with open_auth() as auth:
        found = _find_account(auth, username)
        auth.accounts.rename(found.subject, new_username)
        renamed = auth.accounts.find(new_username)
    click.echo(f"Renamed {to_visible(found.username)} to {to_visible(renamed.username)}")


@account.command()
@click.argument("username")
def disable(username: str) -> None:
    """Disable an account, and end its sessions."""
    with open_auth() as auth:
        found = _find_account(auth, username)
        auth.disable_account(found.subject)
    click.echo(f"Disabled {to_visible(found.username)} and ended its sessions")


@account.command()
@click.argument("username")
def enable(username: str) -> None:
    """Enable a disabled account."""
    with open_auth() as auth:
        found = _find_account(auth, username)
        auth.accounts.enable(found.subject)
    click.echo(f"Enabled {to_visible(found.username)}")


@account.command()
@click.argument("username")
def delete(username: str) -> None:
    """Delete an account, and end its sessions. Its username becomes free."""
    with open_auth() as auth:
        found = _find_account(auth, username)
        auth.delete_account(found.subject)
    click.echo(f"Deleted {to_visible(found.username)} and ended its sessions")


@account.command("password")
@click.argument("username")
@_add_password_option
def change_password(username: str, password_stdin: bool) -> None:
    """Change the password of an account, and end its sessions."""
    with open_auth() as auth:
        found = _find_account(auth, username)
        auth.change_password(found.subject, _read_password(password_stdin))
    click.echo(f"Changed the password of {to_visible(found.username)} and ended its sessions")


def _find_account(auth: Auth, username: str) -> Account:
    try:
        return auth.accounts.find(username)
    except AccountNotFound:
        name = to_visible(username[:_SHOWN])
        raise AccountNotFound(
            f"there is no account '{name}'. `{suggest_command('account list')}` lists all"
        ) from None


def _to_row(found: Account) -> tuple[str, ...]:
    return (
        found.username,
        found.subject,
        " ".join(found.scopes),
        "disabled" if found.disabled else "enabled",
        f"{datetime.fromtimestamp(found.created_at, UTC):%Y-%m-%d %H:%M} UTC",
    )


def _read_password(from_stdin: bool) -> str:
    """Return a password from a prompt that hides it, or from the first line of standard input."""
    if from_stdin:
        # Bytes that are not UTF-8 become surrogates, and a password with surrogates is rejected.
        return sys.stdin.buffer.readline(_LINE_AT_MOST).decode(errors="surrogateescape").rstrip("\r\n")
    with warnings.catch_warnings():
        # getpass would only warn, and then show the password.
        warnings.simplefilter("error", GetPassWarning)
        try:
            entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        except GetPassWarning:
            raise click.UsageError(
                "there is no terminal to read the password from. Use --password-stdin"
            ) from None
    return entered
