"""``watchword serve``."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress

import click

from watchword.cli.hints import suggest_command
from watchword.cli.store import EnvironmentSource, has_database_file, open_auth
from watchword.errors import InvalidSettings, MissingExtra, PasswordRejected
from watchword.settings import Settings

__all__ = ["serve"]

_LOOPBACK = "127.0.0.1"
# What may hold a password, besides all that begins with WATCHWORD_
_UNPREFIXED = frozenset({"ADMIN_PASSWORD", "DATABASE_URL", "SESSIONS_URL"})


def _host_of_environment() -> str:
    """Return the address in HOST. Shells and conda put other things there, which must not open the server."""
    host = os.environ.get("HOST", "").strip()
    if not host:
        return _LOOPBACK
    if host == "localhost" or _is_address(host):
        return host
    click.echo(
        f"HOST is {host!r}, which is not an IP address: it is ignored, and {_LOOPBACK} is listened on. "
        "To listen on the address of a name, pass --host.",
        err=True,
    )
    return _LOOPBACK


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


@click.command()
@click.option(
    "--host", default=_host_of_environment, show_default="HOST, or 127.0.0.1", help="Address to listen on."
)
@click.option(
    "--port",
    envvar="PORT",
    show_envvar=True,  # an error then says that the value may be from there
    type=click.IntRange(1, 65_535),
    default=8000,
    show_default=True,
    help="Port to listen on.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option(
    "--threads",
    type=click.IntRange(2, 256),
    default=8,
    show_default=True,
    help="Requests that each process works on at once.",
)
@click.option(
    "--stop-timeout",
    type=click.IntRange(3, 3600),
    show_default="WATCHWORD_STOP_TIMEOUT, or 10",
    help="Seconds within which the server has stopped once it is told to.",
)
def serve(host: str, port: int, workers: int, threads: int, stop_timeout: int | None) -> None:
    """Serve the login system.

    The first start makes the signing keys and an account "admin", whose password is shown once, or is taken
    from ADMIN_PASSWORD.
    """
    try:
        from watchword.server import serving  # noqa: PLC0415 - needs the extra `server`
    except MissingExtra:
        raise MissingExtra.from_extra("server") from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"flask", "granian", "prometheus_client"}:
            raise
        raise MissingExtra.from_extra("server") from None
    address = _free_address(host, port)
    environment = _take_environment()
    admin_password = environment.pop("ADMIN_PASSWORD", "").strip("\r\n") or None
    settings = _settings(environment, port, threads, stop_timeout)
    was_there = has_database_file(settings)
    with open_auth(create=True, source=EnvironmentSource(settings)) as auth:
        try:
            password = serving.first_account(auth, admin_password)
        except PasswordRejected as error:
            raise PasswordRejected(f"ADMIN_PASSWORD: {error}", reason=error.reason) from None
    if password and was_there:
        click.echo(
            "The database was there, without any account. If it comes from a backup, accounts may be missing"
        )
    _say_who_logs_in(password, admin_password)
    if "WATCHWORD_ISSUER" not in environment:
        click.echo(
            f"WATCHWORD_ISSUER is not set: tokens are issued by {settings.issuer}. "
            "Set it to the public URL of this server before anything else relies on its tokens."
        )
    click.echo(f"Serving http://{_shown(host)}:{port}")
    serving.serve(settings, address, port, workers=workers, threads=threads)


def _take_environment() -> dict[str, str]:
    """Take our settings out of the environment, where each traceback and each request would have them.

    Child processes get them otherwise. An empty value counts as none.
    """
    names = [name for name in os.environ if name in _UNPREFIXED or name.startswith("WATCHWORD_")]
    taken = {name: os.environ.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value.strip()}


def _settings(environment: dict[str, str], port: int, threads: int, stop_timeout: int | None) -> Settings:
    """Return the settings in the environment, with defaults that follow from the options.

    Raises:
        InvalidSettings: a setting is not usable, or does not fit the options.
    """
    spared = max(1, threads // 4)  # threads that go on serving, however many passwords are hashed
    most = threads - spared
    checks = environment.get("WATCHWORD_PASSWORD_CHECKS", str(spared)).strip()
    queue = max(0, most - int(checks)) if checks.isdecimal() else 0
    defaults = {
        "WATCHWORD_ISSUER": f"http://localhost:{port}",
        "WATCHWORD_PASSWORD_CHECKS": checks,
        "WATCHWORD_PASSWORD_QUEUE": str(queue),
    }
    given = {} if stop_timeout is None else {"WATCHWORD_STOP_TIMEOUT": str(stop_timeout)}
    settings = Settings.from_environment({**defaults, **environment, **given})
    _refuse_too_many_hashes(settings, most, threads)
    return settings


def _refuse_too_many_hashes(settings: Settings, most: int, threads: int) -> None:
    if settings.password_checks + settings.password_queue > most:
        raise InvalidSettings(
            f"WATCHWORD_PASSWORD_CHECKS is {settings.password_checks} and WATCHWORD_PASSWORD_QUEUE is "
            f"{settings.password_queue}: at most {most} of the {threads} threads may hash passwords or wait "
            "for it, because the others have to go on serving"
        )


def _say_who_logs_in(password: str | None, admin_password: str | None) -> None:
    change = suggest_command("account password admin")
    if password is None and admin_password:
        click.echo(f"ADMIN_PASSWORD is not used, as there are accounts already; to set a password: {change}")
    elif admin_password:
        click.echo('Made the account "admin" with the password of ADMIN_PASSWORD')
    elif password is not None:
        click.echo(f'Made the account "admin" with the password {password}')
        click.echo(f"It is shown this once. Change it with: {change}")


def _shown(host: str) -> str:
    """Return the host for a URL that a browser on this machine can open."""
    if host in {_LOOPBACK, "::1"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _free_address(host: str, port: int) -> str:
    """The numeric address to listen on. One that cannot be is refused before anything is made.

    Granian's workers share their port. Another server's, started by mistake, would join them and answer
    some of the requests from its own database.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            address: str = probe.getsockname()[0]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not an address"
        raise click.ClickException(
            f"cannot listen on {host} port {port}: {reason}. "
            "Choose another with --host or HOST, --port or PORT"
        ) from None
    return address
