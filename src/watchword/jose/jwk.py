"""Keys, each for a single algorithm (RFC 7517, RFC 7638, RFC 9278).

A key has exactly one algorithm. A token names the algorithm, and never chooses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never, Self

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from watchword.arguments import quote
from watchword.errors import InvalidKey
from watchword.jose.algorithms.signatures import SignFunction, VerifyFunction
from watchword.jose.algorithms.table import Algorithm, Operation, choose_algorithm, choose_kind
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
from watchword.jose.material.jwk_defects import mend
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
"""Longest JSON of a key, in bytes, with its certificates."""


class Key:
    """A key that is bound to a single algorithm, never changes, and never shows its material.

    Make it with :meth:`generate`, :meth:`from_secret`, :meth:`from_pem`, :meth:`from_der`, :meth:`from_jwk`
    or :meth:`from_cryptography`. A copy of a key is the same object. Public keys can be pickled, private keys
    and secrets cannot.

    Attributes:
        algorithm: the row of the table of algorithms.
        material: the bytes of a secret, or cryptography's key object. Never show it.
        kid: the key id. The default is the RFC 7638 thumbprint. A secret has a short keyed hash instead,
            because its thumbprint must not be published (RFC 7638 §7). A password (PBES2) has random bytes,
            because a fast hash would help to guess it.
        use: the JWK's ``use``, or ``None``.
        key_ops: the JWK's ``key_ops``, or ``None``.
        is_private: whether this is a private key or a secret.
        verify: takes data and a signature. Raises BadSignature if the signature is not valid, and InvalidKey
            if this key is not for verifying.
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
    verify: VerifyFunction  # The algorithm's own function: a method would cost 2 % of a verification.

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
        """Generate a random key: ``Key.generate("EdDSA")`` (Ed25519), ``"ES256"``, ``"HS256"``, ...

        Args:
            alg: the algorithm.
            crv: the curve, if the algorithm has several: ``Key.generate("ECDH-ES", crv="X25519")``.

        Raises:
            InvalidKey: the algorithm is unknown, or does not have that curve, or OpenSSL does not support it.
        """
        row, kind = choose_kind(alg, crv)
        return cls(row, generate(kind, row.secret))

    @classmethod
    def from_secret(cls, secret: str | bytes, alg: str, *, kid: str | None = None) -> Key:
        """Make a symmetric key. Text is encoded as UTF-8.

        Args:
            secret: the secret.
            alg: the algorithm.
            kid: the key id, if not the default.

        Raises:
            WeakKey: the secret is shorter than the algorithm needs (RFC 7518 §3.2).
            InvalidKey: the secret is the text of a key, or does not fit the algorithm.
        """
        return cls(choose_algorithm(alg, "oct"), encode_text("secret", secret), kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        r"""Read a private or public key from PEM (PKCS#8, PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509).

        A text with several keys gives its first private key, or else its first public key or certificate.
        Only the public key of a certificate is used. Its validity and its issuer are not checked. OpenSSH
        keys, the bare Base64 of a key, and texts with ``\n`` for line breaks can be read, too.

        Args:
            pem: the text.
            alg: the algorithm. Needed if several fit.
            password: the password of an encrypted private key.
            kid: the key id, if not the thumbprint.

        Raises:
            InvalidKey: the text cannot be read, or the algorithm does not fit the key.
            WeakKey: an RSA key has less than 2,048 bits or a small exponent.
        """
        key = read_pem(encode_text("pem", pem), _encode_password(password))
        return cls.from_cryptography(key, alg, kid=kid)

    @classmethod
    def from_der(
        cls,
        der: bytes,
        alg: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Key:
        """Read a private or public key from DER, the binary form of PEM. See :meth:`from_pem`.

        Raises:
            InvalidKey: the bytes cannot be read, or the algorithm does not fit the key.
            WeakKey: an RSA key has less than 2,048 bits or a small exponent.
        """
        key = read_der(encode_text("der", der), _encode_password(password))
        return cls.from_cryptography(key, alg, kid=kid)

    @classmethod
    def from_cryptography(
        cls, key: PrivateKeyTypes | PublicKeyTypes, alg: str | None = None, *, kid: str | None = None
    ) -> Key:
        """Make a key from a key object of the cryptography package. For a certificate give ``public_key()``.

        Args:
            key: a private or public key.
            alg: the algorithm. Needed if several fit.
            kid: the key id, if not the thumbprint.

        Raises:
            InvalidKey: the object is not a usable key, or the algorithm does not fit the key.
            WeakKey: an RSA key has less than 2,048 bits or a small exponent.
        """
        if not isinstance(key, PrivateKey | PublicKey):
            raise InvalidKey(
                f"key must be a private or public key object of a type that an algorithm here uses, not "
                f"{type(key).__name__}. For a certificate give public_key(), for a text use Key.from_pem"
            )
        return cls(choose_algorithm(alg, identify_kind(key)), key, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any] | str | bytes, alg: str | None = None) -> Key:
        """Read a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964).

        Harmless defects are mended: null members, empty lists, standard Base64, leading zero octets of RSA
        integers, an unusable ``x5t``. A secret with a content encryption as ``alg`` (RFC 7520 §5.6) becomes a
        key for ``dir``.

        Args:
            jwk: a mapping, or its JSON text.
            alg: the algorithm, if neither the JWK nor its curve determines it.

        Raises:
            InvalidKey: a member is missing, malformed, or contradicts another member.
            WeakKey: the key is too weak for the algorithm.
        """
        jwk = mend(decode_jwk(jwk, MAX_JWK))
        kid, stated, use, key_ops = read_description(jwk)
        material = from_members(jwk)
        stated = resolve_alg(stated, material)
        algorithm = choose_algorithm(alg or stated, identify_kind(material), use)
        if stated is not None and stated not in algorithm.names:
            raise InvalidKey(f"the JWK's alg is {quote(jwk['alg'])}, not {quote(alg)} as requested")
        certificates = read_certificates(jwk, material)
        return cls(algorithm, material, kid=kid, use=use, key_ops=key_ops, certificates=certificates)

    @property
    def alg(self) -> str:
        """The ``alg`` of tokens made with this key."""
        return self.algorithm.name

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint with SHA-256. Do not publish the thumbprint of a secret (§7)."""
        return compute_thumbprint(self.material)

    @property
    def thumbprint_uri(self) -> str:
        """The thumbprint as a URI (RFC 9278)."""
        return f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{self.thumbprint}"

    def answers_to(self, alg: str) -> bool:
        """Return whether a token's ``alg`` is a name of this key's algorithm (RFC 9864)."""
        return alg in self._names

    def allows(self, operation: Operation) -> bool:
        """Return whether algorithm, ``use`` and ``key_ops`` allow an operation (RFC 7517 §4.2, §4.3).

        A public key never signs or decrypts.
        """
        return operation in self._allowed

    def sign(self, data: bytes) -> bytes:
        """Sign bytes, and return the signature in the form of RFC 7518 §3.

        Raises:
            InvalidKey: this is a public key, or a key that is not for signing.
        """
        if self._sign is None:
            raise InvalidKey(f"this key does not sign: {self._describe_limits()}")
        return self._sign(data)

    def public(self) -> Key:
        """Return the public key.

        Raises:
            InvalidKey: this is a secret.
        """
        if isinstance(self.material, bytes):
            raise InvalidKey(
                f"a secret has no public key: {self.alg} signs and verifies with the same secret"
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
        """Return the public key as a JWK, or with ``private=True`` the private key or secret.

        Raises:
            InvalidKey: this is a secret without ``private=True``, or a public key with it.
        """
        self._check_private(private=private)
        key = self if private else self.public()
        description = KeyDescription(key.kid, key.alg, key.use, key.key_ops)
        return {
            **to_members(key.material, private=private),
            **write_description(description, self._certificates),
        }

    def to_pem(self, *, private: bool = False, password: str | bytes | None = None) -> str:
        """Return the public key in PEM (SubjectPublicKeyInfo), or the private key (PKCS#8).

        Args:
            private: write the private key.
            password: encrypt the private key with this password.

        Raises:
            InvalidKey: this is a secret, or a public key with ``private=True``. Or the password is for a
                public key, empty, or longer than 1,023 bytes.
        """
        if password is not None and not private:
            raise InvalidKey("password= needs private=True: a public key is not encrypted")
        return write_pem(self._select_half(private=private), _encode_password(password))

    def to_der(self, *, private: bool = False) -> bytes:
        """Return the public key in DER (SubjectPublicKeyInfo), or the private key (PKCS#8, not encrypted).

        Args:
            private: write the private key.

        Raises:
            InvalidKey: this is a secret, or a public key with ``private=True``.
        """
        return write_der(self._select_half(private=private))

    def _select_half(self, *, private: bool) -> PrivateKey | PublicKey:
        self._check_private(private=private)
        if isinstance(self.material, bytes):
            raise InvalidKey("a secret has no PEM and no DER: write it with to_jwk(private=True)")
        return self.material if private else to_public(self.material)

    def _check_private(self, *, private: bool) -> None:
        if private and not self.is_private:
            raise InvalidKey("this is a public key: private=True needs a private key")

    def _describe_limits(self) -> str:
        """Say why this key does not sign."""
        if not self.is_private:
            return "it is a public key"
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
            "a private key or secret cannot be pickled: pickle public(), or write it with "
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
        # Debuggers show all attributes in this list.
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
    return None if password is None else encode_text("password", password)
