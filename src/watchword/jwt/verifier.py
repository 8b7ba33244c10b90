"""Verifier: a token becomes claims, or an error (RFC 7519 §7.2). The hot path."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

from watchword.durations import Duration
from watchword.errors import InvalidClaims, InvalidToken, MalformedClaim
from watchword.jose import jws
from watchword.jose.base64url import decode_bytes
from watchword.jose.compact_serialization import MAX_TOKEN, refuse_segments, refuse_text
from watchword.jose.header import check_critical, decode_header
from watchword.jose.jwk import Key
from watchword.jose.key_selection import find_candidates, to_key_source
from watchword.jose.key_set import KeySet
from watchword.jose.ports import KeySource, RefreshedSource
from watchword.jose.strict_json import decode_object
from watchword.jwt import batch, nesting
from watchword.jwt.caches import Caches, Header, ReadToken
from watchword.jwt.claims import Policy, failures, never, shortcut, window
from watchword.jwt.expectations import (
    EncryptedExpectations,
    Expectations,
    IssuerExpectations,
    Rule,
    TypeNames,
    TypePolicy,
    check_callable,
    check_size,
)
from watchword.jwt.readers import Reader, decode_dict, reader
from watchword.jwt.readiness import is_ready

if TYPE_CHECKING:
    from watchword.providers.fetching import FetchPolicy

__all__ = ["Rule", "Verifier"]

T = TypeVar("T")

_DOT = 0x2E  # looked for as a number: several times as fast as b"."


class Verifier(Generic[T]):
    """Verifies signed tokens and returns their claims: a dict, or the type asked for.

    Safe to use from many threads. Does no I/O unless its key source does.

    Args:
        keys: whom to trust: a Key (the token's ``kid`` is not looked at), a KeySet, or any KeySource.
        issuer: the acceptable ``iss``, or several; ``None`` accepts any and none.
        audience: the ``aud`` that we are, or several; ``None`` accepts only tokens without ``aud``.
        subject: the acceptable ``sub``; ``None`` accepts any and none.
        sub_type: the type of ``sub``. With ``int`` it must be there and be an integer, for issuers that do
            not keep to RFC 7519 §4.1.2; ``subject`` is then an integer, too.
        typ: the ``typ`` that the header must have, or several: ``["at+jwt", "JWT"]``. ``None`` among several
            is a token without ``typ``. ``None`` alone accepts ``JWT`` and none, no other kind.
        claims: the type to return: a Struct (see :class:`~watchword.Claims`), dataclass, TypedDict or attrs
            class, or a model or dataclass of pydantic's, which is validated in its strict mode. Or a Reader.
        require: claims that must be there and not null, besides ``exp``.
        allow_no_exp: accept tokens that never expire.
        leeway: allowed clock difference, in seconds or as a timedelta.
        max_age: oldest acceptable ``iat``, in seconds back or as a timedelta.
        critical: header extensions that the application itself understands and handles (``crit``).
        rule: what else is expected, reported together with the rest. Not asked again about a token that is
            remembered, so it should only count on time as something that runs out later than ``exp``.
        decrypt_with: the keys to decrypt with; then only tokens that are encrypted around the signed one are
            accepted (RFC 7519 §5.2).
        max_token_size: longest token that is looked at, in characters; 1 MiB at most.
        cache_size: how many verified tokens to remember; 0 for none.
        clock: what time it is, in seconds since the epoch.

    Attributes:
        clock: as given.
        issuers: the acceptable ``iss``; ``None`` for any and none.
        max_token_size: as given, within its bound.

    Raises:
        InvalidSettings: an argument is of the wrong form.
    """

    @overload
    def __init__(
        self: Verifier[dict[str, Any]],
        keys: Key | KeySource,
        **expected: Unpack[Expectations],
    ) -> None: ...

    @overload
    def __init__(
        self,
        keys: Key | KeySource,
        *,
        claims: type[T] | Reader[T],
        **expected: Unpack[Expectations],
    ) -> None: ...

    def __init__(
        self,
        keys: Key | KeySource,
        *,
        issuer: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        subject: str | int | None = None,
        sub_type: type[str | int] = str,
        typ: TypeNames = None,
        claims: type[Any] | Reader[Any] = dict,
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
        # All but the clock: what it takes to make another one in another process.
        self._given = {name: value for name, value in locals().items() if name not in {"self", "clock"}}
        check_size("max_token_size", max_token_size)
        check_size("cache_size", cache_size)
        self._keys = to_key_source(keys)
        self._keep_fresh = self._keys.keep_fresh if isinstance(self._keys, RefreshedSource) else None
        self._decrypting = None if decrypt_with is None else to_key_source(decrypt_with, "decrypt_with")
        if self._decrypting is not None:
            self._keys = nesting.DecryptingSource(self._keys, self._decrypting)
        self._policy = Policy(
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
        self._is_plainly_good = shortcut(self._policy) if rule is None else never
        self._types = TypePolicy(typ)
        self._critical = check_critical(critical)
        self._decode, self._shared = reader(claims)
        self._max_token_size = min(max_token_size, MAX_TOKEN)
        self._cache_size = cache_size
        self.clock = clock
        self._caches = Caches(self._keys.version, cache_size)

    @overload
    @classmethod
    def without_signature(
        cls, *, decrypt_with: Key | KeySet, **expected: Unpack[EncryptedExpectations]
    ) -> Verifier[dict[str, Any]]: ...

    @overload
    @classmethod
    def without_signature(
        cls,
        *,
        decrypt_with: Key | KeySet,
        claims: type[T] | Reader[T],
        **expected: Unpack[EncryptedExpectations],
    ) -> Verifier[T]: ...

    @classmethod
    def without_signature(
        cls,
        *,
        decrypt_with: Key | KeySet,
        claims: type[Any] | Reader[Any] = dict,
        **expected: Unpack[EncryptedExpectations],
    ) -> Verifier[Any]:
        """Make a Verifier of claims that are only encrypted, not signed, such as NextAuth's cookies.

        It trusts every holder of the secret, as with HS256. Signed tokens are refused, inside too.

        Args:
            decrypt_with: the secret, for ``dir`` or AES key wrap, or several. A public key proves nothing.
            claims: the type to return, as in a Verifier.
            expected: what else is expected, as in a Verifier. ``typ`` is that of the only header.

        Raises:
            InvalidSettings: an argument is of the wrong form, or a key is not a shared secret.
        """
        from watchword.jwt.encrypted_claims import EncryptedClaimsVerifier  # noqa: PLC0415 - it is a Verifier

        return EncryptedClaimsVerifier(decrypt_with, claims=claims, **expected)

    @overload
    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        audience: str | Collection[str] | None,
        fetch: FetchPolicy | None = None,
        **expected: Unpack[IssuerExpectations],
    ) -> Verifier[dict[str, Any]]: ...

    @overload
    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        audience: str | Collection[str] | None,
        claims: type[T],
        fetch: FetchPolicy | None = None,
        **expected: Unpack[IssuerExpectations],
    ) -> Verifier[T]: ...

    @classmethod
    def from_issuer(
        cls,
        issuer: str,
        *,
        audience: str | Collection[str] | None,
        claims: type[Any] = dict,
        fetch: FetchPolicy | None = None,
        **expected: Unpack[IssuerExpectations],
    ) -> Verifier[Any]:
        """A Verifier of an identity provider's tokens, with the keys that its metadata name.

        Nothing is fetched before the first verification, see :class:`~watchword.IssuerKeySet`.

        Args:
            issuer: the ``iss`` of the tokens, to the letter; below it are the metadata.
            audience: the ``aud`` that we are, or several; ``None`` is for a provider whose tokens have none,
                such as Amazon Cognito. Then give a ``rule`` that sees to what they have instead.
            claims: the type to return, as in a Verifier.
            fetch: how to fetch.
            expected: what else is expected, as in a Verifier.

        Raises:
            InvalidSettings: an argument is of the wrong form.
            MissingExtra: ``remote`` is not installed.
        """
        from watchword.providers.remote import IssuerKeySet  # noqa: PLC0415 - needs the extra

        keys = IssuerKeySet(issuer, fetch=fetch)
        return cls(keys, issuer=issuer, audience=audience, claims=claims, **expected)

    def __repr__(self) -> str:
        issuers = None if self.issuers is None else sorted(self.issuers)
        keys, typ = type(self._given["keys"]).__name__, self._given["typ"]
        names = f"issuer={issuers!r}, audience={sorted(self._policy.audiences)!r}"
        return f"{type(self).__name__}(keys={keys}, {names}, typ={typ!r})"

    @property
    def issuers(self) -> frozenset[str] | None:
        """The acceptable ``iss``; ``None`` for any and none."""
        return self._policy.issuers

    @property
    def max_token_size(self) -> int:
        """The longest token that is looked at, in characters."""
        return self._max_token_size

    def verify(self, token: str) -> T:
        """The claims of a token that is good here and now.

        A dict, like everything that can change, is the caller's own; frozen types may be shared by callers.

        Raises:
            MalformedToken: it is not a compact JWS with a JSON object in it; or it is one, where only
                encrypted tokens are accepted.
            UnknownKey: no key fits its ``kid`` and ``alg``.
            DecryptionFailed: it cannot be opened; why is not told.
            BadSignature: the signature is not from any key that fits.
            InvalidClaims: a claim or the ``typ`` is not acceptable; its subclass says which, ``failures`` has
                all of them.
            KeysUnavailable: the key source has no answer now; says nothing of the token.
            InvalidSettings: the issuer has another name than the settings say, which its first token shows.
        """
        now = self.clock()
        # Taken before any key is looked up: if the keys change meanwhile, the result lands in a cache that
        # is not used any more.
        caches = self._caches
        if caches.version != self._keys.version:
            caches = self._caches = Caches(self._keys.version, self._cache_size)
        try:
            known = caches.tokens.get(token) if self._cache_size else None
        except TypeError:  # it is not even something that could be looked up
            raise refuse_text(token, self._max_token_size) from None
        if known is not None:
            content, opens, closes, _ = known
            if opens <= now < closes:
                claims: T = content if self._shared else self._decode(content)
                return claims
            caches.forget(token)
        if self._keep_fresh is not None:
            caches = self._fresh_caches()
        return self._accepted(_authenticated(self._read(token, caches)), caches, now)

    async def verify_async(self, token: str) -> T:
        """As :meth:`verify`; suspends only where keys have to be fetched, which a thread does meanwhile."""
        caches = self._caches
        if (
            not isinstance(token, str)
            or len(token) > self._max_token_size
            or (caches.version == self._keys.version and token in caches.tokens)
            or is_ready(token, self._keys, self._decrypting, self._critical)
        ):
            return self.verify(token)
        from asyncio import to_thread  # noqa: PLC0415 - it is there already where this runs, and large

        return await to_thread(self.verify, token)

    def verify_many(
        self, tokens: Iterable[str], *, processes: int | None = None
    ) -> Generator[T | InvalidToken, None, None]:
        """Of each token the claims, or the error that :meth:`verify` would raise; lazily, in their order.

        Memory does not grow with their number: they are read ahead by a few thousand at most, or a thousand
        or so for each process. Closing the generator early ends the threads and processes that it started.

        Args:
            tokens: any number of them. An error of the iterable's own comes after the results before it.
            processes: how many to share a large batch among, instead of threads. They take some tenths of a
                second to start; keys must be a Key or a KeySet, claims and rule importable by name, and the
                program's own start stand below ``if __name__ == "__main__":``.

        Raises:
            InvalidSettings: the verifier cannot be handed over to processes, or they do not start.
            Unavailable: nothing can be said of the tokens: a process was ended, or as in :meth:`verify`.
        """
        if processes is None:
            return batch.in_threads(self._verify_each, tokens)
        return batch.in_processes(
            partial(self._made_to_verify_each, self._given), self.clock, tokens, processes
        )

    def _verify_each(self, tokens: list[str]) -> batch.Verdicts[T]:
        """As :meth:`verify` for each token, one step for all of them before the next.

        A thread lets go of the interpreter's lock while it checks a signature, and loses time where another
        one has the lock when it is done. So the steps that need the lock are taken in one stretch.
        """
        now = self.clock()
        caches = self._fresh_caches()
        read = batch.each(lambda token: self._read(token, caches), tokens)
        authenticated = batch.each(_authenticated, read)
        return batch.each(lambda token: self._accepted(token, caches, now), authenticated)

    def _fresh_caches(self) -> Caches:
        if self._keep_fresh is not None:
            self._keep_fresh()
        caches = self._caches
        if caches.version != self._keys.version:
            caches = self._caches = Caches(self._keys.version, self._cache_size)
        return caches

    @classmethod
    def _made_to_verify_each(
        cls, given: Mapping[str, Any], clock: Callable[[], float]
    ) -> Callable[[list[str]], batch.Verdicts[T]]:
        """What a process of a batch verifies with: the :meth:`_verify_each` of a verifier of its own."""
        verifier = cls(**given, clock=clock)
        return verifier._verify_each

    def _read(self, token: str, caches: Caches) -> ReadToken:
        """What the token's segments come to, before anything is known of who made them."""
        if not isinstance(token, str) or len(token) > self._max_token_size:
            raise refuse_text(token, self._max_token_size)
        outside = None
        if self._decrypting is None:
            try:
                encoded = token.encode("ascii")
            except UnicodeEncodeError:
                raise refuse_text(token, self._max_token_size) from None
        else:
            encoded, outside = nesting.decrypted(token, self._decrypting)
        signed, _, signature64 = encoded.rpartition(b".")
        # As split_token, but what is signed need not be joined again: 4 % of the whole.
        header64, dot, payload64 = signed.partition(b".")
        if not dot or _DOT in payload64:
            raise refuse_segments(encoded, 3)
        header = caches.headers.get(header64) or self._header(header64)
        return header, signed, decode_bytes(signature64), header64, decode_bytes(payload64), token, outside

    def _accepted(self, read: ReadToken, caches: Caches, now: float) -> T:
        """The claims of a token whose signature is good, if they are acceptable."""
        header, _, _, header64, payload, token, outside = read
        claims = decode_object(payload)
        misfits = header.misfits
        if outside is not None:
            misfits = [*misfits, *nesting.contradictions(outside, claims)]
        if misfits or not self._is_plainly_good(claims, now):
            self._judge(claims, misfits, now, header.members, payload)
        result: T = claims if self._decode is decode_dict else self._typed(payload)  # type: ignore[assignment]  # T is dict
        if header64 not in caches.headers:
            caches.keep_header(header64, header)
        if self._cache_size:
            shared = result if self._shared else None
            caches.keep(token, payload, window(claims, self._policy), shared=shared)
        return result

    def _header(self, header64: bytes) -> Header:
        """What a header that has not been seen on a good token comes to."""
        header = decode_header(header64, self._critical)
        candidates = find_candidates(self._keys, header, "verify")
        authenticate = (
            candidates[0].verify if len(candidates) == 1 else partial(jws.verify_with_any, candidates)
        )
        return Header(authenticate, self._types.find_misfits(header), header)

    def _judge(
        self,
        claims: dict[str, Any],
        misfits: list[InvalidClaims],
        now: float,
        header: Mapping[str, Any],
        payload: bytes,
    ) -> None:
        """Return if the claims are acceptable and nothing is wrong with the header.

        Raises:
            InvalidClaims: the first failure, which knows of the others.
        """
        failed = [*misfits, *failures(claims, self._policy, now)]
        if self._rule is not None:
            failed += self._rule(claims, header, now)
        if not failed:
            return
        try:
            self._typed(payload)
        except MalformedClaim as misfit:
            failed.append(misfit.with_traceback(None))  # it would hold on to what was read of the token
        failed[0].failures = tuple(failed)
        raise failed[0]

    def _typed(self, payload: bytes) -> T:
        """The claims in the type that was asked for."""
        try:
            typed: T = self._decode(payload)
        except ValueError:
            pass  # and forgotten, before ours is raised: it could repeat what the claim holds
        else:
            return typed
        raise MalformedClaim("the claims do not have the form that is expected of them")


def _authenticated(read: ReadToken) -> ReadToken:
    """The same token, if its signature is good."""
    header, signed, signature, _, _, _, _ = read
    header.authenticate(signed, signature)
    return read
