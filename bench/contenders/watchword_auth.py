"""Watchword's Auth on an SQLite file: an access token verified, and its session looked up, too."""

from __future__ import annotations

import functools
import logging
import tempfile

import specimen
from cases import Case
from watchword import Auth
from watchword.jwt.profiles import access_token_verifier

logging.getLogger("watchword").setLevel(logging.ERROR)  # security events would mix with the figures
_directory = tempfile.TemporaryDirectory()


def verify() -> Case:
    """The same token by a bare Verifier with the same keys, which knows of no sessions."""
    auth = _auth()
    verifier = access_token_verifier(auth.keyring.public, issuer=specimen.ISSUER, audience=specimen.AUDIENCE)
    return Case(verifier.verify, _access_token())


def authenticate() -> Case:
    return Case(_auth().authenticate, _access_token())


@functools.cache
def _auth() -> Auth:
    auth = Auth(f"sqlite:///{_directory.name}/auth.db", issuer=specimen.ISSUER, audience=specimen.AUDIENCE)
    for number in range(20):  # the set of ended sessions is never empty where people log out
        auth.end(auth.start(f"gone-{number}").session_id)
    return auth


@functools.cache
def _access_token() -> str:
    return _auth().start(specimen.SUBJECT, ("read", "write"), username="alice").access_token
