r"""Keys in texts: PEM (RFC 7468), OpenSSH, and the bare Base64 of a key or certificate.

A text from an environment variable may have quotes around it and ``\n`` instead of line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from watchword.errors import InvalidKey
from watchword.jose.material.der import encode_key, read_der
from watchword.jose.material.kinds import PrivateKey, PublicKey
from watchword.jose.material.loaders import MAX_KEY, Loader, load_key, make_public_loader
from watchword.jose.material.texts import decode_base64

__all__ = ["read_pem", "write_pem"]

# Both take linear time: a row of backslashes is searched once, and a block ends before the next block begins.
_ESCAPED = re.compile(rb"(?<!\\)(?:\\++r)?\\++n")  # a line break, escaped once or twice
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,32})-----(?:(?!-----BEGIN ).)*?-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,32})-----")
_SSH = re.compile(rb"(?:ssh|ecdsa-sha2|sk)-[!-~]{1,64} +AAAA[A-Za-z0-9+/]+={0,2}")
_BASE64 = re.compile(rb"M[A-Za-z0-9+/_-]+={0,2}")  # the Base64 of a SEQUENCE, as every key in DER is
_DER = (b"\x30\x81", b"\x30\x82")  # a SEQUENCE of more than 127 bytes

_PRIVATE: Mapping[bytes, Loader] = {
    **dict.fromkeys(
        (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"),
        load_pem_private_key,
    ),
    b"OPENSSH PRIVATE KEY": load_ssh_private_key,
}
_PUBLIC: Mapping[bytes, Loader] = {
    **dict.fromkeys((b"PUBLIC KEY", b"RSA PUBLIC KEY"), make_public_loader(load_pem_public_key)),
    b"CERTIFICATE": make_public_loader(lambda data: x509.load_pem_x509_certificate(data).public_key()),
}


def read_pem(text: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Read the key in a text: its first private key, or else its first public key or certificate.

    A bundle may have any order, as for OpenSSL.

    Raises:
        InvalidKey: the text has no key, the key has an unknown type, or the password is wrong.
    """
    if len(text) > MAX_KEY:
        raise InvalidKey(f"the text of a key must have at most {MAX_KEY} bytes, not {len(text)}")
    text = _ESCAPED.sub(b"\n", text)
    blocks = [(found[1], found[0]) for found in _BLOCK.finditer(text)]
    for loaders in (_PRIVATE, _PUBLIC):
        for label, block in blocks:
            if label in loaders:
                return load_key(block, password, loaders[label])
    return _read_bare(text, password)


def write_pem(material: PrivateKey | PublicKey, password: bytes | None = None) -> str:
    """Write a public key as SubjectPublicKeyInfo, a private key as PKCS#8. Encrypt it if there is a password.

    Raises:
        InvalidKey: the password is empty or longer than 1,023 bytes.
    """
    return encode_key(material, Encoding.PEM, password).decode()


def _read_bare(text: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Read a text without a PEM block that can be a key.

    Raises:
        InvalidKey: the text cannot be read. The message says what it looks like.
    """
    label = _BEGIN.search(text)
    if label is not None:
        raise InvalidKey(_complain_of_block(label[1]))
    line = _SSH.search(text)
    if line is not None:
        return load_key(line[0], password, make_public_loader(load_ssh_public_key))
    bare = b"".join(text.strip(b"\"' \t\r\n").split())
    if _BASE64.fullmatch(bare):  # Keycloak shows keys and certificates like this.
        return _read_base64(bare, password)
    raise InvalidKey(_complain(text))


def _read_base64(text: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    try:
        return read_der(decode_base64(text), password)
    except (ValueError, InvalidKey):
        raise InvalidKey(
            "the text is not a key or certificate, neither in PEM nor in Base64: "
            "give the whole content of the file, with its BEGIN and END lines, not the name of the file"
        ) from None


def _complain_of_block(label: bytes) -> str:
    if label in _PRIVATE or label in _PUBLIC:
        return f"the END line of {label.decode()} is missing: the text of the key is cut off"
    return f"{label.decode()} is not a usable key or certificate: give a PEM text with a key or certificate"


def _complain(text: bytes) -> str:
    if text.lstrip().startswith(b"{"):
        return "the text is JSON: read a JWK with Key.from_jwk, a JWK set with KeySet.from_jwks"
    if text.startswith(_DER):
        return "the bytes are not PEM but look like DER: read them with Key.from_der"
    if b"BEGIN SSH2 PUBLIC KEY" in text:
        return "the key is in SSH2 format: convert it with ssh-keygen -i -f FILE, and give the output"
    return (
        "the text is not a key or certificate in PEM: it has no BEGIN line. "
        "Give the content of the file, not its name"
    )
