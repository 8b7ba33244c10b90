"""``watchword key``: show, rotate, export, import and reseal signing keys.

A private key is never an argument and is never shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import click

from watchword.auth import Auth
from watchword.cli.hints import suggest_command
from watchword.cli.store import open_auth
from watchword.cli.tables import print_table, to_visible
from watchword.errors import InvalidKey, RotationRefused
from watchword.jose.jwk import MAX_JWK, Key
from watchword.keyring import Phase
from watchword.stores.contract import SealedKey

__all__ = ["key"]

_NEXT = {
    "published": "signs from",
    "replaced": "never signs, deleted",
    "signing": "signs until",
    "verifying": "verifies until",
    "compromised": "deleted",
    "gone": "deleted by a server's next poll",
}
# The most characters of a key id in an error.
_SHOWN = 100
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@click.group()
def key() -> None:
    """Show, rotate, export, import and reseal signing keys.

    Keys rotate by themselves. These commands need the settings of the servers.
    """


@key.command("list")
def list_keys() -> None:
    """List all keys with their states and the next change of each."""
    with open_auth() as auth:
        now = auth.stores.now()
        phases = auth.keyring.list_phases()
    rows = (
        (
            found.kind,
            found.kid,
            found.alg,
            phase.state,
            f"{_format_span(now - found.created_at)} ago",
            _describe_next_change(phase, now),
        )
        for found, phase in phases
    )
    print_table(("kind", "kid", "alg", "state", "made", "next"), rows)


@key.command()
@click.option(
    "--compromised",
    "kid",
    metavar="KID",
    help="Stop using this key now, and invalidate the tokens that it signed.",
)
def rotate(kid: str | None) -> None:
    """Let the next keys take over.

    They sign as soon as every cache of the JWKS has them.
    """
    with open_auth() as auth:
        if kid is not None:
            _declare_compromised(auth, kid)
            return
        for kind in ("public", "internal"):
            _print_start(auth.keyring.rotate(kind), auth.stores.now())


@key.command()
@click.option("--public", is_flag=True, help="Write a JWK Set. Private keys are not exported.")
@click.option("--pem", is_flag=True, help="Write the public keys in PEM, each below a line with its kid.")
def export(public: bool, pem: bool) -> None:
    """Write the public keys to standard output.

    The format is a JWK Set with --public, and PEM with --pem.
    """
    if not (public or pem):  # Without a flag, the output could be taken for a backup.
        raise click.UsageError("give --public or --pem: private keys are not exported")
    with open_auth() as auth:
        jwks = auth.jwks()
    click.echo("".join(map(_to_pem, jwks["keys"])) if pem else json.dumps(jwks, indent=2), nl=not pem)


@key.command("import")
@click.argument("file", type=click.File("rb"), default="-")
def import_key(file: BinaryIO) -> None:
    """Import a private key as the next public signing key.

    FILE (or standard input) has the key in PEM or as a JWK.
    """
    content = file.read(MAX_JWK + 1)
    if len(content) > MAX_JWK:
        raise InvalidKey(f"a key has at most {MAX_JWK} bytes, but the file has more")
    with open_auth() as auth:
        algorithm = auth.settings.signing_algorithm
        is_jwk = content.lstrip().startswith(b"{")
        try:
            given = Key.from_jwk(content, algorithm) if is_jwk else Key.from_pem(content, algorithm)
        except InvalidKey as error:
            raise InvalidKey(
                f"{error}. The key must be a private key for {algorithm} (WATCHWORD_SIGNING_ALGORITHM)"
            ) from None
        _print_start(auth.keyring.add(given), auth.stores.now())


@key.command()
def reseal() -> None:
    """Seal all keys with the newest secret of WATCHWORD_SECRET.

    The older secrets are not needed any more after that.
    """
    with open_auth() as auth:
        count = auth.keyring.reseal()
    click.echo(f"Sealed {count} keys with the newest secret")


def _to_pem(jwk: Mapping[str, Any]) -> str:
    """Return a key in PEM below a line that names it. Readers of PEM skip that line (RFC 7468 §2)."""
    found = Key.from_jwk(jwk)
    return f"# kid: {to_visible(found.kid)} alg: {found.alg}\n{found.to_pem()}"


def _declare_compromised(auth: Auth, kid: str) -> None:
    before = {found.kid: phase for found, phase in auth.keyring.list_phases()}
    if kid not in before:
        raise RotationRefused(
            f"there is no key '{to_visible(kid[:_SHOWN])}'. `{suggest_command('key list')}` lists all"
        )
    found = auth.keyring.compromise(kid)
    state = before[kid].state
    within = f"{auth.settings.revocation_interval:g} s"
    click.echo(
        f"{found.kind} {to_visible(kid)}: every server stops using it within {within} and the poll itself"
    )
    click.echo(_describe_logouts(found, state))
    if found.kind == "public":  # The JWKS has it even if it has signed nothing.
        click.echo(
            "Other services that verify our tokens accept its signatures until they fetch the JWKS again, "
            f"for {auth.settings.jwks_max_age} s at most"
        )
    for other, phase in auth.keyring.list_phases():
        if state == "signing" and phase.state == "signing" and other.kind == found.kind:
            _print_start(other, other.signs_from)
            _warn_of_caches(other, auth)


def _describe_logouts(found: SealedKey, state: str) -> str:
    if state in {"published", "replaced"}:
        return "It has signed nothing, so no session ends"
    if found.kind == "public":
        return "Access tokens that it signed are refused. Clients refresh, and no user has to log in again"
    return (
        "Users have to log in again if their last login or refresh was while it signed, "
        f"from {_format_time(found.signs_from)} on"
    )


def _warn_of_caches(signer: SealedKey, auth: Auth) -> None:
    known = signer.created_at + auth.settings.jwks_max_age
    if signer.kind == "public" and known > signer.signs_from:
        click.echo(f"It is new, so other services may not know it before {_format_time(known)}", err=True)


def _print_start(found: SealedKey, now: float) -> None:
    start = "now" if found.signs_from <= now else f"from {_format_time(found.signs_from)}"
    click.echo(f"{found.kind} {to_visible(found.kid)}: signs {start}")


def _describe_next_change(phase: Phase, now: float) -> str:
    what = _NEXT[phase.state]
    if phase.until == math.inf:
        return "" if phase.state == "signing" else what
    return f"{what} {_format_time(phase.until)} (in {_format_span(phase.until - now)})"


def _format_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _format_span(seconds: float) -> str:
    """Format a duration in the largest unit that fits at least twice, so rounding loses less than half."""
    unit, length = next((row for row in _UNITS if seconds >= 2 * row[1]), _UNITS[-1])
    return f"{max(0, int(seconds // length))} {unit}s"
