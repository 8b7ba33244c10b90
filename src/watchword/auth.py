"""Log in, refresh, verify and log out: prove a subject with the logins, then start a session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from watchword.accounts import Accounts, LoginThrottle, PasswordHasher
from watchword.auth_arguments import check_auth_arguments
from watchword.durations import Duration
from watchword.errors import SessionEnded
from watchword.events import Listener, SessionsEnded
from watchword.jose.jwk import Key
from watchword.jwt.issuer import Issuer
from watchword.jwt.profiles import access_token_verifier
from watchword.jwt.verifier import Verifier
from watchword.logins import LoginProof, Subject
from watchword.logins.password import PasswordLogin
from watchword.node import Node
from watchword.scopes import check_scopes
from watchword.sessions import (
    Client,
    Identity,
    NamedSession,
    OneTime,
    ReplayGuard,
    Sessions,
    Tokens,
    read_named_sessions,
    refresh_verifier,
)
from watchword.sessions.access_tokens import ACCESS_TOKENS
from watchword.sessions.grants import SubjectClaims
from watchword.sessions.login_arguments import check_subject
from watchword.sessions.shared_settings import SharedSettings
from watchword.settings import Settings, check_settings
from watchword.stores.contract import Account, EndReason, Session, Stores
from watchword.stores.opening import open_stores

__all__ = ["Auth", "Subject"]


class Auth(Node):
    """Log in, refresh, verify, log out.

    Opens the stores and creates missing tables and keys. Then it is safe to use from many threads and after a
    fork. Every method except :meth:`jwks`, :meth:`ready`, :meth:`revocation_staleness` and
    :meth:`revocation_status` may raise :class:`~watchword.errors.StoreUnavailable`.

    Args:
        database_url: the SQLAlchemy URL of the database. By default the settings' URL.
        issuer: the ``iss`` of the tokens. By default the settings' issuer.
        audience: the ``aud`` of access tokens. By default the settings' audience.
        keys: a fixed key that signs access tokens, in place of the keyring's keys.
        check_password: checks your own users in place of our accounts. Called with username and password, it
            returns the :class:`Subject`, or ``None`` for a wrong password. Its exceptions reach the caller
            and are not counted as wrong passwords.
        subject_claims: returns further claims for the access tokens of a subject (tenant, role, ...). Called
            at each login and each refresh. ``scope`` (a string or a list) and ``preferred_username`` replace
            ours. :class:`~watchword.sessions.VersionedClaims` also end sessions of older credentials.
            ``None`` refuses the subject and ends the session. Its exceptions reach the caller. Then no token
            is issued and no session changes.
        breached: returns whether a new password of an account is known from a data breach. Called after all
            other rules, never at a login. Its exceptions propagate, and the password is not set.
        listeners: called with every security event, after the log. A listener that fails stops nothing.
        settings: all other settings.
        stores: your own record of stores, in place of the settings' stores. :meth:`close` closes them.

    Attributes:
        settings: the settings, with the arguments applied.
        stores: the stores.
        keyring: our keys.
        accounts: our accounts.
        one_time: issues and redeems tokens that work once, such as for a password reset.
        replay_guard: accepts any verified token once.
        find_client: called for the Client of a request if a caller gives no client. A framework's adapter
            replaces it.

    Raises:
        InvalidSettings: the settings contradict each other, or the secret does not open the stored keys.
        StoreUnavailable: a store cannot be opened.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        keys: Key | None = None,
        check_password: Callable[[str, str], Subject | None] | None = None,
        subject_claims: SubjectClaims | None = None,
        breached: Callable[[str], bool] | None = None,
        listeners: Iterable[Listener] = (),
        settings: Settings | None = None,
        stores: Stores | None = None,
    ) -> None:
        check_settings(settings)
        given = {"database_url": database_url, "issuer": issuer, "audience": audience}
        settings = msgspec.structs.replace(
            settings or Settings(), **{name: value for name, value in given.items() if value is not None}
        )
        listeners = tuple(listeners) if isinstance(listeners, Iterable) else listeners
        check_auth_arguments(
            {
                "keys": keys,
                "check_password": check_password,
                "subject_claims": subject_claims,
                "breached": breached,
                "listeners": listeners,
                "stores": stores,
                "database_url": database_url,
            }
        )
        stores = stores or open_stores(settings)
        super().__init__(settings, stores, key=keys, listeners=listeners)
        self.find_client: Callable[[], Client | None] = lambda: None
        access_keys = keys or self.keyring.public
        self._make_verifier: Callable[[int], Verifier[Identity]] = lambda leeway: access_token_verifier(
            access_keys,
            issuer=settings.issuer,
            audience=settings.audience,
            claims=ACCESS_TOKENS,
            leeway=leeway,
            clock=self._revocations.read_fresh_time,  # So each verification ensures that the set is fresh.
        )
        self._verifier = self._make_verifier(settings.leeway)
        self._sessions = Sessions(
            stores.sessions,
            accounts=stores.accounts,
            access=Issuer(settings.issuer, access_keys, audience=settings.audience, typ="at+jwt"),
            refresh=Issuer(settings.issuer, self.keyring.internal, audience=settings.issuer, typ="rt+jwt"),
            refresh_verifier=refresh_verifier(self.keyring.internal, issuer=settings.issuer),
            revocations=self._revocations,
            settings=settings,
            subject_claims=subject_claims,
            notify=self._notify,
        )
        self.one_time = OneTime(
            stores.one_time,
            self.keyring.internal,
            revocations=self._revocations,
            settings=settings,
            notify=self._notify,
        )
        self.replay_guard = ReplayGuard(stores.one_time, notify=self._notify)
        self._hasher = PasswordHasher(settings=settings)
        throttle = LoginThrottle(stores.throttles, key=self._derive_key("throttle"), settings=settings)
        self._has_own_users = check_password is not None
        self._password_login = PasswordLogin(
            check_password or self._check_account,
            throttle,
            read_mark=self._sessions.read_mark,
            notify=self._notify,
        )
        self.accounts = Accounts(
            stores.accounts,
            settings=settings,
            hasher=self._hasher,
            sessions=self._sessions,
            notify=self._notify,
            breached=breached,
        )

    # -- logging in and out ------------------------------------------------------------------------

    def login(self, username: str, password: str, client: Client | None = None) -> Tokens:
        """Check a password and start a session.

        Raises:
            InvalidCredentials: the username is unknown, the password is wrong, or the account is disabled.
            Throttled: there were too many failures. The password was not checked.
            Overloaded: too many passwords are being checked. The attempt was not counted.
            InvalidRequest: the username or password is not text.
        """
        client = client or self.find_client()
        return self._sessions.start(self._prove_password(username, password, client), client)

    def check_password(self, username: str, password: str, client: Client | None = None) -> Subject:
        """Check a password like :meth:`login`, and start no session.

        Meant for a form that asks for the current password again. The check is throttled and recorded like a
        login, so that a stolen access token does not help to guess the password. Compare the subject with
        the identity of the request, because usernames can change hands.

        Raises:
            WatchwordError: the same errors as :meth:`login`.
        """
        return self._prove_password(username, password, client or self.find_client()).subject

    def start(
        self,
        subject: str,
        scopes: Iterable[str] = (),
        client: Client | None = None,
        *,
        username: str | None = None,
        amr: Sequence[str] = (),
        claims: Mapping[str, Any] | None = None,
        lifetime: Duration | None = None,
    ) -> Tokens:
        """Start a session for a subject that has proven its identity elsewhere (OAuth, SAML, a passkey).

        If the subject is an account of ours, the session has the account's username. It has no scope that the
        account lacks, at each refresh anew. A disabled account gets no session.

        Args:
            subject: the ``sub`` of the tokens.
            scopes: the most that the tokens grant.
            client: the client of the request.
            username: the name to show. By default the subject itself.
            amr: the methods that proved the subject's identity, by their names in RFC 8176: ``["hwk"]``.
            claims: further claims for every access token of the session. ``subject_claims`` replaces a claim
                of the same name. At most 2,048 bytes as JSON.
            lifetime: how long the session lives at most, in seconds or as a timedelta, in place of the
                setting ``session_lifetime``. A refresh is still needed within ``idle_lifetime``.

        Raises:
            InvalidSettings: an argument is malformed.
            Unissuable: ``claims`` names a claim that Watchword sets, is too large, or is not JSON.
            InvalidCredentials: the account is disabled, ``subject_claims`` refuses the subject, or all of its
                sessions ended meanwhile.
        """
        check_subject(subject)
        client = client or self.find_client()
        mark = self._sessions.read_mark()
        proof = LoginProof(
            subject=Subject(subject, username, claims={} if claims is None else claims),
            account=None if self._has_own_users else self.accounts.find_by_subject(subject),
            scopes=scopes,
            amr=amr,
            lifetime=lifetime,
            mark=mark,
        )
        return self._sessions.start(proof, client)

    def refresh(
        self, refresh_token: str, client: Client | None = None, *, scopes: Iterable[str] | None = None
    ) -> Tokens:
        """Return the next pair of tokens.

        Args:
            refresh_token: the refresh token of the last pair.
            client: the client of the request.
            scopes: the scopes for the access token, of those that the session is granted. By default all of
                these. The next refresh may ask for others (RFC 6749 §6).

        Raises:
            InvalidGrant: the refresh token is invalid, expired or used, or its session is over.
            InvalidScope: the session is not granted a scope. The refresh token is not used up.
            InvalidSettings: a scope is malformed.
        """
        wanted = None if scopes is None else check_scopes(scopes)
        return self._sessions.refresh(refresh_token, client or self.find_client(), wanted)

    def authenticate(self, access_token: str) -> Identity:
        """Verify an access token and return its identity. Does no I/O while :meth:`ready`.

        Raises:
            InvalidToken: the token is invalid. The subclass says why.
            SessionEnded: the token is valid, and its session has ended.
            StoreUnavailable: the known ended sessions are too old to be trusted.
        """
        identity = self._verifier.verify(access_token)
        if self._revocations.ended(identity.session_id):
            raise SessionEnded
        return identity

    async def authenticate_async(self, access_token: str) -> Identity:
        """Do what :meth:`authenticate` does without blocking the event loop.

        Calls :meth:`authenticate` directly where it does no I/O, and otherwise waits for a thread.

        Raises:
            WatchwordError: the same errors as :meth:`authenticate`.
        """
        if self._revocations.is_free_of_io():
            return self.authenticate(access_token)
        await self._revocations.ensure_fresh_async()
        if self._revocations.is_free_of_io():
            return self.authenticate(access_token)
        from asyncio import to_thread  # noqa: PLC0415 - loaded where this runs, and large

        return await to_thread(self.authenticate, access_token)

    def logout(
        self,
        access_token: str | None = None,
        refresh_token: str | None = None,
        client: Client | None = None,
    ) -> None:
        """End the session of a token, whether or not it had ended before.

        If both tokens are given, a single valid token is enough, because the access token may have expired.

        Raises:
            InvalidToken: neither token names a session.
            InvalidGrant: the refresh token, given alone, is not ours.
        """
        named_sessions = read_named_sessions(
            (refresh_token, self._sessions.read_refresh_token), (access_token, self._read_access_token)
        )
        client = client or self.find_client()
        for named in named_sessions:
            self._sessions.log_out(named, client)

    def logout_all(self, access_token: str, client: Client | None = None) -> None:
        """End every session of the subject of an access token, and the token's own session in any case.

        Raises:
            InvalidToken: the token is invalid. The subclass says why.
            SessionEnded: the token's session has ended.
        """
        client = client or self.find_client()
        subject = self.authenticate(access_token).subject
        self.end_all(subject, client=client)
        self._sessions.log_out(self._read_access_token(access_token), client)

    # -- sessions ----------------------------------------------------------------------------------

    def sessions(self, subject: str) -> Sequence[Session]:
        """Return the subject's live sessions, newest first."""
        return self._sessions.find_live(subject)

    def has_ended(self, session_id: str) -> bool:
        """Return whether a session is known to have ended. Does no I/O while :meth:`ready`.

        Meant for work that outlives its request, such as a stream. The access token may have expired since.
        Ask every few minutes at least: an end is forgotten with the session's last access token, and not
        within five minutes. A session that has only expired has not ended.

        Raises:
            StoreUnavailable: the known ended sessions are too old to be trusted. Stop the work then.
        """
        self._revocations.ensure_fresh()
        return self._revocations.ended(session_id)

    async def find_ended_async(self, session_ids: Iterable[str]) -> Collection[str]:
        """Do what :meth:`has_ended` does for many sessions, without blocking the event loop.

        Returns:
            The sessions that are known to have ended.

        Raises:
            StoreUnavailable: as :meth:`has_ended`.
        """
        if self._revocations.is_free_of_io():
            self._revocations.ensure_fresh()
        else:
            await self._revocations.ensure_fresh_async()
        return set(filter(self._revocations.ended, session_ids))

    def end(self, session_id: str, client: Client | None = None) -> None:
        """End a session. Its tokens are refused here at once, and in other processes after their next poll.

        The store need not know the session, because a store that is restored from a backup forgets sessions.
        """
        self._sessions.log_out(self._sessions.name_session(session_id), client or self.find_client())

    def end_all(
        self,
        subject: str,
        keep: str | None = None,
        client: Client | None = None,
        *,
        actor: str | None = None,
        reason: EndReason = "logout_all",
    ) -> None:
        """End every session of a subject, except the session ``keep``.

        Args:
            subject: the subject.
            keep: the id of a session that goes on.
            client: the client of the request.
            actor: who did it, for the event. By default the subject of the running request.
            reason: why the sessions end, such as ``"password_changed"``.

        Raises:
            InvalidSettings: the subject is not text, but for example a number. No session has such a subject.
        """
        client = client or self.find_client()
        self._sessions.end_all(subject, reason, keep, client)
        address = client.ip_address if client else None
        self._notify(SessionsEnded(subject=subject, address=address, actor=actor))

    def replace_version(self, subject: str, before: int, after: int) -> None:
        """Let the sessions of the application's own subject go on past a change of its version.

        Meant for a change that is not a new password, such as the same password with a stronger hash.
        Sessions of any version but ``before`` stay as they are.
        """
        check_subject(subject)
        self._sessions.replace_version(subject, before, after)

    # -- accounts ----------------------------------------------------------------------------------

    def change_password(
        self, subject: str, password: str, keep: str | None = None, *, actor: str | None = None
    ) -> None:
        """Do what :meth:`watchword.accounts.Accounts.change_password` does."""
        self.accounts.change_password(subject, password, keep=keep, actor=actor)

    def disable_account(self, subject: str, *, actor: str | None = None) -> None:
        """Do what :meth:`watchword.accounts.Accounts.disable` does."""
        self.accounts.disable(subject, actor=actor)

    def delete_account(self, subject: str, *, actor: str | None = None) -> None:
        """Do what :meth:`watchword.accounts.Accounts.delete` does."""
        self.accounts.delete(subject, actor=actor)

    def _apply(self, shared: SharedSettings) -> None:
        self._sessions.follow(shared)
        self.one_time.follow_leeway(shared.leeway)
        self._verifier = self._make_verifier(shared.leeway)

    def _check_account(self, username: str, password: str) -> Account:
        return self.accounts.check(username, password)

    def _prove_password(self, username: str, password: str, client: Client | None) -> LoginProof:
        return self._password_login.prove(username, password, client.ip_address if client else None)

    def _read_access_token(self, access_token: str) -> NamedSession:
        identity = self._verifier.verify(access_token)
        session_id = cast("str", identity.session_id)  # All our access tokens have a session.
        named = self._sessions.name_session(session_id, identity.subject)
        return named._replace(access_until=max(named.access_until, float(identity.claims["exp"])))
