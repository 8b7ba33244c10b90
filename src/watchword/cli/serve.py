"""``watchword serve``."""

from __future__ import annotations

import os
import socket

import click

from watchword.cli.desk import front_desk
from watchword.errors import InvalidSettings, MissingExtra
from watchword.settings import Settings

__all__ = ["serve"]


@click.command()
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    envvar="PORT",
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
def serve(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the login system.

    The first start makes the signing keys and an account "admin", whose password is shown once, or is taken
    from ADMIN_PASSWORD.
    """
    try:
        from watchword.server import serving  # noqa: PLC0415 - needs the extra `server`
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"granian", "flask", "prometheus_client"}:
            raise
        raise MissingExtra.named("server") from None
    address = _free_address(host, port)
    # taken out of os.environ, which Granian copies into each request's environ
    admin_password = os.environ.pop("ADMIN_PASSWORD", None)
    spared = max(1, threads // 4)  # threads that go on serving, however many passwords are hashed
    _bound_hashing(spared, threads - spared)
    with front_desk(create=True) as auth:
        _refuse_too_many_hashes(auth.settings, threads - spared, threads)
        password = serving.first_account(auth, admin_password)
    _say_who_logs_in(password, admin_password)
    click.echo(f"Serving http://{f'[{host}]' if ':' in host else host}:{port}")
    serving.serve(address, port, workers=workers, threads=threads)


def _bound_hashing(checks: int, most: int) -> None:
    """Set how many requests hash a password or wait for it, unless the environment says so."""
    given = os.environ.get("WATCHWORD_PASSWORD_CHECKS") or str(checks)
    os.environ["WATCHWORD_PASSWORD_CHECKS"] = given
    if given.isdecimal() and not os.environ.get("WATCHWORD_PASSWORD_QUEUE"):
        os.environ["WATCHWORD_PASSWORD_QUEUE"] = str(max(0, most - int(given)))


def _refuse_too_many_hashes(settings: Settings, most: int, threads: int) -> None:
    if settings.password_checks + settings.password_queue > most:
        raise InvalidSettings(
            f"WATCHWORD_PASSWORD_CHECKS is {settings.password_checks} and WATCHWORD_PASSWORD_QUEUE is "
            f"{settings.password_queue}: at most {most} of the {threads} threads may hash passwords or wait "
            "for it, because the others have to go on serving"
        )


def _say_who_logs_in(password: str | None, admin_password: str | None) -> None:
    if password is None and admin_password:
        click.echo(
            "ADMIN_PASSWORD is not used, as there are accounts already; "
            "to set a password: watchword account password admin"
        )
    elif admin_password:
        click.echo('Made the account "admin" with the password of ADMIN_PASSWORD')
    elif password is not None:
        click.echo(f'Made the account "admin" with the password {password}')
        click.echo("It is shown this once. Change it with: watchword account password admin")


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
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return address
