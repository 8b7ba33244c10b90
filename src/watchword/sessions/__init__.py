"""Sessions, their tokens, and the ends of sessions in other processes."""

from watchword.sessions.access_tokens import Identity
from watchword.sessions.clients import Client
from watchword.sessions.endings import NamedSession, read_named_sessions
from watchword.sessions.one_time import OneTime, ReplayGuard
from watchword.sessions.refresh_tokens import refresh_verifier
from watchword.sessions.revocations import FeedStatus, Revocations
from watchword.sessions.sessions import Sessions
from watchword.sessions.shared_settings import SettingsRecord
from watchword.sessions.subjects import LoginProof, Subject, VersionedClaims
from watchword.sessions.token_pairs import Tokens

__all__ = [
    "Client",
    "FeedStatus",
    "Identity",
    "LoginProof",
    "NamedSession",
    "OneTime",
    "ReplayGuard",
    "Revocations",
    "Sessions",
    "SettingsRecord",
    "Subject",
    "Tokens",
    "VersionedClaims",
    "read_named_sessions",
    "refresh_verifier",
]
