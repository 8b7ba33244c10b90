"""Prove who a person is. Each module proves a :class:`Subject`, and none starts a session."""

from watchword.logins.subjects import LoginProof, Subject

__all__ = ["LoginProof", "Subject"]
