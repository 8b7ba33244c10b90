"""Settings: a frozen object, read in the same way from Flask, Django and the environment."""

from __future__ import annotations

import difflib
import functools
import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from watchword.arguments import describe
from watchword.durations import to_seconds
from watchword.errors import InvalidSettings
from watchword.public_urls import parse_public_url

__all__ = ["LARGEST_LEEWAY", "Settings", "check_settings", "list_entries", "read_entry"]

_IN_SECONDS = {"unit": "seconds"}  # The error that names the accepted values reads it.
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, extra=_IN_SECONDS)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
HeaderName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?!(?i:cookie)\Z)[A-Za-z][A-Za-z0-9-]*\Z")]

# The tests of Watchword read the folder of the published vectors from this variable.
_VECTORS = "WATCHWORD_VECTORS"

# The variables that Kubernetes sets in each container for a Service called `watchword` or `watchword-...`.
_SERVICE_LINK = re.compile(
    r"WATCHWORD_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)"
)
_SERVICE_PORT = re.compile(r"WATCHWORD_(\w+_)?PORT=(tcp|udp|sctp)://.*")

DAY = 86_400
MOST_PERIODS = 100
LARGEST_LEEWAY = 300


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Watchword behaves. A duration is given in seconds or as a timedelta, and kept in seconds.

    ``docs/defaults.md`` gives the reason for each default.

    Attributes:
        database_url: the database, as an SQLAlchemy URL.
        database_connections: the most connections of a process to PostgreSQL.
        sessions_url: the URL of a Redis that keeps everything but the accounts. Empty: the database keeps it.
        sessions_wait_replicas: how many replicas of that Redis must have the end of a session before the end
            is acknowledged.
        issuer: the ``iss`` of our tokens: the public URL of the service.
        audience: the ``aud`` of our access tokens: the API that accepts them.
        resource: the public URL of the API that accepts our tokens. OAuth clients that have no token find our
            issuer by it (RFC 9728). Empty: clients know the issuer already.
        client_id: the ``client_id`` claim of access tokens (RFC 9068 §2.2).
        secret: the secrets that seal private keys at rest, newest first. Each has at least 32 characters.
        signing_algorithm: the algorithm of new keys for access tokens. A change counts from the next key on.
        rotation_period: how long a key signs before the next key takes its place.
        publish_lead: how long a key is in the JWKS before it signs.
        jwks_max_age: how long other services may cache the JWKS, at most.
        access_lifetime: the lifetime of an access token.
        idle_lifetime: how long a session lives without a refresh.
        session_lifetime: how long a session lives at most.
        max_sessions: the most live sessions of a subject. A further login ends the oldest session.
        refresh_window: a session swaps at most once in this time. A second refresh within it also succeeds.
        leeway: the clock difference that is allowed when tokens are verified.
        revocation_interval: seconds between two polls for ended sessions.
        revocation_push: whether the store also announces ended sessions, so that other processes learn of
            them before their next poll.
        revocation_max_age: the greatest age of a snapshot of ended sessions that is still trusted.
        when_stale: if the snapshot is too old and the store does not answer, ``reject`` answers 503 and
            ``accept`` accepts tokens that may have been revoked.
        password_min: the shortest new password, in characters.
        password_max: the longest password, in characters.
        password_checks: how many passwords this process hashes at once.
        password_queue: how many calls may wait for a hash, each for two seconds at most.
        login_failures: failed logins of a username before delays begin.
        login_delay: the longest delay between two attempts for a username.
        address_failures: failed logins of an address in ``address_window`` before further logins are refused.
        address_window: see ``address_failures``.
        trusted_proxies: the networks of the proxies that may set ``X-Forwarded-For``.
        prefix: the path of the endpoints.
        max_body: the largest request body of the endpoints, in bytes.
        metrics: whether ``watchword serve`` answers ``/metrics``.
        stop_timeout: seconds within which ``watchword serve`` stops after a signal.
        scope_claim: the claim that holds the scopes of other issuers' tokens (bare Verifier).
        token_header: the header that holds an access token. In another header than ``Authorization`` the
            token may stand alone, and ``Authorization`` is not read.

    Raises:
        InvalidSettings: a value has the wrong type or is out of range. The message names the setting.
    """

    database_url: str = "sqlite:///watchword.db"
    database_connections: Count = 10
    sessions_url: str = ""
    sessions_wait_replicas: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    issuer: Annotated[str, msgspec.Meta(min_length=1)] = "http://localhost:8000"
    audience: Annotated[str, msgspec.Meta(min_length=1)] = "watchword"
    resource: str = ""
    client_id: Annotated[str, msgspec.Meta(min_length=1)] = "watchword"
    secret: tuple[str, ...] = ()

    signing_algorithm: Literal["ES256", "EdDSA", "RS256", "PS256", "HS256", "ML-DSA-65"] = "ES256"
    rotation_period: Seconds = 30 * DAY
    publish_lead: Seconds = 3 * 3600
    jwks_max_age: Annotated[int, msgspec.Meta(ge=1, le=600, extra=_IN_SECONDS)] = 600

    access_lifetime: Seconds = 600
    idle_lifetime: Seconds = 14 * DAY
    session_lifetime: Seconds = 90 * DAY
    max_sessions: Count = 100
    refresh_window: Seconds = 30
    leeway: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_LEEWAY, extra=_IN_SECONDS)] = 30

    revocation_interval: Annotated[float, msgspec.Meta(ge=0.05, le=60, extra=_IN_SECONDS)] = 1.0
    revocation_push: bool = False
    revocation_max_age: Annotated[float, msgspec.Meta(ge=1, extra=_IN_SECONDS)] = 30.0
    when_stale: Literal["reject", "accept"] = "reject"

    password_min: Annotated[int, msgspec.Meta(ge=8)] = 15
    password_max: Annotated[int, msgspec.Meta(ge=64, le=4096)] = 1024
    password_checks: Count = 4
    password_queue: Annotated[int, msgspec.Meta(ge=0)] = 8
    login_failures: Count = 5
    login_delay: Seconds = 60
    address_failures: Count = 100
    address_window: Seconds = 300

    trusted_proxies: tuple[str, ...] = ()
    prefix: Annotated[str, msgspec.Meta(pattern=r"^(/[A-Za-z0-9._~-]+)*\Z")] = "/auth"
    max_body: Annotated[int, msgspec.Meta(ge=1024, le=1_048_576)] = 16_384
    metrics: bool = False
    stop_timeout: Annotated[int, msgspec.Meta(ge=3, le=3600, extra=_IN_SECONDS)] = 10
    scope_claim: Literal["scope", "scp", "permissions"] = "scope"
    token_header: HeaderName = "Authorization"  # noqa: S105 - not a token

    def __post_init__(self) -> None:
        # msgspec checks values that it converts, but not keyword arguments.
        for name in self.__struct_fields__:
            given = getattr(self, name)
            value = to_seconds(name, given) if isinstance(given, timedelta) else given
            msgspec.structs.force_setattr(self, name, _convert(name, value, name, strict=True))
        if any(len(secret) < 32 for secret in self.secret):
            raise InvalidSettings(
                "secret must have at least 32 characters. Make one with `openssl rand -base64 32`."
            )
        if self.resource and parse_public_url(self.resource) is None:
            raise InvalidSettings(
                "resource must be the https URL of the API, such as https://api.example.com, without query "
                f"and fragment, not {_describe_value('resource', self.resource)}"
            )
        self._check_times()
        self._check_key_times()
        if self.password_min > self.password_max:
            raise InvalidSettings(
                f"password_min ({self.password_min}) must not be above password_max ({self.password_max})"
            )
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise InvalidSettings(_describe_bad_network(network)) from None

    def _check_times(self) -> None:
        if self.revocation_max_age <= self.revocation_interval:
            raise InvalidSettings(
                f"revocation_max_age ({self.revocation_max_age:g} s) must be longer than "
                f"revocation_interval ({self.revocation_interval:g} s)"
            )
        if not self.access_lifetime <= self.idle_lifetime <= self.session_lifetime:
            raise InvalidSettings(
                f"access_lifetime ({self.access_lifetime} s) must not be longer than idle_lifetime "
                f"({self.idle_lifetime} s), and idle_lifetime not longer than session_lifetime "
                f"({self.session_lifetime} s)"
            )
        if self.refresh_window >= self.access_lifetime:
            # An access token from a replay expires with the token of the swap, so it must live longer.
            raise InvalidSettings(
                f"refresh_window ({self.refresh_window} s) must be shorter than access_lifetime "
                f"({self.access_lifetime} s)"
            )

    def _check_key_times(self) -> None:
        if self.publish_lead < self.jwks_max_age + self.revocation_max_age:
            # A process that is revocation_max_age behind serves a JWKS that others cache for jwks_max_age.
            raise InvalidSettings(
                f"publish_lead ({self.publish_lead} s) must be at least jwks_max_age ({self.jwks_max_age} s) "
                f"and revocation_max_age ({self.revocation_max_age:g} s) together: "
                "a key must not sign while a JWKS without it may be in use"
            )
        if self.rotation_period <= self.publish_lead:
            raise InvalidSettings(
                f"rotation_period ({self.rotation_period} s) must be longer than publish_lead "
                f"({self.publish_lead} s)"
            )
        if self.rotation_period * MOST_PERIODS < self.session_lifetime:
            raise InvalidSettings(
                f"rotation_period ({self.rotation_period} s) must be at least a {MOST_PERIODS}th of "
                f"session_lifetime ({self.session_lifetime} s): keys outlive the longest session"
            )

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        hidden = _MAY_BE_SECRET  # A URL may hold a password.
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], prefix: str = "WATCHWORD_") -> Settings:
        """Read the settings from the entries of a mapping, if their names begin with ``prefix``.

        The mapping may be ``app.config``, the dict of a settings module or ``os.environ``. Names are upper
        case. Text such as ``"600"`` is converted, and so is a ``timedelta``. A list may be text with commas.
        ``SECRET_FILE``, ``DATABASE_URL_FILE`` and ``SESSIONS_URL_FILE`` name files that hold these settings.

        Raises:
            InvalidSettings: an entry is unknown, of the wrong type or out of range, or a file cannot be read.
                The message names the entry.
        """
        given = _read_files(
            {
                name.removeprefix(prefix).lower(): value
                for name, value in mapping.items()
                if isinstance(name, str) and name.startswith(prefix)
            },
            prefix,
        )
        if unknown := sorted(given.keys() - set(cls.__struct_fields__)):
            raise InvalidSettings(" ".join(_describe_unknown(name, prefix) for name in unknown))
        values = {name: read_entry(name, value, (prefix + name).upper()) for name, value in given.items()}
        try:
            return cls(**values)
        except InvalidSettings as error:
            raise InvalidSettings(_name_entries(str(error), prefix)) from None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from the environment of the process.

        ``DATABASE_URL`` and ``SESSIONS_URL`` are read like the prefixed names. White space around a value
        does not count, and an empty value counts as not set. Variables that Kubernetes sets for a Service
        called ``watchword`` are ignored.

        Raises:
            InvalidSettings: as :meth:`from_mapping`.
        """
        given = _read_environment(environ)
        for name in ("DATABASE_URL", "SESSIONS_URL"):
            if name in given and f"WATCHWORD_{name}_FILE" not in given:
                given.setdefault(f"WATCHWORD_{name}", given[name])
        return cls.from_mapping(given)

    @classmethod
    def from_application(cls, config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
        """Read the settings of an application: its configuration, and the environment for the rest.

        If both name a setting, the configuration counts. ``DATABASE_URL`` and ``SESSIONS_URL`` without the
        prefix belong to the application, not to Watchword.

        Raises:
            InvalidSettings: as :meth:`from_mapping`.
        """
        variables = {
            name: value
            for name, value in _read_environment(environ).items()
            if name.removesuffix("_FILE") not in config and f"{name}_FILE" not in config
        }
        return cls.from_mapping({**variables, **config})


def check_settings(given: object) -> None:
    """Raise unless the value of an argument ``settings`` is a ``Settings``, or ``None``.

    Raises:
        InvalidSettings: the value has another type.
    """
    if not isinstance(given, Settings | None):
        raise InvalidSettings(
            f"settings must be a Settings, not {describe(given)}: write Settings(...), "
            "or Settings.from_mapping(...) for entries such as WATCHWORD_ISSUER"
        )


def _read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be settings, without white space around their values."""
    return {
        name: value.strip()
        for name, value in environ.items()
        if value.strip() and name != _VECTORS and not _is_service_link(name, value)
    }


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or _SERVICE_PORT.fullmatch(f"{name}={value}"))


def _describe_bad_network(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"trusted_proxies: {text!r} is not a network. Write it like 10.0.0.0/8 or 192.0.2.7"
    return f"trusted_proxies: {text!r} is an address within a network. The network is {str(meant)!r}"


FILE_ENTRIES = {f"{name}_file": name for name in ("secret", "database_url", "sessions_url")}


def _read_files(given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Replace each entry that names a file by the setting that the file holds."""
    values = {name: value for name, value in given.items() if name not in FILE_ENTRIES}
    for entry in given.keys() & FILE_ENTRIES.keys():
        name, shown = FILE_ENTRIES[entry], (prefix + entry).upper()
        if name in values:
            raise InvalidSettings(f"{shown} and {(prefix + name).upper()} are both set: remove one of them")
        values[name] = _read_file(given[entry], shown)
    return values


def _read_file(path: object, shown: str) -> str:
    if not isinstance(path, str | Path):
        raise InvalidSettings(f"{shown} must be the path of a file, not {type(path).__name__}")
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise InvalidSettings(f"{shown} names {str(path)!r}, which cannot be read: {reason}") from None


_LISTS = frozenset({"secret", "trusted_proxies"})


def list_entries() -> frozenset[str]:
    """List the names that an entry of a mapping may have, in upper case and without a prefix."""
    return frozenset(name.upper() for name in (*Settings.__struct_fields__, *FILE_ENTRIES))


def read_entry(name: str, value: object, entry: str) -> Any:
    """Return the value of a setting from an entry of a mapping. Text is converted.

    Args:
        name: the name of the setting. Or the name of an entry for a file, which is read.
        value: the value of the entry.
        entry: the entry as the user writes it, for the error.

    Raises:
        InvalidSettings: the value has the wrong type or is out of range, or the file cannot be read.
    """
    if name in FILE_ENTRIES:
        return read_entry(FILE_ENTRIES[name], _read_file(value, entry), entry)
    if isinstance(value, timedelta):
        value = to_seconds(entry, value)
    if name in _LISTS and isinstance(value, str):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    return _convert(name, value, entry, strict=False)


@functools.cache
def _list_types() -> dict[str, Any]:
    """Return the type of each setting, with its bounds."""
    return {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _convert(name: str, value: object, shown: str, *, strict: bool) -> Any:
    """Convert a value to the type of a setting.

    Args:
        name: the name of the setting.
        value: the value.
        shown: the name of the setting as the caller wrote it, for the error.
        strict: whether text must not become a number.
    """
    try:
        return msgspec.convert(value, _list_types()[name], strict=strict)
    except msgspec.ValidationError:
        raise InvalidSettings(
            f"{shown} must be {_describe_type(name)}, not {_describe_value(name, value)}"
        ) from None


def _describe_unknown(name: str, prefix: str) -> str:
    """Return the sentence about a name that is not a setting."""
    near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
    hint = f"Did you mean {(prefix + near[0]).upper()}?" if near else "docs/defaults.md lists all settings."
    return f"{(prefix + name).upper()} is not a setting. {hint}"


def _name_entries(sentence: str, prefix: str) -> str:
    """Replace the names of settings with the names that the entries of a mapping have."""
    names = "|".join(Settings.__struct_fields__)
    return re.sub(rf"(?<!['\"])\b({names})\b", lambda found: (prefix + found[0]).upper(), sentence)


# The type alone does not describe these settings.
_DESCRIPTIONS = {
    "secret": 'a list of texts such as ["..."], newest first (in the environment: text with commas)',
    "trusted_proxies": 'a list of networks such as ["10.0.0.0/8"] (in the environment: text with commas)',
    "prefix": "empty or a path such as /auth, with a slash in front and none at the end",
    "token_header": "the name of a header such as X-Watchword-Token (without underscores, and not Cookie)",
}
_MAY_BE_SECRET = frozenset({"secret", "database_url", "sessions_url"})


def _describe_type(name: str) -> str:
    """Describe the values that a setting accepts."""
    if name in _DESCRIPTIONS:
        return _DESCRIPTIONS[name]
    accepted = msgspec.inspect.type_info(_list_types()[name])
    unit = ""
    if isinstance(accepted, msgspec.inspect.Metadata):  # _IN_SECONDS
        unit = " of seconds"
        accepted = accepted.type
    match accepted:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case msgspec.inspect.IntType(ge=least, le=most):
            return f"a whole number{unit}{_describe_bounds(least, most)}"
        case msgspec.inspect.FloatType(ge=least, le=most):
            return f"a number{unit}{_describe_bounds(least, most)}"
        case _:
            return "text that is not empty"


def _describe_bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f", at least {least:.12g}" if most is None else f" from {least:.12g} to {most:.12g}"


def _describe_value(name: str, value: object) -> str:
    """Describe a given value: itself if it is short and cannot be a secret, or else its type."""
    if name in _MAY_BE_SECRET or not isinstance(value, str | int | float):
        return type(value).__name__
    shown = repr(value) if isinstance(value, str) else describe(value)
    return shown if len(shown) <= 60 else type(value).__name__
