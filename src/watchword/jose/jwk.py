"""Keys (RFC 7517, RFC 7638, RFC 9278).

A key has exactly one algorithm. A token names it, and never chooses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Never

from watchword.errors import InvalidKey
from watchword.jose import asn1, base64url
from watchword.jose.algorithms import ALGORITHMS, Algorithm, Operation, fitting
from watchword.jose.certificates import certificate_members
from watchword.jose.jwk_description import decode_object, describe
from watchword.jose.jwk_members import from_members, members, thumbprint
from watchword.jose.material import Material, Private, Public, generate, kind_of, public_half
from watchword.jose.signatures import Sign, Verify
from watchword.jose.strength import check_public, check_secret

__all__ = ["MAX_JWK", "Key"]

MAX_JWK = 65_536
"""Longest JSON of a key, in bytes, its certificates included."""


class Key:
    """A key that is bound to one algorithm, never changes, and never shows itself.

    Made by :meth:`generate`, :meth:`from_secret`, :meth:`from_pem`, :meth:`from_der` and :meth:`from_jwk`,
    not directly.

    Attributes:
        algorithm: the row of the table of algorithms that it is bound to.
        material: the secret's bytes or cryptography's key object: the key itself, not for showing.
        kid: its id. By default the RFC 7638 thumbprint; random for a secret, whose thumbprint is not for
            publishing (RFC 7638 §7).
        use: the JWK's ``use``, if it says.
        key_ops: the JWK's ``key_ops``, if it says.
        is_private: whether it holds what only its owner may know: a private key or a secret.
        verify: takes data and a signature, and returns if the signature is this key's over the data. Raises
            BadSignature if it is not, InvalidKey if this key is not meant for verifying.
    """

    __slots__ = (
        "_allowed",
        "_certificates",
        "_names",
        "_sign",
        "algorithm",
        "is_private",
        "key_ops",
        "kid",
        "material",
        "use",
        "verify",
    )

    algorithm: Algorithm
    material: Material
    kid: str
    use: str | None
    key_ops: tuple[str, ...] | None
    is_private: bool
    _allowed: frozenset[Operation]
    _certificates: Mapping[str, object]
    _names: tuple[str, ...]
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
        certificates: Mapping[str, object] | None = None,
    ) -> None:
        _check_material(algorithm, material)
        private = isinstance(material, bytes | Private)
        allowed = algorithm.allowed(private=private, use=use, key_ops=key_ops)
        scheme = algorithm.scheme
        verifying = material if isinstance(material, bytes) else public_half(material)
        put = object.__setattr__
        put(self, "algorithm", algorithm)
        put(self, "material", material)
        put(self, "kid", _default_kid(material) if kid is None else _checked_kid(kid))
        put(self, "use", use)
        put(self, "key_ops", key_ops)
        put(self, "is_private", private)
        put(self, "_allowed", allowed)
        put(self, "_certificates", certificates or {})
        put(self, "_names", algorithm.names)
        put(self, "_sign", scheme.signer(material) if scheme and "sign" in allowed else None)
        put(self, "verify", scheme.verifier(verifying) if scheme and "verify" in allowed else _refuse)

    @classmethod
    def generate(cls, alg: str, *, crv: str | None = None) -> Key:
        """A new random key: ``Key.generate("EdDSA")`` (Ed25519), ``"ES256"``, ``"HS256"``, ...

        Args:
            alg: its algorithm.
            crv: its curve, where the algorithm has several: ``Key.generate("ECDH-ES", crv="X25519")``.

        Raises:
            InvalidKey: there is no such algorithm, it has no such curve, or the curve is not supported here.
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
            InvalidKey: it is the text of a public key, or the algorithm takes no such secret.
        """
        return cls(fitting(alg, "oct"), _encoded(secret), kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        """The private or public key of a PEM text (PKCS#8, PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509).

        Of a certificate only the public key is taken; its validity, and who signed it, is not looked at.

        Args:
            pem: the text.
            alg: its algorithm; needed where several fit.
            password: what an encrypted private key is encrypted with.
            kid: its id, if not the thumbprint.

        Raises:
            InvalidKey: it cannot be read, or the algorithm does not fit it.
            WeakKey: RSA under 2,048 bits or with a small exponent.
        """
        material = asn1.from_pem(_encoded(pem), _password(password))
        return cls(fitting(alg, kind_of(material)), material, kid=kid)

    @classmethod
    def from_der(
        cls,
        der: bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        """As :meth:`from_pem`, of the bytes that PEM has as text.

        Raises:
            InvalidKey: it cannot be read, or the algorithm does not fit it.
            WeakKey: RSA under 2,048 bits or with a small exponent.
        """
        material = asn1.from_der(_encoded(der), _password(password))
        return cls(fitting(alg, kind_of(material)), material, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any] | str | bytes, alg: str | None = None) -> Key:
        """The key of a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964).

        Args:
            jwk: a mapping, or its JSON.
            alg: its algorithm, where neither the JWK nor its curve says.

        Raises:
            InvalidKey: a member is missing, malformed or contradicts another.
            WeakKey: the key is too small for the algorithm.
        """
        jwk = decode_object(jwk, MAX_JWK)
        kid, stated, use, key_ops = describe(jwk)
        material = from_members(jwk)
        algorithm = fitting(alg or stated, kind_of(material), use)
        if stated is not None and stated not in algorithm.names:
            raise InvalidKey("the JWK's alg is not the algorithm asked for")
        certificates = certificate_members(jwk, material)
        return cls(algorithm, material, kid=kid, use=use, key_ops=key_ops, certificates=certificates)

    @property
    def alg(self) -> str:
        """The algorithm's name, as tokens made with this key give it."""
        return self.algorithm.name

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint with SHA-256. Of a secret it is not for publishing (§7)."""
        return thumbprint(self.material)

    @property
    def thumbprint_uri(self) -> str:
        """The thumbprint as a URI (RFC 9278)."""
        return f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{self.thumbprint}"

    def answers_to(self, alg: str) -> bool:
        """Whether a token's ``alg`` names this key's algorithm, by either of its names (RFC 9864)."""
        return alg in self._names

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
            self.algorithm,
            public_half(self.material),
            kid=self.kid,
            use=self.use,
            key_ops=key_ops and tuple(dict.fromkeys(key_ops)),
            certificates=self._certificates,
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
                for name, value in {**described, **self._certificates}.items()
                if value is not None
            },
        }

    def to_pem(self, *, private: bool = False, password: str | bytes | None = None) -> str:
        """The key as PEM: SubjectPublicKeyInfo of the public half, or with ``private=True`` PKCS#8.

        Args:
            private: write the private key.
            password: what to encrypt the private key with.

        Raises:
            InvalidKey: a secret has no PEM; the private half of a public key was asked for; there is a
                password and nothing to encrypt, or it is empty or longer than 1,023 bytes.
        """
        if password is not None and not private:
            raise InvalidKey("a public key is not encrypted")
        return asn1.to_pem(self._half(private=private), _password(password))

    def to_der(self, *, private: bool = False) -> bytes:
        """The key as DER: SubjectPublicKeyInfo of the public half, or with ``private=True`` plain PKCS#8.

        Raises:
            InvalidKey: a secret has no DER; the private half of a public key was asked for.
        """
        return asn1.to_der(self._half(private=private))

    def _half(self, *, private: bool) -> Private | Public:
        self._check_half(private=private)
        if isinstance(self.material, bytes):
            raise InvalidKey("a secret has no PEM and no DER")
        return self.material if private else public_half(self.material)

    def _check_half(self, *, private: bool) -> None:
        if private and not self.is_private:
            raise InvalidKey("this is a public key, its private half is not here")

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a Key never changes")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a Key never changes")

    def __getstate__(self) -> Never:
        raise InvalidKey("a Key is not pickled or copied; to_jwk(private=True) writes it, on purpose")

    def __reduce_ex__(self, protocol: object) -> Never:
        self.__getstate__()

    def __dir__(self) -> list[str]:
        # what inspects a key shows all of these
        return [name for name in super().__dir__() if name != "material"]

    def __repr__(self) -> str:
        half = "private" if self.is_private else "public"
        return f"<Key {self.alg} kid={self.kid!r} {half}>"


def _refuse(_data: bytes, _signature: bytes) -> Never:
    raise InvalidKey("this key does not verify signatures")


def _check_material(algorithm: Algorithm, material: Material) -> None:
    if kind_of(material) not in algorithm.kinds:
        raise InvalidKey("there is no such algorithm for that type of key")
    if isinstance(material, bytes):
        check_secret(material, algorithm.name, algorithm.secret, algorithm.lengths)
    else:
        check_public(public_half(material))


def _default_kid(material: Material) -> str:
    return base64url.encode(os.urandom(16)) if isinstance(material, bytes) else thumbprint(material)


def _checked_kid(kid: object) -> str:
    if not isinstance(kid, str):
        raise InvalidKey("a kid is a string")
    _encoded(kid)  # it goes into headers, which are UTF-8
    return kid


def _encoded(text: object) -> bytes:
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    if not isinstance(text, str):  # bytes(32) would be a secret of zeros
        raise InvalidKey("text or bytes are needed")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidKey("the text is not Unicode") from None


def _password(password: str | bytes | None) -> bytes | None:
    return None if password is None else _encoded(password)
