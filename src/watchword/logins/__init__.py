"""Prove the identity of a subject. Each module proves a :class:`Subject` and starts no session."""

from watchword.sessions import LoginProof, Subject

__all__ = ["LoginProof", "Subject"]
