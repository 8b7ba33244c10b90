"""Keys (RFC 7517, RFC 7638).

A key has exactly one algorithm. A token names it, and never chooses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Never

from cryptography.hazmat.primitives.asymmetric import rsa

from watchword.errors import InvalidKey, MalformedToken
from watchword.jose import base64url, strict_json
from watchword.jose.algorithms import ALGORITHMS, Algorithm, Operation
from watchword.jose.jwk_members import from_members, members, thumbprint
from watchword.jose.material import Material, Private, generate, kind_of, public_half
from watchword.jose.pem import from_pem as decode_pem
from watchword.jose.pem import to_pem as encode_pem
from watchword.jose.signatures import Sign, Verify
from watchword.jose.strength import check_rsa, check_secret

__all__ = ["Key", "decode_members"]


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

    __slots__ = ("_allowed", "_sign", "algorithm", "key_ops", "kid", "material", "use", "verify")

    algorithm: Algorithm
    material: Material
    kid: str
    use: str | None
    key_ops: tuple[str, ...] | None
    _allowed: frozenset[Operation]
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
        _check_strength(algorithm, material)
        put = object.__setattr__
        put(self, "algorithm", algorithm)
        put(self, "material", material)
        put(self, "kid", _default_kid(material) if kid is None else kid)
        put(self, "use", use)
        put(self, "key_ops", key_ops)
        put(self, "_allowed", _allowed(algorithm, material, use, key_ops))
        scheme = algorithm.scheme
        put(self, "_sign", scheme.signer(material) if scheme and self.allows("sign") else None)
        verifying = material if isinstance(material, bytes) else public_half(material)
        put(self, "verify", scheme.verifier(verifying) if scheme and self.allows("verify") else _refuse)

    @classmethod
    def generate(cls, alg: str, *, crv: str | None = None) -> Key:
        """A new random key: ``Key.generate("EdDSA")`` (Ed25519), ``"ES256"``, ``"HS256"``, ...

        Args:
            alg: its algorithm.
            crv: its curve, where the algorithm has several: ``Key.generate("ECDH-ES", crv="X25519")``.

        Raises:
            InvalidKey: there is no such algorithm, or it has no such curve.
        """
        for row in ALGORITHMS:
            for kind in row.kinds:
                if row.name == alg and crv in (None, kind):
                    return cls(row, generate(kind, row.secret))
        raise InvalidKey("there is no such algorithm here, or no such curve of it")

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
        material = decode_pem(_encoded(pem), None if password is None else _encoded(password))
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
        jwk = decode_members(jwk)
        kid, use, stated = (_optional_text(jwk, name) for name in ("kid", "use", "alg"))
        key_ops = _operations(jwk)
        material = from_members(jwk)
        algorithm = _fitting(alg or stated, material, use)
        if stated is not None and stated not in algorithm.names:
            raise InvalidKey("the JWK's alg is not the algorithm asked for")
        return cls(algorithm, material, kid=kid, use=use, key_ops=key_ops)

    @property
    def alg(self) -> str:
        """The algorithm's name, as tokens made with this key give it."""
        return self.algorithm.name

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint with SHA-256. Of a secret it is not for publishing (§7)."""
        return thumbprint(self.material)

    @property
    def is_private(self) -> bool:
        """Whether it holds what only its owner may know: a private key or a secret."""
        return isinstance(self.material, bytes | Private)

    def answers_to(self, alg: str) -> bool:
        """Whether a token's ``alg`` names this key's algorithm, by either of its names (RFC 9864)."""
        return alg in self.algorithm.names

    def allows(self, operation: Operation) -> bool:
        """Whether algorithm, ``use``, ``key_ops`` and the half at hand allow it (RFC 7517 §4.2, §4.3)."""
        return operation in self._allowed

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
        renamed = dict(zip(*self.algorithm.key_ops, strict=True))
        key_ops = self.key_ops and tuple(renamed.get(name, name) for name in self.key_ops)
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
        return encode_pem(self.material if private else public_half(self.material))

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


def _refuse(_data: bytes, _signature: bytes) -> Never:
    raise InvalidKey("this key does not verify signatures")


def _check_strength(algorithm: Algorithm, material: Material) -> None:
    if isinstance(material, bytes):
        check_secret(material, algorithm.name, algorithm.secret, algorithm.lengths)
    elif isinstance(public := public_half(material), rsa.RSAPublicKey):
        check_rsa(public.public_numbers())


def _allowed(
    algorithm: Algorithm, material: Material, use: str | None, key_ops: tuple[str, ...] | None
) -> frozenset[Operation]:
    if use not in (None, "sig" if algorithm.scheme else "enc"):
        return frozenset()
    halves = zip(algorithm.operations, algorithm.key_ops, strict=True)
    (private, private_names), (public, public_names) = halves
    allowed: set[Operation] = set()
    if isinstance(material, bytes | Private) and _names_one(key_ops, private_names):
        allowed.add(private)
    if _names_one(key_ops, public_names):
        allowed.add(public)
    return frozenset(allowed)


def _names_one(key_ops: tuple[str, ...] | None, names: tuple[str, ...]) -> bool:
    return key_ops is None or not set(key_ops).isdisjoint(names)


def _fitting(alg: str | None, material: Material, use: str | None = None) -> Algorithm:
    """The row for a key: the one named, or the only one that signs with it."""
    rows = [row for row in ALGORITHMS if kind_of(material) in row.kinds]
    if alg is None:
        return _only([row for row in rows if row.scheme and use != "enc"])
    for row in rows:
        if row.name == alg:
            return row
    raise InvalidKey("there is no such algorithm for that type of key")


def _only(rows: Sequence[Algorithm]) -> Algorithm:
    if not rows or any(rows[0].name not in row.names for row in rows):
        raise InvalidKey("several algorithms fit the key: alg is needed")
    return rows[0]


def _default_kid(material: Material) -> str:
    return base64url.encode(os.urandom(16)) if isinstance(material, bytes) else thumbprint(material)


def _encoded(text: str | bytes) -> bytes:
    try:
        return text.encode() if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError:
        raise InvalidKey("the text is not Unicode") from None


def decode_members(jwk: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    """The members of a JWK or JWK set, read from its JSON if need be.

    Raises:
        InvalidKey: it is no JSON object in UTF-8, or names a member twice.
    """
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
