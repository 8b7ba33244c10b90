"""Keys (RFC 7517, RFC 7638, RFC 9278).

A key has exactly one algorithm. A token names it, and never chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never, Self

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from watchword.arguments import quote
from watchword.errors import InvalidKey
from watchword.jose.algorithms.signatures import SignFunction, VerifyFunction
from watchword.jose.algorithms.table import Algorithm, Operation, choose_algorithm, choose_kind
from watchword.jose.jwk_defects import mend
from watchword.jose.jwk_description import (
    KeyDescription,
    decode_jwk,
    read_description,
    resolve_alg,
    write_description,
)
from watchword.jose.key_ids import check_key_id, make_key_id
from watchword.jose.material.certificates import read_certificates
from watchword.jose.material.der import read_der, write_der
from watchword.jose.material.jwk_members import compute_thumbprint, from_members, to_members
from watchword.jose.material.kinds import (
    KeyMaterial,
    PrivateKey,
    PublicKey,
    generate,
    identify_kind,
    to_public,
)
from watchword.jose.material.pem import read_pem, write_pem
from watchword.jose.material.texts import encode_text

__all__ = ["MAX_JWK", "Key"]

MAX_JWK = 65_536
"""Longest JSON of a key, in bytes, its certificates included."""


class Key:
    """A key that is bound to one algorithm, never changes, and never shows itself.

    Made by :meth:`generate`, :meth:`from_secret`, :meth:`from_pem`, :meth:`from_der`, :meth:`from_jwk` and
    :meth:`from_cryptography`, not directly. A copy of a key is the same object. Public keys can be pickled,
    private keys and secrets cannot.

    Attributes:
        algorithm: the row of the table of algorithms that it is bound to.
        material: the secret's bytes or cryptography's key object: the key itself, not for showing.
        kid: its id. By default the RFC 7638 thumbprint. That of a secret is not for publishing (RFC 7638
            §7), so its kid is a short keyed hash, the same wherever the secret is. Random for a password
            (PBES2), which a quick hash would help to guess.
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
    material: KeyMaterial
    kid: str
    use: str | None
    key_ops: tuple[str, ...] | None
    is_private: bool
    _allowed: frozenset[Operation]
    _certificates: Mapping[str, object]
    _names: tuple[str, ...]
    _sign: SignFunction | None
    verify: (
        VerifyFunction  # the algorithm's own function: a method around it would be 2 % of verifying a token
    )

    def __init__(
        self,
        algorithm: Algorithm,
        material: KeyMaterial,
        *,
        kid: str | None = None,
        use: str | None = None,
        key_ops: tuple[str, ...] | None = None,
        certificates: Mapping[str, object] | None = None,
    ) -> None:
        algorithm.check_material(material)
        private = isinstance(material, bytes | PrivateKey)
        allowed = algorithm.list_operations(private=private, use=use, key_ops=key_ops)
        scheme = algorithm.scheme
        verifying = material if isinstance(material, bytes) else to_public(material)
        put = object.__setattr__
        put(self, "algorithm", algorithm)
        put(self, "material", material)
        put(self, "kid", make_key_id(algorithm, material) if kid is None else check_key_id(kid))
        put(self, "use", use)
        put(self, "key_ops", key_ops)
        put(self, "is_private", private)
        put(self, "_allowed", allowed)
        put(self, "_certificates", certificates or {})
        put(self, "_names", algorithm.names)
        put(self, "_sign", scheme.make_signer(material) if scheme and "sign" in allowed else None)
        put(
            self,
            "verify",
            scheme.make_verifier(verifying) if scheme and "verify" in allowed else _refuse_to_verify,
        )

    @classmethod
    def generate(cls, alg: str, *, crv: str | None = None) -> Key:
        """A new random key: ``Key.generate("EdDSA")`` (Ed25519), ``"ES256"``, ``"HS256"``, ...

        Args:
            alg: its algorithm.
            crv: its curve, where the algorithm has several: ``Key.generate("ECDH-ES", crv="X25519")``.

        Raises:
            InvalidKey: there is no such algorithm, it has no such curve, or the curve is not supported here.
        """
        row, kind = choose_kind(alg, crv)
        return cls(row, generate(kind, row.secret))

    @classmethod
    def from_secret(cls, secret: str | bytes, alg: str, *, kid: str | None = None) -> Key:
        """A symmetric key; text counts as UTF-8.

        Raises:
            WeakKey: it is shorter than the algorithm's hash (RFC 7518 §3.2).
            InvalidKey: it is the text of a public key, or the algorithm takes no such secret.
        """
        return cls(choose_algorithm(alg, "oct"), encode_text(secret), kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        r"""The private or public key of a PEM text (PKCS#8, PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509).

        A text with several takes its first private key, or else its first public key or certificate. Of a
        certificate only the public key is taken; its validity, and who signed it, is not looked at. Read are
        also OpenSSH keys, the bare Base64 of a key, and texts whose line breaks are written as ``\n``.

        Args:
            pem: the text.
            alg: its algorithm; needed where several fit.
            password: what an encrypted private key is encrypted with.
            kid: its id, if not the thumbprint.

        Raises:
            InvalidKey: it cannot be read, or the algorithm does not fit it.
            WeakKey: RSA under 2,048 bits or with a small exponent.
        """
        return cls.from_cryptography(read_pem(encode_text(pem), _encode_password(password)), alg, kid=kid)

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
        return cls.from_cryptography(read_der(encode_text(der), _encode_password(password)), alg, kid=kid)

    @classmethod
    def from_cryptography(
        cls, key: PrivateKeyTypes | PublicKeyTypes, alg: str | None = None, *, kid: str | None = None
    ) -> Key:
        """The key in a key object of the cryptography package; of a certificate give ``public_key()``.

        Args:
            key: a private or public key.
            alg: its algorithm; needed where several fit.
            kid: its id, if not the thumbprint.

        Raises:
            InvalidKey: it is something else, of a type that is not usable here, or the algorithm does not
                fit it.
            WeakKey: RSA under 2,048 bits or with a small exponent.
        """
        if not isinstance(key, PrivateKey | PublicKey):
            raise InvalidKey(
                f"key must be a private or public key object of a type that an algorithm here uses, not "
                f"{type(key).__name__}. Of a certificate give public_key(), of a text use Key.from_pem"
            )
        return cls(choose_algorithm(alg, identify_kind(key)), key, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any] | str | bytes, alg: str | None = None) -> Key:
        """The key of a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964).

        Harmless defects are put right: members that are null, empty lists, standard Base64, zero octets in
        front of RSA's integers, unusable ``x5t``. A secret whose ``alg`` is a content encryption (RFC 7520
        §5.6) is one for ``dir``.

        Args:
            jwk: a mapping, or its JSON.
            alg: its algorithm, where neither the JWK nor its curve says.

        Raises:
            InvalidKey: a member is missing, malformed or contradicts another.
            WeakKey: the key is too small for the algorithm.
        """
        jwk = mend(decode_jwk(jwk, MAX_JWK))
        kid, stated, use, key_ops = read_description(jwk)
        material = from_members(jwk)
        stated = resolve_alg(stated, material)
        algorithm = choose_algorithm(alg or stated, identify_kind(material), use)
        if stated is not None and stated not in algorithm.names:
            raise InvalidKey(f"the JWK's alg is {quote(jwk['alg'])}, and not {quote(alg)} as was asked for")
        certificates = read_certificates(jwk, material)
        return cls(algorithm, material, kid=kid, use=use, key_ops=key_ops, certificates=certificates)

    @property
    def alg(self) -> str:
        """The algorithm's name, as tokens made with this key give it."""
        return self.algorithm.name

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint with SHA-256. Of a secret it is not for publishing (§7)."""
        return compute_thumbprint(self.material)

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
            raise InvalidKey(f"this key does not sign: {self._describe_limits()}")
        return self._sign(data)

    def public(self) -> Key:
        """The public half.

        Raises:
            InvalidKey: a secret has none.
        """
        if isinstance(self.material, bytes):
            raise InvalidKey(
                f"a secret has no public half: {self.alg} signs and verifies with the same secret"
            )
        return Key(
            self.algorithm,
            to_public(self.material),
            kid=self.kid,
            use=self.use,
            key_ops=self.key_ops and self.algorithm.key_ops.to_public(self.key_ops),
            certificates=self._certificates,
        )

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """The key as a JWK: the public half, unless ``private=True``.

        Raises:
            InvalidKey: the public half of a secret, or the private half of a public key was asked for.
        """
        self._check_private(private=private)
        key = self if private else self.public()
        description = KeyDescription(key.kid, key.alg, key.use, key.key_ops)
        return {
            **to_members(key.material, private=private),
            **write_description(description, self._certificates),
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
            raise InvalidKey("password= goes with private=True: a public key is not encrypted")
        return write_pem(self._select_half(private=private), _encode_password(password))

    def to_der(self, *, private: bool = False) -> bytes:
        """The key as DER: SubjectPublicKeyInfo of the public half, or with ``private=True`` plain PKCS#8.

        Raises:
            InvalidKey: a secret has no DER; the private half of a public key was asked for.
        """
        return write_der(self._select_half(private=private))

    def _select_half(self, *, private: bool) -> PrivateKey | PublicKey:
        self._check_private(private=private)
        if isinstance(self.material, bytes):
            raise InvalidKey("a secret has no PEM and no DER: to_jwk(private=True) writes it")
        return self.material if private else to_public(self.material)

    def _check_private(self, *, private: bool) -> None:
        if private and not self.is_private:
            raise InvalidKey("this is a public key: private=True needs the private one")

    def _describe_limits(self) -> str:
        """Why it does not do all that its algorithm does."""
        if not self.is_private:
            return "it is the public half"
        if self.algorithm.scheme is None:
            return f"{self.alg} encrypts"
        return f"its use is {quote(self.use)} and its key_ops are {quote(self.key_ops)}"

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("a Key never changes")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("a Key never changes")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __getstate__(self) -> Never:
        raise InvalidKey(
            "a private key or secret is not pickled: pickle public(), or write it on purpose with "
            "to_jwk(private=True)"
        )

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        if self.is_private:
            self.__getstate__()
        description = {
            "kid": self.kid,
            "use": self.use,
            "key_ops": self.key_ops,
            "certificates": dict(self._certificates),
        }
        return _unpickle, (self.to_der(), self.alg, description)

    def __dir__(self) -> list[str]:
        # what inspects a key shows all of these
        return [name for name in super().__dir__() if name != "material"]

    def __repr__(self) -> str:
        half = "private" if self.is_private else "public"
        return f"<Key {self.alg} kid={self.kid!r} {half}>"


def _unpickle(der: bytes, alg: str, description: dict[str, Any]) -> Key:
    material = read_der(der, None)
    return Key(choose_algorithm(alg, identify_kind(material)), material, **description)


def _refuse_to_verify(_data: bytes, _signature: bytes) -> Never:
    raise InvalidKey("this key does not verify signatures: its alg, use or key_ops are for something else")


def _encode_password(password: str | bytes | None) -> bytes | None:
    return None if password is None else encode_text(password)
