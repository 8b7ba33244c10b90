"""A key that never leaves its process signs tokens for another one, as a KMS or an HSM does.

python3 signing_process.py
"""

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from watchword import Issuer, Key, Verifier
from watchword.jose.jws import raw_from_der

ISSUER = "https://issuer.example"
PUBLIC_KEY, SIGN = b"P", b"S"  # what a request begins with
LONGEST = 65_536


def read_all(connection: socket.socket) -> bytes:
    """What the other end sends, until it says that this was all."""
    received = b""
    while chunk := connection.recv(LONGEST):
        received += chunk
        if len(received) > LONGEST:
            raise ConnectionError("too long")
    return received


# The process with the key. It knows nothing of tokens: it signs what it is sent by who may open the socket.
def serve(path: str) -> None:
    """Answer requests at a socket until somebody stops the process."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)  # noqa: T201 - for who started this process
        while True:
            connection, _ = listener.accept()
            with connection:
                request = read_all(connection)
                asks_for_signature = request.startswith(SIGN)
                connection.sendall(key.sign(request[1:], ECDSA(SHA256())) if asks_for_signature else public)


# The process that issues tokens. This is all that Watchword needs to know of a key that is elsewhere.
class RemoteKey:
    """A Signer: ``alg``, ``kid`` and ``sign``."""

    alg = "ES256"

    def __init__(self, path: str) -> None:
        self._path = path
        self.public = Key.from_pem(self._ask(PUBLIC_KEY), self.alg)
        self.kid = self.public.kid

    def sign(self, data: bytes) -> bytes:
        """The signature: services answer in DER, tokens have r and s one after the other."""
        return raw_from_der(self._ask(SIGN + data), self.alg)

    def _ask(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self._path)
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)


def demonstrate() -> None:
    """Start a signing process, issue a token and verify it."""
    # only we may enter the directory, so only we may open the socket
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory, "signer"))
        command = [sys.executable, __file__, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - this very script
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            process.stdout.readline()
            key = RemoteKey(path)
            token = Issuer(ISSUER, key, audience="api").issue("user-1")
            process.terminate()
    claims = Verifier(key.public, issuer=ISSUER, audience="api").verify(token)
    print(f"accepted: {claims['sub']}, signed with {key.alg} by a key that was never here")  # noqa: T201


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else demonstrate()
