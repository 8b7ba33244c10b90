"""Verify a token and return its claims (RFC 7519 §7.2)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, Unpack

from watchword.durations import Duration
from watchword.errors import InvalidClaims, InvalidToken, MalformedClaim
from watchword.jose.compact_serialization import MAX_TOKEN, refuse_text
from watchword.jose.header import check_critical
from watchword.jose.jwk import Key
from watchword.jose.key_selection import to_key_source
from watchword.jose.key_set import KeySet
from watchword.jose.ports import KeySource, RefreshedSource
from watchword.jose.strict_json import decode_object
from watchword.jwt import nesting
from watchword.jwt.batch import verify_in_threads
from watchword.jwt.caches import CachedHeader, Caches
from watchword.jwt.claims import (
    ClaimsPolicy,
    fail_quick_check,
    find_failures,
    find_validity_period,
    make_quick_check,
)
from watchword.jwt.encrypted_claims import EncryptedParser, check_shared_secrets
from watchword.jwt.expectations import (
    EncryptedExpectations,
    IssuerExpectations,
    Rule,
    TypeNames,
    TypePolicy,
    check_callable,
    check_size,
)
from watchword.jwt.parsing import TokenParser
from watchword.jwt.readers import Reader, T, convert, decode_dict, make_reader

if TYPE_CHECKING:
    from watchword.providers import FetchPolicy

__all__ = ["Rule", "Verifier"]


class Verifier(Generic[T]):
    """Verifies signed tokens and returns their claims: a dict, or the type asked for.

    Safe to use from many threads. Does no I/O unless its key source does.

    Args:
        keys: the keys to trust: a Key (the token's ``kid`` is ignored), a KeySet, or any KeySource.
        issuer: the accepted ``iss``, or several. ``None`` accepts any token, also without ``iss``.
        audience: the ``aud`` that names this application, or several. ``None`` accepts only tokens without
            ``aud``.
        subject: the accepted ``sub``. ``None`` accepts any token, also without ``sub``.
        sub_type: the type of ``sub``. With ``int`` the token must have an integer there, for issuers that
            ignore RFC 7519 §4.1.2. ``subject`` is then an integer too.
        typ: the ``typ`` that the header must have, or several: ``["at+jwt", "JWT"]``. ``None`` in a
            collection stands for a token without ``typ``. ``None`` alone accepts ``JWT`` or no ``typ``.
        claims: the type to return: a Struct (see :class:`~watchword.Claims`), dataclass, TypedDict or attrs
            class, or a pydantic model or dataclass, which is validated in strict mode. Or a Reader.
        require: the claims that must be present and not null, besides ``exp``.
        allow_no_exp: accept tokens that never expire.
        leeway: allowed clock difference, in seconds or as a timedelta.
        max_age: the greatest accepted age of ``iat``, in seconds or as a timedelta.
        critical: header extensions that the application itself understands and handles (``crit``).
        rule: further checks. Its errors are reported together with all other errors. A cached token is not
            checked again, so a rule may depend on time only for what expires later than ``exp``.
        decrypt_with: the keys to decrypt with. The Verifier then accepts only encrypted tokens with a signed
            token inside (RFC 7519 §5.2).
        max_token_size: the longest accepted token, in characters, at most 1 MiB.
        cache_size: how many verified tokens to cache. 0 turns the cache off.
        clock: returns the current time in seconds since the epoch.

    Attributes:
        clock: as given.
        issuers: the accepted ``iss``. ``None`` accepts any.
        audiences: the accepted ``aud``. Empty if only tokens without ``aud`` are accepted.
        max_token_size: as given, at most 1 MiB.

    Raises:
        InvalidSettings: an argument has the wrong form.
    """

    def __init__(
        self,
        keys: Key | KeySource,
        *,
        issuer: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        subject: str | int | None = None,
        sub_type: type[str | int] = str,
        typ: TypeNames = None,
        claims: type[T] | Reader[T] = dict,  # type: ignore[assignment]  # the default of T
        require: Collection[str] = (),
        allow_no_exp: bool = False,
        leeway: Duration = 30,
        max_age: Duration | None = None,
        critical: Collection[str] = (),
        rule: Rule | None = None,
        decrypt_with: Key | KeySource | None = None,
        max_token_size: int = 16_384,
        cache_size: int = 8_192,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_size("max_token_size", max_token_size)
        check_size("cache_size", cache_size)
        self._shown = f"keys={type(keys).__name__}", f"typ={typ!r}"
        source = to_key_source(keys)
        self._keep_fresh = source.keep_fresh if isinstance(source, RefreshedSource) else None
        self._parser = TokenParser(
            source,
            None if decrypt_with is None else to_key_source(decrypt_with, "decrypt_with"),
            TypePolicy(typ),
            check_critical(critical),
            min(max_token_size, MAX_TOKEN),
        )
        self._keys = self._parser.keys
        self._policy = ClaimsPolicy(
            issuer=issuer,
            audience=audience,
            subject=subject,
            sub_type=sub_type,
            require=require,
            allow_no_exp=allow_no_exp,
            leeway=leeway,
            max_age=max_age,
        )
        check_callable("clock", clock)
        if rule is not None:
            check_callable("rule", rule)
        self._rule = rule
        self._passes_quick_check = make_quick_check(self._policy) if rule is None else fail_quick_check
        self._decode, self._shared = make_reader(claims)
        self._cache_size = cache_size
        self.clock = clock
        self._caches = Caches(self._keys.version, cache_size)

    def verify(self, token: str) -> T:
        """Verify a token and return its claims.

        A dict or another mutable value belongs to the caller. Callers may share a value of a frozen type.

        Raises:
            MalformedToken: the token is not a compact JWS with a JSON object inside, or is not encrypted
                although ``decrypt_with`` is set.
            UnknownKey: no key matches its ``kid`` and ``alg``.
            DecryptionFailed: no key decrypts the token. The error does not tell the cause.
            BadSignature: no matching key made the signature.
            InvalidClaims: a claim or the ``typ`` is not accepted. The subclass names the first failure,
                ``failures`` lists all of them.
            KeysUnavailable: the key source cannot answer now. The token may be valid.
            InvalidSettings: the issuer's metadata name another issuer than the settings. The first token of
                that issuer shows it.
        """
        now = self.clock()
        # Take the caches before any key is looked up. If the keys change meanwhile, the result goes into
        # caches that are no longer used.
        caches = self._caches
        if caches.version != self._keys.version:
            caches = self._caches = Caches(self._keys.version, self._cache_size)
        try:
            known = caches.tokens.get(token) if self._cache_size else None
        except TypeError:  # The value is not hashable, so it is not a string.
            raise refuse_text(token, self.max_token_size) from None
        if known is not None:
            content, start, end, _ = known
            if start <= now < end:
                claims: T = content if self._shared else self._decode(content)
                return claims
            caches.forget(token)
        if self._keep_fresh is not None:
            caches = self._renew_caches(self._keep_fresh)
        return self._verify_new(token, caches, now)

    def _verify_new(self, token: str, caches: Caches, now: float) -> T:
        """Verify a token that is not in the cache, in the order of RFC 7519 §7.2."""
        # Steps 1 to 6 of RFC 7519 §7.2: parse the token and find the key that its header names.
        header, header64, signed, signature, payload, outer = self._parser.parse(token, caches)
        # Step 7: check the signature (RFC 7515 §5.2 step 8). This is the Key's ``verify``.
        header.check_signature(signed, signature)
        # Steps 8 to 10: read the claims, then judge them (RFC 7519 §4.1).
        claims = decode_object(payload)
        failures = header.failures
        if outer is not None:
            failures = [*failures, *nesting.find_contradictions(outer, claims)]
        if failures or not self._passes_quick_check(claims, now):
            self._check_claims(claims, failures, now, header, payload)
        result: T = claims if self._decode is decode_dict else convert(payload, self._decode)  # type: ignore[assignment]  # T is dict
        # Only verified tokens fill the caches: an attacker cannot evict what is in them.
        if header64 not in caches.headers:
            caches.keep_header(header64, header)
        if self._cache_size:
            shared = result if self._shared else None
            caches.keep(token, payload, find_validity_period(claims, self._policy), shared=shared)
        return result

    def _check_claims(
        self,
        claims: dict[str, Any],
        failures: list[InvalidClaims],
        now: float,
        header: CachedHeader,
        payload: bytes,
    ) -> None:
        """Return if the policy and the rule accept the claims, and nothing failed before.

        Raises:
            InvalidClaims: the first failure. Its ``failures`` holds all failures.
        """
        failures = [*failures, *find_failures(claims, self._policy, now)]
        if self._rule is not None:
            failures += self._rule(claims, header.members, now)
        if not failures:
            return
        try:
            convert(payload, self._decode)
        except MalformedClaim as misfit:
            failures.append(misfit.with_traceback(None))  # The traceback would keep parts of the token alive.
        failures[0].failures = tuple(failures)
        raise failures[0]

    def _renew_caches(self, keep_fresh: Callable[[], None]) -> Caches:
        """Let the key source refresh itself, and return the caches of its current version."""
        keep_fresh()
        caches = self._caches
        if caches.version != self._keys.version:
            caches = self._caches = Caches(self._keys.version, self._cache_size)
        return caches

    async def verify_async(self, token: str) -> T:
        """Verify a token as :meth:`verify` does, on an event loop.

        Suspends only if keys must be fetched. A thread fetches them.
        """
        caches = self._caches
        is_cached = isinstance(token, str) and caches.version == self._keys.version and token in caches.tokens
        if is_cached or self._parser.is_ready(token):
            return self.verify(token)
        from asyncio import to_thread  # noqa: PLC0415 - asyncio is large, and loaded already where this runs

        return await to_thread(self.verify, token)

    def verify_many(
        self, tokens: Iterable[str], *, processes: int | None = None
    ) -> Generator[T | InvalidToken, None, None]:
        """Verify many tokens in threads. Yield for each its claims or its error, lazily and in order.

        Reads at most a few thousand tokens ahead, so memory does not grow with their number. Closing the
        generator early ends its threads.

        Args:
            tokens: any number of tokens. An error of the iterable itself comes after the results before it.
            processes: deprecated and ignored.

        Raises:
            InvalidSettings: ``tokens`` is not an iterable of tokens.
            KeysUnavailable: as in :meth:`verify`.
        """
        if processes is not None:
            warnings.warn(
                "verify_many(processes=) is deprecated and ignored: threads verify the tokens",
                DeprecationWarning,
                stacklevel=2,
            )
        return verify_in_threads(self.verify, tokens)

    @classmethod
    def without_signature(
        cls,
        *,
        decrypt_with: Key | KeySet,
        claims: type[T] | Reader[T] = dict,  # type: ignore[assignment]  # the default of T
        **expected: Unpack[EncryptedExpectations],
    ) -> Verifier[T]:
        """Make a Verifier of claims that are encrypted but not signed, such as NextAuth's cookies.

        Each holder of the secret can issue such tokens, as with HS256. Signed tokens are refused, also inside
        an encrypted token.

        Args:
            decrypt_with: the secret, for ``dir`` or AES key wrap, or several. A public key proves nothing.
            claims: the type to return, as in a Verifier.
            expected: further expectations, as in a Verifier. ``typ`` is the ``typ`` of the only header.

        Raises:
            InvalidSettings: an argument has the wrong form, or a key is not a shared secret.
        """
        check_shared_secrets(decrypt_with)
        verifier = Verifier(decrypt_with, claims=claims, **expected)
        verifier._parser = EncryptedParser.from_parser(verifier._parser)
        return verifier

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        audience: str | Collection[str] | None,
        claims: type[T] | Reader[T] = dict,  # type: ignore[assignment]  # the default of T
        fetch: FetchPolicy | None = None,
        **expected: Unpack[IssuerExpectations],
    ) -> Verifier[T]:
        """Make a Verifier of an identity provider's tokens, with the keys that its metadata name.

        Fetches nothing before the first verification, see :class:`~watchword.IssuerKeySet`.

        Args:
            issuer: the exact ``iss`` of the tokens. The metadata are at a URL below it.
            audience: the ``aud`` that names this application, or several. ``None`` is for a provider whose
                tokens have no ``aud``, such as Amazon Cognito. Check another claim with ``rule`` then.
            claims: the type to return, as in a Verifier.
            fetch: how to fetch.
            expected: further expectations, as in a Verifier.

        Raises:
            InvalidSettings: an argument has the wrong form.
            MissingExtra: ``remote`` is not installed.
        """
        from watchword.providers import IssuerKeySet  # noqa: PLC0415 - needs the extra

        keys = IssuerKeySet(issuer, fetch=fetch)
        return cls(keys, issuer=issuer, audience=audience, claims=claims, **expected)

    @property
    def issuers(self) -> frozenset[str] | None:
        """The accepted ``iss``. ``None`` accepts any."""
        return self._policy.issuers

    @property
    def audiences(self) -> frozenset[str]:
        """The accepted ``aud``. Empty if only tokens without ``aud`` are accepted."""
        return self._policy.audiences

    @property
    def max_token_size(self) -> int:
        """The longest accepted token, in characters."""
        return self._parser.max_token_size

    def __repr__(self) -> str:
        issuers = None if self.issuers is None else sorted(self.issuers)
        keys, typ = self._shown
        names = f"issuer={issuers!r}, audience={sorted(self._policy.audiences)!r}"
        return f"{type(self).__name__}({keys}, {names}, {typ})"
