"""The algorithms, a row each. To audit an algorithm, read its row.

Sources: RFC 7518 §3 (HS, RS, PS, ES), RFC 8812 §3.2 (ES256K), RFC 8037 §3.1 (EdDSA), RFC 9864 §2.2 (Ed25519,
Ed448), RFC 9964 (ML-DSA), RFC 7518 §4 (key management). There is no ``none``, no RS1 and no RSA1_5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from watchword.arguments import quote_algorithm
from watchword.errors import InvalidKey
from watchword.jose.algorithms.key_agreement import ECDH, ecdh_wrapping
from watchword.jose.algorithms.key_management import (
    AES_GCM_WRAPPING,
    AES_WRAPPING,
    DIRECT,
    KeyManagement,
    pbes2,
    rsa_oaep,
)
from watchword.jose.algorithms.signatures import (
    SignatureScheme,
    ecdsa,
    hashless,
    hmac_sha2,
    rsa_pkcs1,
    rsa_pss,
)
from watchword.jose.material.kinds import KeyMaterial, MaterialKind, identify_kind, to_public
from watchword.jose.material.strength import check_public, check_secret

__all__ = [
    "ALGORITHMS",
    "ALG_NEEDED",
    "DERIVING",
    "ENCRYPTING",
    "SIGNING",
    "WRAPPING",
    "Algorithm",
    "KeyOps",
    "Operation",
    "choose_algorithm",
    "choose_kind",
]

Operation: TypeAlias = Literal["sign", "verify", "encrypt", "decrypt"]

_PUBLIC: frozenset[Operation] = frozenset({"verify", "encrypt"})


class KeyOps(NamedTuple):
    """The names in a JWK's ``key_ops`` for the use of a key (RFC 7517 §4.3). Any of several names is enough.

    Attributes:
        private: the names for a secret or private key.
        public: the names for a secret or public key.
    """

    private: tuple[str, ...]
    public: tuple[str, ...]

    def to_public(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the ``key_ops`` of the public key for the ``key_ops`` of its private key."""
        renamed = dict(zip(self.private, self.public, strict=True))
        return tuple(dict.fromkeys(renamed.get(name, name) for name in names))


SIGNING = KeyOps(("sign",), ("verify",))
ENCRYPTING = KeyOps(("decrypt",), ("encrypt",))
WRAPPING = KeyOps(("unwrapKey",), ("wrapKey",))
DERIVING = KeyOps(("deriveKey", "deriveBits"), ("deriveKey", "deriveBits"))


class Algorithm(NamedTuple):
    """A row of the table.

    Attributes:
        name: the ``alg`` of tokens made with this algorithm.
        kinds: the kinds of key that it uses. The first is the default of a generated key.
        scheme: the signature scheme. ``None`` for a key management algorithm.
        management: the key management. ``None`` for a signature algorithm.
        secret: length of a generated secret, in bytes.
        lengths: the accepted lengths of a secret, in bytes. ``None`` accepts every length from ``secret``.
        synonym: another ``alg`` with the same meaning for such a key (RFC 9864 §2.2).
        key_ops: the names of its operations in a JWK's ``key_ops``.
    """

    name: str
    kinds: tuple[MaterialKind, ...]
    scheme: SignatureScheme | None = None
    management: KeyManagement | None = None
    secret: int = 0
    lengths: tuple[int, ...] | None = None
    synonym: str | None = None
    key_ops: KeyOps = SIGNING

    @property
    def names(self) -> tuple[str, ...]:
        """The name, and the synonym if the algorithm has it."""
        return (self.name,) if self.synonym is None else (self.name, self.synonym)

    @property
    def use(self) -> str:
        """The JWK's ``use`` for this algorithm (RFC 7517 §4.2)."""
        return "sig" if self.scheme else "enc"

    @property
    def is_for_passwords(self) -> bool:
        """Whether its secrets may be passwords (RFC 7518 §4.8)."""
        return self.name.startswith("PBES2-")

    @property
    def operations(self) -> tuple[Operation, Operation]:
        """The operation of the private key, and the operation of the public key."""
        return ("sign", "verify") if self.scheme else ("decrypt", "encrypt")

    def list_operations(
        self, *, private: bool, use: str | None, key_ops: tuple[str, ...] | None
    ) -> frozenset[Operation]:
        """Return the operations that a key allows (RFC 7517 §4.2, §4.3).

        Args:
            private: whether it is a private key or a secret.
            use: the JWK's ``use``, or ``None``.
            key_ops: the JWK's ``key_ops``, or ``None``.
        """
        if use not in (None, self.use):
            return frozenset()
        return frozenset(
            operation
            for operation, names in zip(self.operations, self.key_ops, strict=True)
            if (private or operation in _PUBLIC) and (key_ops is None or not set(names).isdisjoint(key_ops))
        )

    def check_material(self, material: KeyMaterial) -> None:
        """Raise unless the algorithm can use the key material.

        Raises:
            InvalidKey: the material has another kind, or is malformed.
            WeakKey: the key is too weak.
        """
        if identify_kind(material) not in self.kinds:
            raise InvalidKey(f"alg {self.name!r} does not work with a key of type {identify_kind(material)}")
        if isinstance(material, bytes):
            check_secret(material, self.name, self.secret, self.lengths)
        else:
            check_public(to_public(material))


_AGREEING: tuple[MaterialKind, ...] = ("P-256", "P-384", "P-521", "X25519", "X448")

ALGORITHMS: tuple[Algorithm, ...] = (
    # signatures. RFC 7518 §3.2: a secret is at least as long as the hash.
    Algorithm("HS256", ("oct",), hmac_sha2(SHA256()), secret=32),
    Algorithm("HS384", ("oct",), hmac_sha2(SHA384()), secret=48),
    Algorithm("HS512", ("oct",), hmac_sha2(SHA512()), secret=64),
    Algorithm("RS256", ("RSA",), rsa_pkcs1(SHA256())),
    Algorithm("RS384", ("RSA",), rsa_pkcs1(SHA384())),
    Algorithm("RS512", ("RSA",), rsa_pkcs1(SHA512())),
    Algorithm("PS256", ("RSA",), rsa_pss(SHA256())),
    Algorithm("PS384", ("RSA",), rsa_pss(SHA384())),
    Algorithm("PS512", ("RSA",), rsa_pss(SHA512())),
    Algorithm("ES256", ("P-256",), ecdsa(SHA256(), 32)),
    Algorithm("ES384", ("P-384",), ecdsa(SHA384(), 48)),
    Algorithm("ES512", ("P-521",), ecdsa(SHA512(), 66)),
    Algorithm("ES256K", ("secp256k1",), ecdsa(SHA256(), 32)),
    Algorithm("EdDSA", ("Ed25519",), hashless(), synonym="Ed25519"),
    Algorithm("EdDSA", ("Ed448",), hashless(), synonym="Ed448"),
    Algorithm("Ed25519", ("Ed25519",), hashless(), synonym="EdDSA"),
    Algorithm("Ed448", ("Ed448",), hashless(), synonym="EdDSA"),
    Algorithm("ML-DSA-44", ("ML-DSA-44",), hashless()),
    Algorithm("ML-DSA-65", ("ML-DSA-65",), hashless()),
    Algorithm("ML-DSA-87", ("ML-DSA-87",), hashless()),
    # key management
    Algorithm("dir", ("oct",), None, DIRECT, 32, (16, 24, 32, 48, 64), key_ops=ENCRYPTING),  # as enc needs
    Algorithm("A128KW", ("oct",), None, AES_WRAPPING, 16, (16,), key_ops=WRAPPING),
    Algorithm("A192KW", ("oct",), None, AES_WRAPPING, 24, (24,), key_ops=WRAPPING),
    Algorithm("A256KW", ("oct",), None, AES_WRAPPING, 32, (32,), key_ops=WRAPPING),
    Algorithm("A128GCMKW", ("oct",), None, AES_GCM_WRAPPING, 16, (16,), key_ops=WRAPPING),
    Algorithm("A192GCMKW", ("oct",), None, AES_GCM_WRAPPING, 24, (24,), key_ops=WRAPPING),
    Algorithm("A256GCMKW", ("oct",), None, AES_GCM_WRAPPING, 32, (32,), key_ops=WRAPPING),
    # OAEP does not need a hash without collisions.
    Algorithm("RSA-OAEP", ("RSA",), None, rsa_oaep(SHA1()), key_ops=WRAPPING),  # noqa: S303 - see above
    Algorithm("RSA-OAEP-256", ("RSA",), None, rsa_oaep(SHA256()), key_ops=WRAPPING),
    Algorithm("RSA-OAEP-384", ("RSA",), None, rsa_oaep(SHA384()), key_ops=WRAPPING),
    Algorithm("RSA-OAEP-512", ("RSA",), None, rsa_oaep(SHA512()), key_ops=WRAPPING),
    Algorithm("ECDH-ES", _AGREEING, None, ECDH, key_ops=DERIVING),
    Algorithm("ECDH-ES+A128KW", _AGREEING, None, ecdh_wrapping(16), key_ops=DERIVING),
    Algorithm("ECDH-ES+A192KW", _AGREEING, None, ecdh_wrapping(24), key_ops=DERIVING),
    Algorithm("ECDH-ES+A256KW", _AGREEING, None, ecdh_wrapping(32), key_ops=DERIVING),
    # RFC 7518 §8.8: the least length of a password. OWASP's iterations. SHA-384 costs the same as SHA-512.
    Algorithm("PBES2-HS256+A128KW", ("oct",), None, pbes2(SHA256(), 16, 600_000), 16, key_ops=WRAPPING),
    Algorithm("PBES2-HS384+A192KW", ("oct",), None, pbes2(SHA384(), 24, 220_000), 24, key_ops=WRAPPING),
    Algorithm("PBES2-HS512+A256KW", ("oct",), None, pbes2(SHA512(), 32, 220_000), 32, key_ops=WRAPPING),
)
"""All algorithms. If several rows fit a key, the first row applies."""


def choose_kind(alg: str, crv: str | None) -> tuple[Algorithm, MaterialKind]:
    """Return the row of an algorithm, and the kind of its keys: the given curve, or the first kind.

    Raises:
        InvalidKey: the algorithm is unknown, or does not use that curve.
    """
    rows = [row for row in ALGORITHMS if row.name == alg]
    for row in rows:
        for kind in row.kinds:
            if crv in (None, kind):
                return row, kind
    if rows:
        kinds = ", ".join(kind for row in rows for kind in row.kinds)
        raise InvalidKey(f"crv of {quote_algorithm(alg)} must be one of {kinds}, not {quote_algorithm(crv)}")
    raise InvalidKey(f"alg must be one of {_join_names(ALGORITHMS)}, not {quote_algorithm(alg)}")


ALG_NEEDED = "alg is needed"
"""The beginning of the error message for a key without ``alg`` that fits several algorithms."""


def choose_algorithm(alg: str | None, kind: MaterialKind, use: str | None = None) -> Algorithm:
    """Return the row for a key: the named algorithm, or the only algorithm that signs with its kind.

    Raises:
        InvalidKey: the algorithm is unknown or does not fit the key, or none is named and several fit.
    """
    rows = [row for row in ALGORITHMS if kind in row.kinds]
    if alg is None:
        return _infer_algorithm(kind, rows, use)
    for row in rows:
        if row.name == alg:
            return row
    raise InvalidKey(
        f"alg {quote_algorithm(alg)} does not work with a key of type {kind}, which takes {_join_names(rows)}"
    )


def _infer_algorithm(kind: MaterialKind, rows: Sequence[Algorithm], use: str | None) -> Algorithm:
    signing = [row for row in rows if row.scheme and use != "enc"]
    if not signing or any(signing[0].name not in row.names for row in signing):
        raise InvalidKey(f"{ALG_NEEDED}: a key of type {kind} can be for {_join_names(signing or rows)}")
    return signing[0]


def _join_names(rows: Sequence[Algorithm]) -> str:
    return ", ".join(dict.fromkeys(row.name for row in rows))
