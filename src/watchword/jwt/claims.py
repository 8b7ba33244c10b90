"""Decide whether claims are acceptable, without I/O, and describe the registered claims (RFC 7519 §4.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeGuard, dataclass_transform

import msgspec

from watchword.arguments import describe, describe_names, is_names
from watchword.durations import Duration, to_seconds
from watchword.errors import (
    ExpiredToken,
    InvalidClaims,
    InvalidSettings,
    MalformedClaim,
    MissingClaim,
    NotYetValid,
    TokenTooOld,
    WrongAudience,
    WrongIssuer,
    WrongSubject,
)

__all__ = [
    "REGISTERED",
    "Claims",
    "ClaimsPolicy",
    "QuickCheck",
    "ValidityPeriod",
    "check_names",
    "fail_quick_check",
    "find_failures",
    "find_validity_period",
    "is_time",
    "list_names",
    "make_quick_check",
]

REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""The claims that RFC 7519 §4.1 defines: an Issuer sets them, a Verifier checks them."""

# Larger JSON numbers are not exact in every parser (RFC 8259 §6), and no clock reaches them.
_LARGEST_TIME = 2**53 - 1


class _Frozen(msgspec.StructMeta):
    """Makes each subclass of Claims frozen and keyword-only, without arguments in its definition."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> _Frozen:
        return super().__new__(cls, name, bases, namespace, **{"frozen": True, "kw_only": True, **config})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Claims(msgspec.Struct, metaclass=_Frozen, frozen=True, kw_only=True):
    """The base class of typed claims. Add claims of your own as fields.

    Subclasses are frozen and keyword-only too. Times are seconds since the epoch.

    Attributes:
        iss: the issuer.
        sub: the subject.
        aud: the audience, or several.
        exp: the expiry. The token is rejected from then on.
        nbf: the token is rejected before this time.
        iat: the time of issue.
        jti: the token's id.
    """

    iss: str | None = None
    sub: str | None = None
    aud: str | tuple[str, ...] | None = None
    exp: int | float | None = None
    nbf: int | float | None = None
    iat: int | float | None = None
    jti: str | None = None


class ClaimsPolicy:
    """The expectations about claims. The Verifier describes the arguments.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """

    __slots__ = (
        "audiences",
        "issuers",
        "leeway",
        "max_age",
        "required",
        "subject",
        "subject_type",
        "wrong_audience",
        "wrong_issuer",
    )

    def __init__(
        self,
        *,
        issuer: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        subject: str | int | None = None,
        sub_type: type[str | int] = str,
        require: Collection[str] = (),
        allow_no_exp: bool = False,
        leeway: Duration = 0,
        max_age: Duration | None = None,
    ) -> None:
        leeway = to_seconds("leeway", leeway)
        max_age = None if max_age is None else to_seconds("max_age", max_age)
        if not isinstance(allow_no_exp, bool):  # The text "no" would count as true.
            raise InvalidSettings(f"allow_no_exp must be True or False, not {describe(allow_no_exp)}")
        if sub_type not in (str, int):
            raise InvalidSettings(f"sub_type must be str or int, not {describe(sub_type)}")
        if subject is not None and type(subject) is not sub_type:
            raise InvalidSettings(
                f"subject must be {sub_type.__name__}, as sub_type says, or None, not {describe(subject)}"
            )
        if isinstance(require, str) or not is_names(require):
            raise InvalidSettings(
                'require must be a collection of claim names, such as ["client_id"], '
                f"not {describe_names(require)}"
            )
        self.issuers = check_names("issuer", issuer)
        self.audiences = check_names("audience", audience) or frozenset()  # Any aud is then another audience.
        self.subject = subject
        self.subject_type = sub_type
        self.leeway = leeway
        self.max_age = max_age
        self.wrong_issuer = f"the token comes from another issuer than {list_names(self.issuers)}"
        self.wrong_audience = (
            f"the token is meant for another audience than {list_names(self.audiences)}"
            if self.audiences
            else "the token has an aud, but no audience is expected. The argument audience= names it"
        )
        # An expected claim must be present: a token without the claim is not an exception to the rule.
        implied = {
            "exp": not allow_no_exp,
            "iss": issuer is not None,
            "aud": audience is not None,
            "sub": subject is not None or sub_type is not str,
            "iat": max_age is not None,
        }
        self.required = tuple(dict.fromkeys([*(name for name in implied if implied[name]), *require]))


QuickCheck: TypeAlias = Callable[[Mapping[str, Any], float], bool]
"""Takes claims and the time. True if the claims are acceptable, False if find_failures must decide."""


class ValidityPeriod(NamedTuple):
    """The time during which acceptable claims stay acceptable, in seconds since the epoch.

    Attributes:
        start: the first moment.
        end: the first moment after the period.
    """

    start: float
    end: float


def find_failures(  # noqa: C901, PLR0912 - the rules in a row, because calls cost more than the checks
    claims: Mapping[str, Any], policy: ClaimsPolicy, now: float
) -> list[InvalidClaims]:
    """Find everything about the claims that the policy rejects at that time. Empty if all is acceptable.

    Boundaries are exact. The time ``exp`` is too late (RFC 7519 §4.1.4). The times ``nbf`` and ``iat`` are
    not too early. An age of exactly ``max_age`` is accepted.
    """
    found: list[InvalidClaims] = []
    leeway = policy.leeway
    for name in policy.required:
        if claims.get(name) is None:
            found.append(MissingClaim(claim=name))  # noqa: PERF401 - in Python 3.11 a comprehension is a call

    exp = claims.get("exp", _ABSENT)
    if is_time(exp):
        if now >= exp + leeway:
            found.append(ExpiredToken(claim="exp"))
    elif exp is not _ABSENT:
        found.append(MalformedClaim(claim="exp"))
    nbf = claims.get("nbf", _ABSENT)
    if is_time(nbf):
        if now < nbf - leeway:
            found.append(NotYetValid(claim="nbf"))
    elif nbf is not _ABSENT:
        found.append(MalformedClaim(claim="nbf"))
    iat = claims.get("iat", _ABSENT)
    if is_time(iat):
        if now < iat - leeway:
            found.append(NotYetValid(claim="iat"))
        elif policy.max_age is not None and now > iat + policy.max_age + leeway:
            found.append(TokenTooOld(claim="iat"))
    elif iat is not _ABSENT:
        found.append(MalformedClaim(claim="iat"))

    iss = claims.get("iss", _ABSENT)
    if isinstance(iss, str):
        if policy.issuers is not None and iss not in policy.issuers:
            found.append(WrongIssuer(policy.wrong_issuer, claim="iss"))
    elif iss is not _ABSENT:
        found.append(MalformedClaim(claim="iss"))
    aud = claims.get("aud", _ABSENT)
    if isinstance(aud, str):
        if aud not in policy.audiences:
            found.append(WrongAudience(policy.wrong_audience, claim="aud"))
    elif aud is not _ABSENT:
        found += _check_audience_list(aud, policy)
    sub = claims.get("sub", _ABSENT)
    if type(sub) is policy.subject_type:
        if policy.subject is not None and sub != policy.subject:
            found.append(WrongSubject(claim="sub"))
    elif sub is not _ABSENT:
        found.append(_make_subject_error(sub, policy))
    if not isinstance(claims.get("jti", ""), str):
        found.append(MalformedClaim(claim="jti"))
    return found


def make_quick_check(policy: ClaimsPolicy) -> QuickCheck:
    """Make a check that accepts the usual token in a third of the time of :func:`find_failures`.

    Claims that it accepts have no failures. Claims that it rejects may have no failures either, so
    :func:`find_failures` decides about them. The claims must come from JSON: equal values of another type,
    such as a subclass of str, are not expected.
    """
    names = _find_usual_names(policy)
    if names is None:
        return fail_quick_check
    issuer, audience = names
    others = tuple(name for name in policy.required if name not in _USUAL)

    def is_acceptable(claims: Mapping[str, Any], now: float) -> bool:
        try:
            return (
                claims["iss"] == issuer
                and claims["aud"] == audience
                # Without leeway, which find_failures applies. 1 < excludes true, which equals 1. A string
                # cannot be compared.
                and 1 < claims["iat"] <= now < claims["exp"] <= _LARGEST_TIME
                and type(claims["sub"]) is type(claims["jti"]) is str
                and "nbf" not in claims
            )
        except (KeyError, TypeError):
            return False

    if not others:
        return is_acceptable
    return lambda claims, now: is_acceptable(claims, now) and None not in map(claims.get, others)


def fail_quick_check(_claims: Mapping[str, Any], _now: float) -> bool:
    """Reject all claims: the QuickCheck of a policy for which :func:`find_failures` always decides."""
    return False


def find_validity_period(claims: Mapping[str, Any], policy: ClaimsPolicy) -> ValidityPeriod:
    """Find the time during which claims without failures have no failures."""
    exp, nbf, iat = claims.get("exp", math.inf), claims.get("nbf", -math.inf), claims.get("iat", -math.inf)
    oldest = math.inf if policy.max_age is None else iat + policy.max_age
    # Most clocks return floats, and Python compares two floats faster than a float and an int.
    return ValidityPeriod(float(max(nbf, iat) - policy.leeway), float(min(exp, oldest) + policy.leeway))


def _find_usual_names(policy: ClaimsPolicy) -> tuple[str, str] | None:
    """Return the issuer and the audience if the policy expects only these, and a single value of each."""
    if policy.issuers is None or not len(policy.issuers) == len(policy.audiences) == 1:
        return None
    if policy.subject is not None or policy.max_age is not None or policy.subject_type is not str:
        return None
    (issuer,), (audience,) = policy.issuers, policy.audiences
    return issuer, audience


def _check_audience_list(aud: object, policy: ClaimsPolicy) -> list[InvalidClaims]:
    """Find the failures of an ``aud`` that is not a string."""
    if not isinstance(aud, list) or not all(isinstance(name, str) for name in aud):
        return [MalformedClaim(claim="aud")]
    if policy.audiences.isdisjoint(aud):
        return [WrongAudience(policy.wrong_audience, claim="aud")]
    return []


def is_time(value: object) -> TypeGuard[float]:
    """Return whether a value is a NumericDate (RFC 7519 §2) of bounded size."""
    # type() and not isinstance(), because True is an int but not a time. NaN fails the comparison.
    return type(value) in _NUMBERS and -_LARGEST_TIME <= value <= _LARGEST_TIME  # type: ignore[operator]  # a number


_NUMBERS = (int, float)
_USUAL = frozenset({"iss", "aud", "exp", "iat", "sub", "jti"})  # The quick check covers these.
# The characters of an error_description (RFC 6750 §3), without white space.
_LISTABLE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_MOST_LISTED = 3
_ABSENT = object()  # null is not absent, and no registered claim may be null.


def check_names(argument: str, names: str | Collection[str] | None) -> frozenset[str] | None:
    """Return a name or several names as a set. ``None`` stays ``None``.

    Raises:
        InvalidSettings: the value is neither a name nor a collection of names.
    """
    if names is None:
        return None
    several = [names] if isinstance(names, str) else names
    if not several or not is_names(several):
        raise InvalidSettings(
            f"{argument} must be a non-empty string, a collection of such strings, or None, "
            f"not {describe_names(names)}"
        )
    return frozenset(several)


def list_names(names: Collection[str] | None) -> str:
    """List a few names for a message, which may stand in an HTTP header (RFC 6750 §3)."""
    listed = sorted(names or ())
    if len(listed) <= _MOST_LISTED and all(_LISTABLE.fullmatch(name) for name in listed):
        return " or ".join(listed)
    return "the expected names"


def _make_subject_error(sub: object, policy: ClaimsPolicy) -> MalformedClaim:
    """Make the error for a ``sub`` of the wrong type (RFC 7519 §4.1.2: a string)."""
    if policy.subject_type is int:
        return MalformedClaim(
            "the claim sub is not an integer, and sub_type=int requires an integer", claim="sub"
        )
    if type(sub) is int:
        return MalformedClaim(
            "the claim sub is a number, not a string. With sub_type=int a Verifier accepts it",
            claim="sub",
        )
    return MalformedClaim(claim="sub")
