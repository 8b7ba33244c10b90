"""Watchword's Verifier with the keys of a provider, and with the same keys as a set of its own."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import specimen
from cases import Case
from watchword import Claims, Key, KeySet, RemoteKeySet, Verifier
from watchword.jose import KeySource

KEY = Key.from_pem(specimen.public_pem("RS256"), "RS256")


def local(cache: str) -> Case:
    return _verification(KeySet([KEY]), cache)


def remote(cache: str) -> Case:
    """The provider is asked for its keys before anything is timed."""
    with HTTPServer(("127.0.0.1", 0), _Provider) as provider:
        answering = threading.Thread(target=provider.handle_request)
        answering.start()
        keys = RemoteKeySet(f"http://127.0.0.1:{provider.server_port}")
        keys.find(KEY.kid, KEY.alg)
        answering.join()
    return _verification(keys, cache)


def _verification(keys: KeySource, cache: str) -> Case:
    verifier = Verifier(
        keys,
        issuer=specimen.ISSUER,
        audience=specimen.AUDIENCE,
        typ=specimen.TYPE,
        claims=_ScopedClaims,
        cache_size={"cold": 0, "warm": 8_192}[cache],
    )
    return Case(verifier.verify, specimen.token("RS256", kid=KEY.kid))


class _ScopedClaims(Claims, frozen=True):
    """What a service would declare."""

    scope: str = ""


class _Provider(BaseHTTPRequestHandler):
    """Publishes the key."""

    def do_GET(self) -> None:
        body = json.dumps(KeySet([KEY]).to_jwks()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: standard error is for the worker's own troubles."""
