"""Keys and sets of keys (RFC 7517, RFC 7638), and the ports for keys that come from, or stay, elsewhere.

A key has exactly one algorithm. A token names it, and never chooses.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Never, Protocol, runtime_checkable

import msgspec

from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import base64url, strict_json
from watchword.jose.algorithms import ALGORITHMS, Algorithm, Operation, Sign, Verify
from watchword.jose.material import (
    Material,
    Private,
    check_strength,
    from_members,
    from_pem,
    generate,
    kind_of,
    members,
    public_half,
    to_pem,
)

__all__ = ["Key", "KeySet", "KeySource", "Signer", "SigningSource", "SkippedKey", "key_source"]


class Signer(Protocol):
    """What signs: a :class:`Key`, or a key that never leaves its KMS or HSM."""

    @property
    def alg(self) -> str:
        """The ``alg`` of the tokens."""
        ...

    @property
    def kid(self) -> str:
        """The ``kid`` of the tokens."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """The signature of ``data``, as RFC 7518 §3 has it (ECDSA: r and s, not DER)."""
        ...


@runtime_checkable
class SigningSource(Protocol):
    """Where a signing key that changes comes from: a keyring."""

    def signing_key(self) -> Signer:
        """What to sign with now."""
        ...


class KeySource(Protocol):
    """Where verification keys come from: a key set, a keyring, a JWKS URL."""

    @property
    def version(self) -> object:
        """Another value, never seen before, whenever an answer of ``find`` could be another."""
        ...

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm; of that algorithm, where a token gives no id."""
        ...

    def ready(self, kid: str | None, alg: str) -> bool:
        """Whether ``find`` can answer without I/O."""
        ...


class Key:
    """A key that is bound to one algorithm, never changes, and never shows itself.

    Made by :meth:`generate`, :meth:`from_secret`, :meth:`from_pem` and :meth:`from_jwk`, not directly.

    Attributes:
        algorithm: the row of the table of algorithms that it is bound to.
        material: the secret's bytes or cryptography's key object: the key itself, not for showing.
        kid: its id. By default the RFC 7638 thumbprint; random for a secret, whose thumbprint is not for
            publishing (RFC 7638 §7).
        use: the JWK's ``use``, if it says.
        key_ops: the JWK's ``key_ops``, if it says.
        verify: takes data and a signature, and returns if the signature is this key's over the data. Raises
            BadSignature if it is not, InvalidKey if this key is not meant for verifying.
    """

    __slots__ = ("_sign", "algorithm", "key_ops", "kid", "material", "use", "verify")

    algorithm: Algorithm
    material: Material
    kid: str
    use: str | None
    key_ops: tuple[str, ...] | None
    _sign: Sign | None
    verify: Verify  # the algorithm's own function: a method around it would be 2 % of verifying a token

    def __init__(
        self,
        algorithm: Algorithm,
        material: Material,
        *,
        kid: str | None = None,
        use: str | None = None,
        key_ops: tuple[str, ...] | None = None,
    ) -> None:
        check_strength(material, algorithm)
        put = object.__setattr__
        put(self, "algorithm", algorithm)
        put(self, "material", material)
        put(self, "kid", _default_kid(material) if kid is None else kid)
        put(self, "use", use)
        put(self, "key_ops", key_ops)
        scheme = algorithm.scheme
        put(self, "_sign", scheme.signer(material) if scheme and self.allows("sign") else None)
        verifying = material if isinstance(material, bytes) else public_half(material)
        put(self, "verify", scheme.verifier(verifying) if scheme and self.allows("verify") else _refuse)

    @classmethod
    def generate(cls, alg: str) -> Key:
        """A new random key: ``Key.generate("EdDSA")`` (Ed25519), ``"ES256"``, ``"HS256"``, ...

        Raises:
            InvalidKey: there is no such algorithm.
        """
        for algorithm in ALGORITHMS:
            if algorithm.name == alg:
                return cls(algorithm, generate(algorithm))
        raise InvalidKey("there is no such algorithm here")

    @classmethod
    def from_secret(cls, secret: str | bytes, alg: str, *, kid: str | None = None) -> Key:
        """A symmetric key; text counts as UTF-8.

        Raises:
            WeakKey: it is shorter than the algorithm's hash (RFC 7518 §3.2).
            InvalidKey: it is the text of a public key, or the algorithm takes no secret.
        """
        material = _encoded(secret)
        return cls(_fitting(alg, material), material, kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        """The private or public key of a PEM text (PKCS#8, PKCS#1, SEC 1, SubjectPublicKeyInfo).

        Args:
            pem: the text.
            alg: its algorithm; needed for RSA only, where several fit.
            password: what an encrypted private key is encrypted with.
            kid: its id, if not the thumbprint.

        Raises:
            InvalidKey: it cannot be read, or the algorithm does not fit it.
            WeakKey: RSA under 2,048 bits or with a small exponent.
        """
        material = from_pem(_encoded(pem), None if password is None else _encoded(password))
        return cls(_fitting(alg, material), material, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any] | str | bytes, alg: str | None = None) -> Key:
        """The key of a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).

        Args:
            jwk: a mapping, or its JSON.
            alg: its algorithm, where neither the JWK nor its curve says.

        Raises:
            InvalidKey: a member is missing, malformed or contradicts another.
            WeakKey: the key is too small for the algorithm.
        """
        jwk = _members(jwk)
        kid, use, stated = (_optional_text(jwk, name) for name in ("kid", "use", "alg"))
        key_ops = _operations(jwk)
        material = from_members(jwk)
        algorithm = _fitting(alg or stated, material)
        if stated not in (None, algorithm.name, algorithm.synonym):
            raise InvalidKey("the JWK's alg is not the algorithm asked for")
        return cls(algorithm, material, kid=kid, use=use, key_ops=key_ops)

    @property
    def alg(self) -> str:
        """The algorithm's name, as tokens made with this key give it."""
        return self.algorithm.name

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint with SHA-256. Of a secret it is not for publishing (§7)."""
        return _thumbprint(self.material)

    @property
    def is_private(self) -> bool:
        """Whether it holds what only its owner may know: a private key or a secret."""
        return isinstance(self.material, bytes | Private)

    def answers_to(self, alg: str) -> bool:
        """Whether a token's ``alg`` names this key's algorithm, by either of its names (RFC 9864)."""
        return alg in (self.algorithm.name, self.algorithm.synonym)

    def allows(self, operation: Operation) -> bool:
        """Whether algorithm, ``use``, ``key_ops`` and the half at hand allow it (RFC 7517 §4.2, §4.3)."""
        private, public = self.algorithm.operations
        return (
            operation in (private, public)
            and (operation == public or self.is_private)
            and self.use in (None, "sig" if self.algorithm.scheme else "enc")
            and (self.key_ops is None or operation in self.key_ops)
        )

    def sign(self, data: bytes) -> bytes:
        """The signature of some bytes.

        Raises:
            InvalidKey: this is a public key, or one not meant for signing.
        """
        if self._sign is None:
            raise InvalidKey("this key does not sign")
        return self._sign(data)

    def public(self) -> Key:
        """The public half.

        Raises:
            InvalidKey: a secret has none.
        """
        if isinstance(self.material, bytes):
            raise InvalidKey("a secret has no public half")
        private, public = self.algorithm.operations
        key_ops = self.key_ops and tuple(public if name == private else name for name in self.key_ops)
        return Key(
            self.algorithm, public_half(self.material), kid=self.kid, use=self.use, key_ops=key_ops or None
        )

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """The key as a JWK: the public half, unless ``private=True``.

        Raises:
            InvalidKey: the public half of a secret, or the private half of a public key was asked for.
        """
        self._check_half(private=private)
        key = self if private else self.public()
        described = {"kid": key.kid, "alg": key.alg, "use": key.use, "key_ops": key.key_ops}
        return {
            **members(key.material, private=private),
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in described.items()
                if value is not None
            },
        }

    def to_pem(self, *, private: bool = False) -> str:
        """The key as PEM: SubjectPublicKeyInfo of the public half, or with ``private=True`` plain PKCS#8.

        Raises:
            InvalidKey: a secret has no PEM; the private half of a public key was asked for.
        """
        self._check_half(private=private)
        if isinstance(self.material, bytes):
            raise InvalidKey("a secret has no PEM")
        return to_pem(self.material if private else public_half(self.material))

    def _check_half(self, *, private: bool) -> None:
        if private and not self.is_private:
            raise InvalidKey("this is a public key, its private half is not here")

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a Key never changes")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a Key never changes")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise InvalidKey("a Key is not pickled or copied; to_jwk(private=True) writes it, on purpose")

    def __repr__(self) -> str:
        half = "private" if self.is_private else "public"
        return f"<Key {self.alg} kid={self.kid!r} {half}>"


class SkippedKey(msgspec.Struct, frozen=True):
    """A key of a JWKS that could not be used.

    Attributes:
        index: its place in ``keys``, from 0.
        kid: its id, if it has one.
        reason: why.
    """

    index: int
    kid: str | None
    reason: str


class KeySet:
    """Keys that never change; a KeySource that finds a given ``kid`` exactly.

    Attributes:
        version: an object of this set's own: its answers never change, those of another set may differ.
        skipped: what :meth:`from_jwks` could not read, and why.
    """

    def __init__(self, keys: Iterable[Key], *, skipped: Sequence[SkippedKey] = ()) -> None:
        self._keys = tuple(keys)
        self.version = object()
        self._by_kid: dict[str, list[Key]] = {}
        for key in self._keys:
            self._by_kid.setdefault(key.kid, []).append(key)
        self.skipped = tuple(skipped)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any] | str | bytes) -> KeySet:
        """The keys of a JWK set that are usable here (RFC 7517 §5); ``skipped`` tells of the others.

        Raises:
            InvalidKey: it is no JWK set at all.
        """
        entries = _members(jwks).get("keys")
        if not isinstance(entries, list | tuple):
            raise InvalidKey("a JWK set is an object with an array named keys")
        keys, skipped = [], []
        for index, entry in enumerate(entries):
            try:
                keys.append(Key.from_jwk(entry))
            except InvalidKey as error:
                kid = entry.get("kid") if isinstance(entry, Mapping) else None
                skipped.append(SkippedKey(index, kid if isinstance(kid, str) else None, str(error)))
        return cls(keys, skipped=skipped)

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:
        """The keys of that id and algorithm; all of that algorithm, where ``kid`` is ``None``."""
        keys: Iterable[Key] = self._keys if kid is None else self._by_kid.get(kid, ())
        return [key for key in keys if key.answers_to(alg)]

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        """Always: the keys are here."""
        return True

    def to_jwks(self) -> dict[str, Any]:
        """The JWK set of the public keys; secrets are left out."""
        return {"keys": [key.to_jwk() for key in self._keys if not isinstance(key.material, bytes)]}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self._keys)!r})"


def key_source(keys: Key | KeySource) -> KeySource:
    """``keys`` as a KeySource; a key that comes alone serves whatever ``kid`` a token gives."""
    return _SoleKey(keys, version=keys) if isinstance(keys, Key) else keys


class _SoleKey(NamedTuple):
    key: Key
    version: object

    def find(self, kid: str | None, alg: str) -> Sequence[Key]:  # noqa: ARG002 - ignored, as key_source says
        return [self.key] if self.key.answers_to(alg) else []

    def ready(self, kid: str | None, alg: str) -> bool:  # noqa: ARG002 - the port has them for sources that fetch
        return True


def _refuse(_data: bytes, _signature: bytes) -> Never:
    raise InvalidKey("this key does not verify signatures")


def _fitting(alg: str | None, material: Material) -> Algorithm:
    """The row for a key: the one named, or the only one that fits."""
    kty, crv = kind_of(material)
    rows = [row for row in ALGORITHMS if (row.kty, row.crv) == (kty, crv) and alg in (None, row.name)]
    if not rows:
        raise InvalidKey("there is no such algorithm for that type of key")
    if any(rows[0].name not in (row.name, row.synonym) for row in rows):
        raise InvalidKey("several algorithms fit the key: alg is needed")
    return rows[0]


def _default_kid(material: Material) -> str:
    return base64url.encode(os.urandom(16)) if isinstance(material, bytes) else _thumbprint(material)


def _thumbprint(material: Material) -> str:
    # RFC 7638 §3.3: the required members only, in lexicographic order, without white space.
    canonical = msgspec.json.encode(members(material, private=False), order="sorted")
    return base64url.encode(hashlib.sha256(canonical).digest())


def _encoded(text: str | bytes) -> bytes:
    try:
        return text.encode() if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError:
        raise InvalidKey("the text is not Unicode") from None


def _members(jwk: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(jwk, Mapping):
        return jwk
    if not isinstance(jwk, str | bytes):
        raise InvalidKey("a JWK is a mapping or its JSON")
    try:
        return strict_json.decode_object(_encoded(jwk))
    except MalformedToken:
        raise InvalidKey("not the JSON of a key") from None


def _optional_text(jwk: Mapping[str, Any], name: str) -> str | None:
    value = jwk.get(name)
    if name in jwk and not isinstance(value, str):
        raise InvalidKey(f"the JWK's {name} is not a string")
    return value


def _operations(jwk: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "key_ops" not in jwk:
        return None
    names = jwk["key_ops"]
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidKey("the JWK's key_ops is not an array of strings")
    if len(set(names)) != len(names):  # RFC 7517 §4.3
        raise InvalidKey("the JWK's key_ops names an operation twice")
    return tuple(names)
