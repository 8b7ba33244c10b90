"""An application that has a users table of its own: Watchword asks it who may log in, and keeps the sessions.

flask --app flask_own_users add-user alice@example.com --tenant acme --role editor
flask --app flask_own_users run
flask --app flask_own_users deactivate alice@example.com
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import click
from flask import Flask

from watchword import Settings, Subject
from watchword.accounts import PasswordHasher
from watchword.web.flask import Watchword

DATABASE = Path("app.db").absolute()
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never given to a second user
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    tenant        TEXT NOT NULL,
    role          TEXT NOT NULL,
    active        INTEGER NOT NULL DEFAULT 1
)
"""

# Bounds how many hashes run at once. What it raises is no wrong password, and is not counted as one.
hasher = PasswordHasher(settings=Settings())


def check_password(email: str, password: str) -> Subject | None:
    """Whose email and password these are."""
    with database() as connection:
        user = connection.execute("SELECT * FROM users WHERE email = ?", [email]).fetchone()
    # For an unknown user the same work is done: how long the answer takes does not tell who has an account.
    is_right = hasher.verify(user["password_hash"] if user else None, password)
    if user is None or not is_right or not user["active"]:
        return None
    return Subject(str(user["id"]), user["email"])


def subject_claims(subject: str) -> Mapping[str, str] | None:
    """What a user's access tokens say besides the usual; asked for at login and at every refresh."""
    with database() as connection:
        user = connection.execute("SELECT * FROM users WHERE id = ?", [subject]).fetchone()
    if user is None or not user["active"]:
        return None  # the session ends, whoever forgot to end it
    return {"preferred_username": user["email"], "tenant": user["tenant"], "role": user["role"]}


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection to the application's database, for one transaction."""
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.row_factory = sqlite3.Row
        yield connection


with database() as connection:
    connection.execute(SCHEMA)

app = Flask(__name__)
app.config.update(
    WATCHWORD_DATABASE_URL=f"sqlite:///{DATABASE}",  # Watchword's tables stand beside the users
    WATCHWORD_ISSUER="https://app.example",
    WATCHWORD_AUDIENCE="https://app.example",
)
auth = Watchword(app, check_password=check_password, subject_claims=subject_claims)


@app.get("/projects")
@auth.protect()
def projects() -> dict[str, str]:
    claims = auth.identity.claims
    return {"message": f"The projects of {claims['tenant']}, as the {claims['role']} may see them."}


@app.cli.command("add-user")
@click.argument("email")
@click.option("--tenant", required=True)
@click.option("--role", required=True)
def add_user(email: str, tenant: str, role: str) -> None:
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with database() as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash, tenant, role) VALUES (?, ?, ?, ?)",
            [email, hasher.hash(password), tenant, role],
        )


@app.cli.command("deactivate")
@click.argument("email")
def deactivate(email: str) -> None:
    with database() as connection:
        connection.execute("UPDATE users SET active = 0 WHERE email = ?", [email])
        user = connection.execute("SELECT id FROM users WHERE email = ?", [email]).fetchone()
    if user is None:
        raise click.ClickException("there is no such user")
    # After the commit, so that no new login gets in; the next refresh would end the sessions anyway.
    auth.core.end_all(str(user["id"]))
