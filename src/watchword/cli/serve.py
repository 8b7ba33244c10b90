"""``watchword serve``: start the ready-made server."""

from __future__ import annotations

import os
import socket

import click

from watchword.accounts import check_new_account
from watchword.cli.hints import suggest_command
from watchword.cli.store import EnvironmentSource, has_database_file, open_auth
from watchword.errors import InvalidSettings, MissingExtra, PasswordRejected
from watchword.networks import parse_address
from watchword.settings import Settings

__all__ = ["serve"]

_LOOPBACK = "127.0.0.1"
# Variables that may hold a password, besides all names that begin with WATCHWORD_.
_UNPREFIXED = frozenset({"ADMIN_PASSWORD", "DATABASE_URL", "SESSIONS_URL"})


def _read_host() -> str:
    """Return the address in HOST.

    Shells and conda put other names there, and such a name must not open the server to a network.
    """
    host = os.environ.get("HOST", "").strip()
    if not host:
        return _LOOPBACK
    if host == "localhost" or parse_address(host) is not None:
        return host
    click.echo(
        f"HOST is {host!r}, which is not an IP address. The server ignores it and listens on {_LOOPBACK}. "
        "To listen on the address of a name, pass --host.",
        err=True,
    )
    return _LOOPBACK


@click.command()
@click.option("--host", default=_read_host, show_default="HOST, or 127.0.0.1", help="Address to listen on.")
@click.option(
    "--port",
    envvar="PORT",
    show_envvar=True,  # An error then says that the value may come from the variable.
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
    help="Requests in each process that may wait for the store or a password hash at once.",
)
@click.option(
    "--stop-timeout",
    type=click.IntRange(3, 3600),
    show_default="WATCHWORD_STOP_TIMEOUT, or 10",
    help="Seconds within which the server stops after a signal.",
)
def serve(host: str, port: int, workers: int, threads: int, stop_timeout: int | None) -> None:
    """Serve the login system.

    The first start makes the signing keys and an account "admin". Its password is taken from ADMIN_PASSWORD,
    or a random password is shown once.
    """
    try:
        from watchword.server import serving  # noqa: PLC0415 - needs the extra `server`
    except MissingExtra:
        raise MissingExtra.from_extra("server") from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"anyio", "granian", "prometheus_client", "starlette"}:
            raise
        raise MissingExtra.from_extra("server") from None
    address = _find_address(host, port)
    environment = _take_environment()
    admin_password = environment.pop("ADMIN_PASSWORD", "").strip("\r\n") or None
    settings = _read_settings(environment, port, threads, stop_timeout)
    existed = has_database_file(settings)

    def check(settings: Settings) -> None:
        if admin_password is not None:
            check_new_account("admin", admin_password, (), settings)

    try:
        with open_auth(before_creating=check, source=EnvironmentSource(settings)) as auth:
            password = serving.add_first_account(auth, admin_password)
    except PasswordRejected as error:
        raise PasswordRejected(f"ADMIN_PASSWORD: {error}", reason=error.reason) from None
    if password and existed:
        click.echo(
            "The database exists but has no account. If it comes from a backup, accounts may be missing"
        )
    _print_first_account(password, admin_password)
    if "WATCHWORD_ISSUER" not in environment:
        click.echo(
            f"WATCHWORD_ISSUER is not set: tokens are issued by {settings.issuer}. "
            "Set it to the public URL of this server before anything else relies on its tokens."
        )
    click.echo(f"Serving http://{_to_url_host(host)}:{port}")
    serving.serve(settings, address, port, workers=workers, threads=threads)


def _take_environment() -> dict[str, str]:
    """Take our settings out of the environment, because tracebacks and requests would contain them.

    The workers receive them as arguments. An empty value counts as not set.
    """
    names = [name for name in os.environ if name in _UNPREFIXED or name.startswith("WATCHWORD_")]
    taken = {name: os.environ.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value.strip()}


def _read_settings(
    environment: dict[str, str], port: int, threads: int, stop_timeout: int | None
) -> Settings:
    """Return the settings in the environment, with defaults that follow from the options.

    Raises:
        InvalidSettings: a setting is not usable, or contradicts the options.
    """
    spared = max(1, threads // 4)  # These threads never hash passwords.
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
            "for it, because the other threads must go on serving"
        )


def _print_first_account(password: str | None, admin_password: str | None) -> None:
    change = suggest_command("account password admin")
    if password is None and admin_password:
        click.echo(
            f"ADMIN_PASSWORD is not used, because there are accounts already. To set a password: {change}"
        )
    elif admin_password:
        click.echo('Made the account "admin" with the password of ADMIN_PASSWORD')
    elif password is not None:
        click.echo(f'Made the account "admin" with the password {password}')
        click.echo(f"It is shown this once. Change it with: {change}")


def _to_url_host(host: str) -> str:
    """Return the host for a URL that a browser on this machine can open."""
    if host in {_LOOPBACK, "::1"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _find_address(host: str, port: int) -> str:
    """Return the numeric address to listen on, before anything is made.

    Granian's workers share their port. So if another server were started on it by mistake, both servers would
    answer requests, each from its own database.

    Raises:
        ClickException: the server cannot listen there.
    """
    if not host.strip():  # The system would take it for every address of this machine.
        raise click.UsageError(
            "--host must be an address or a name, not empty text. For every address give 0.0.0.0 or ::"
        )
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
