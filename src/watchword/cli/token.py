"""``watchword token``: inspect a token, verify it, or verify a file of tokens.

A token is a secret. It is never an argument, because the process list shows arguments to every user.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, TextIO

import click
from click.core import ParameterSource

from watchword.cli.batch import verify_lines
from watchword.cli.store import open_auth
from watchword.errors import InvalidKey, InvalidToken
from watchword.jose.key_set import KeySet, list_reasons
from watchword.jwt.batch import verify_in_threads
from watchword.jwt.inspection import inspect_unverified
from watchword.jwt.verifier import Verifier

__all__ = ["token"]

_TIMES = ("exp", "nbf", "iat", "auth_time")
# Text that people copy along with a token: a header, a JSON string, a line of a shell script.
_AROUND = re.compile(r"""^["'`]*(authorization:\s*)?(bearer\s+)?["'`]*|["'`,;]+$""", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){2,4}")
# Longer than any token. The rest of the input is not read.
_READ_AT_MOST = 1_048_576


@click.group()
def token() -> None:
    """Inspect a token, or verify it. Reads the token from FILE or from standard input."""


_add_file_argument = click.argument("file", type=click.File(encoding="utf-8", errors="replace"), default="-")


@token.command("inspect")
@_add_file_argument
def inspect_token(file: TextIO) -> None:
    """Show the header and the claims of a token. Nothing is verified."""
    inspection = inspect_unverified(_read_token(file))
    click.echo("NOT VERIFIED: an attacker may have written this", err=True)
    if inspection.is_encrypted:
        click.echo("ENCRYPTED: only the recipient can read the claims", err=True)
        click.echo(_format_json({"header": inspection.header}))
        return
    click.echo(_format_json({"header": inspection.header, "claims": inspection.claims}))
    _print_times(inspection.claims)


@token.command()
@_add_file_argument
@click.option(
    "--batch",
    type=click.File("rb"),
    help="Verify each line of this file (- for standard input) and count the results.",
)
@click.option(
    "--jwks",
    type=click.File("rb"),
    help="Verify against this JWK Set. The default is the keys and sessions of the database.",
)
@click.option("--issuer", help="The expected iss (with --jwks).")
@click.option("--audience", help="The expected aud (with --jwks).")
@click.option("--typ", multiple=True, help="The expected typ, such as at+jwt. May be repeated (with --jwks).")
@click.option("--alg", help="The algorithm of the keys that do not name theirs (with --jwks).")
@click.pass_context
def verify(
    context: click.Context,
    *,
    file: TextIO,
    batch: Any,
    jwks: Any,
    issuer: str | None,
    audience: str | None,
    typ: tuple[str, ...],
    alg: str | None,
) -> None:
    """Verify a token and show its claims. The exit status is 1 if the token is not valid.

    With --batch, verify any number of tokens. The exit status is 1 if any token is not valid.
    """
    if jwks is None and (issuer or audience or typ or alg):
        raise click.UsageError("--issuer, --audience, --typ and --alg go with --jwks")
    verifier = None
    if jwks is not None:
        keys = _read_keys(jwks.read(_READ_AT_MOST), alg)
        verifier = Verifier(keys, issuer=issuer, audience=audience, typ=typ or None, cache_size=0)
    if batch is None:
        _verify_one(_read_token(file), verifier)
    elif context.get_parameter_source("file") is not ParameterSource.DEFAULT:
        raise click.UsageError("with --batch there is no other FILE")
    elif not _verify_file(batch, verifier):
        context.exit(1)


def _read_keys(jwks: bytes, alg: str | None) -> KeySet:
    keys = KeySet.from_jwks(jwks, alg=alg)
    if not len(keys):
        raise InvalidKey(f"--jwks has no key that can be used. {list_reasons(keys.skipped)}".strip())
    return keys


def _verify_one(text: str, verifier: Verifier[dict[str, Any]] | None) -> None:
    try:
        if verifier is not None:
            claims = verifier.verify(text)
        else:
            with open_auth() as auth:
                claims = auth.authenticate(text).claims
    except InvalidToken as error:
        raise click.ClickException(f"{error.code}: {error}") from None
    click.echo("The token is valid", err=True)
    click.echo(_format_json(claims))
    _print_times(claims)


def _verify_file(file: BinaryIO, verifier: Verifier[dict[str, Any]] | None) -> bool:
    if verifier is not None:
        return verify_lines(file, verifier.verify_many)
    with open_auth() as auth:
        return verify_lines(file, partial(verify_in_threads, auth.authenticate))


def _read_token(file: TextIO) -> str:
    text = file.read(_READ_AT_MOST).strip()
    if not text:
        raise click.ClickException("there is no token to read. Give it in FILE or on standard input")
    token = "".join(_AROUND.sub("", text).split())
    if token == text or not _TOKEN.fullmatch(token):
        return text
    click.echo("Removed text that is not part of a token: Bearer, quotation marks or line breaks", err=True)
    return token


def _format_json(content: object) -> str:
    # The standard library escapes all characters but ASCII, so a token cannot control the terminal.
    return json.dumps(content, indent=2)


def _print_times(claims: dict[str, Any]) -> None:
    for name in _TIMES:
        value = claims.get(name)
        if isinstance(value, int | float) and 0 <= value < 2**35:
            click.echo(f"{name} is {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC", err=True)
