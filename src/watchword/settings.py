"""Settings: one frozen object, read the same way from Flask, Django and the environment."""

from __future__ import annotations

import difflib
import functools
import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from watchword.arguments import describe
from watchword.durations import to_seconds
from watchword.errors import InvalidSettings

__all__ = ["LARGEST_LEEWAY", "Settings", "check_settings"]

_IN_SECONDS = {"unit": "seconds"}  # for the error that says what is accepted
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, extra=_IN_SECONDS)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]

# Names the folder of the published vectors; whoever works on Watchword may have it in their environment
_OF_THE_TESTS = "WATCHWORD_VECTORS"

# What Kubernetes puts into each container for a Service called `watchword` or `watchword-...`
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
        database_url: where state lives, as an SQLAlchemy URL.
        database_connections: most connections that a process has to PostgreSQL.
        sessions_url: where all but the accounts lives instead, as the URL of a Redis; empty for nowhere else.
        sessions_wait_replicas: how many replicas of that Redis must have an end before it is acknowledged.
        issuer: the ``iss`` of our tokens; the public URL of the service.
        audience: the ``aud`` of our access tokens: the API that they are for.
        client_id: the ``client_id`` claim of access tokens (RFC 9068 §2.2).
        secret: what seals private keys at rest, newest first; each of at least 32 characters.
        signing_algorithm: of the keys that sign access tokens; another one holds from the next key on.
        rotation_period: how long a key signs before the next one takes its place.
        publish_lead: how long a key stands in the JWKS before it signs.
        jwks_max_age: how long others may keep the JWKS, at most.
        access_lifetime: how long an access token is good.
        idle_lifetime: how long a session lives without a refresh.
        session_lifetime: how long a session lives at most.
        max_sessions: live sessions a subject may have; one more ends the oldest.
        refresh_window: a session swaps at most once in this time; two tabs within it both win.
        leeway: allowed clock difference when tokens are verified.
        revocation_interval: seconds between two polls for ended sessions.
        revocation_push: whether ends of sessions are announced by the store as well, so that others hear of
            them before their next poll.
        revocation_max_age: the oldest snapshot of ended sessions that is still trusted.
        when_stale: ``reject`` answers 503 when the snapshot is too old and the store is away; ``accept`` lets
            tokens through that may have been revoked.
        password_min: shortest new password, in characters.
        password_max: longest password, in characters.
        password_checks: passwords that this process hashes at once, whatever for.
        password_queue: calls that may wait for that, two seconds at most.
        login_failures: failed logins that a name has free before delays begin.
        login_delay: the longest delay between two tries on a name.
        address_failures: failed logins that an address has in ``address_window``.
        address_window: see ``address_failures``.
        trusted_proxies: networks whose ``X-Forwarded-For`` is believed.
        prefix: where the endpoints live.
        max_body: largest request body of the endpoints, in bytes.
        metrics: whether ``watchword serve`` answers ``/metrics``.
        stop_timeout: seconds within which ``watchword serve`` has stopped once it is told to.
        scope_claim: the claim that holds the scopes of other people's tokens (bare Verifier).

    Raises:
        InvalidSettings: a value is of the wrong type or out of range; names the setting.
    """

    database_url: str = "sqlite:///watchword.db"
    database_connections: Count = 10
    sessions_url: str = ""
    sessions_wait_replicas: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    issuer: Annotated[str, msgspec.Meta(min_length=1)] = "http://localhost:8000"
    audience: Annotated[str, msgspec.Meta(min_length=1)] = "watchword"
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

    def __post_init__(self) -> None:
        # msgspec holds what it converts to the annotations, but not keyword arguments
        for name, kind in _kinds().items():
            given = getattr(self, name)
            value = to_seconds(name, given) if isinstance(given, timedelta) else given
            msgspec.structs.force_setattr(self, name, _converted(name, value, kind, strict=True))
        if any(len(secret) < 32 for secret in self.secret):
            raise InvalidSettings(
                "secret must have at least 32 characters. Make one with `openssl rand -base64 32`."
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
            # A replayed access token ends with the token of the swap, and must have some life left.
            raise InvalidSettings(
                f"refresh_window ({self.refresh_window} s) must be shorter than access_lifetime "
                f"({self.access_lifetime} s)"
            )

    def _check_key_times(self) -> None:
        if self.publish_lead < self.jwks_max_age + self.revocation_max_age:
            # A process that is revocation_max_age behind serves a JWKS that is kept for jwks_max_age.
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
        hidden = {"secret", "database_url", "sessions_url"}  # a URL may hold a password
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], prefix: str = "WATCHWORD_") -> Settings:
        """The settings among the entries of a mapping whose names begin with ``prefix``.

        Serves ``app.config``, a settings module's dict and ``os.environ`` alike: names are upper case, text
        is converted (``"600"``; lists are comma-separated), a ``timedelta`` stands for its seconds.

        Raises:
            InvalidSettings: an entry is unknown, of the wrong type or out of range; names it, not its value.
        """
        given = {
            name.removeprefix(prefix).lower(): value
            for name, value in mapping.items()
            if name.startswith(prefix)
        }
        if unknown := sorted(given.keys() - set(cls.__struct_fields__)):
            raise InvalidSettings(" ".join(_describe_unknown(name, prefix) for name in unknown))
        kinds = _kinds()
        values = {
            name: _converted((prefix + name).upper(), _plain(name, value), kinds[name], strict=False)
            for name, value in given.items()
        }
        try:
            return cls(**values)
        except InvalidSettings as error:
            raise InvalidSettings(_name_entries(str(error), prefix)) from None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in the process's environment.

        ``DATABASE_URL`` and ``SESSIONS_URL`` stand for the prefixed names too. White space around a value
        does not count, and an empty value counts as none. Variables that Kubernetes sets for a Service called
        ``watchword`` are ignored.

        Raises:
            InvalidSettings: as :meth:`from_mapping`.
        """
        given = _read_environment(environ)
        for name in ("DATABASE_URL", "SESSIONS_URL"):
            if name in given:
                given.setdefault(f"WATCHWORD_{name}", given[name])
        return cls.from_mapping(given)

    @classmethod
    def from_application(cls, config: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
        """Read the settings of an application: its configuration, and the environment for the rest.

        Where both name a setting, the configuration counts. The names ``DATABASE_URL`` and ``SESSIONS_URL``
        without the prefix belong to the application, not to Watchword.

        Raises:
            InvalidSettings: as :meth:`from_mapping`.
        """
        return cls.from_mapping({**_read_environment(environ), **config})


def check_settings(given: object) -> None:
    """Raise unless the value of an argument ``settings`` is a ``Settings``, or ``None``.

    Raises:
        InvalidSettings: it is something else.
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
        if value.strip() and name != _OF_THE_TESTS and not _is_service_link(name, value)
    }


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or _SERVICE_PORT.fullmatch(f"{name}={value}"))


def _describe_bad_network(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"trusted_proxies: {text!r} is no network address; 10.0.0.0/8 and 192.0.2.7 are"
    return f"trusted_proxies: {text!r} is an address within a network; the network is {str(meant)!r}"


_LISTS = frozenset({"secret", "trusted_proxies"})


def _plain(name: str, value: object) -> object:
    """One value in the form that msgspec converts from."""
    if isinstance(value, timedelta):
        return to_seconds(name, value)
    if name in _LISTS and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


@functools.cache
def _kinds() -> dict[str, Any]:
    """Each setting's type, with its bounds."""
    return {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _converted(name: str, value: object, kind: Any, *, strict: bool) -> Any:
    """The value as what the setting is; text becomes a number unless ``strict``."""
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError:
        raise InvalidSettings(
            f"{name} must be {_describe_kind(name, kind)}, not {_describe_value(name, value)}"
        ) from None


def _describe_unknown(name: str, prefix: str) -> str:
    """The sentence about a name that is not a setting."""
    near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
    hint = f"Did you mean {(prefix + near[0]).upper()}?" if near else "docs/defaults.md lists all settings."
    return f"{(prefix + name).upper()} is not a setting. {hint}"


def _name_entries(sentence: str, prefix: str) -> str:
    """Replace the names of settings with the names that the entries of a mapping have."""
    names = "|".join(Settings.__struct_fields__)
    return re.sub(rf"(?<!['\"])\b({names})\b", lambda found: (prefix + found[0]).upper(), sentence)


# What the type alone does not say.
_DESCRIPTIONS = {
    "secret": 'a list of texts such as ["..."], newest first (in the environment: text with commas)',
    "trusted_proxies": 'a list of networks such as ["10.0.0.0/8"] (in the environment: text with commas)',
    "prefix": "empty or a path such as /auth, with a slash in front and none at the end",
}
_MAY_BE_SECRET = frozenset({"secret", "database_url", "sessions_url"})


def _describe_kind(name: str, kind: Any) -> str:
    """What a setting accepts, for people."""
    setting = name.lower().rpartition("watchword_")[2]
    if setting in _DESCRIPTIONS:
        return _DESCRIPTIONS[setting]
    accepted = msgspec.inspect.type_info(kind)
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
    """What was given: the value if it is short and cannot be a secret, else its type."""
    setting = name.lower().rpartition("watchword_")[2]
    shown = repr(value)
    if setting in _MAY_BE_SECRET or not isinstance(value, str | int | float) or len(shown) > 60:
        return type(value).__name__
    return shown
