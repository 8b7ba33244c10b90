"""The front desk: one object that puts the rooms together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import msgspec

from watchword.accounts import Accounts, LoginThrottle, PasswordHasher
from watchword.arguments import describe
from watchword.deprecation import warn_renamed
from watchword.errors import (
    InvalidGrant,
    InvalidSettings,
    InvalidToken,
    MissingToken,
    SessionEnded,
    StoreUnavailable,
)
from watchword.events import Event, Listener, SessionsEnded, log_event
from watchword.jose.jwk import Key
from watchword.jose.key_set import KeySet
from watchword.jwt.issuer import Issuer
from watchword.jwt.profiles import access_token_verifier
from watchword.jwt.verifier import Verifier
from watchword.keyring import Keyring, plan_schedules
from watchword.keyring.operator_secret import derive_key, find_secrets
from watchword.logins import LoginProof, Subject
from watchword.logins.password import PasswordLogin
from watchword.sessions import (
    Client,
    FeedStatus,
    OneTime,
    ReplayGuard,
    Revocations,
    SessionProof,
    Sessions,
    SettingsRecord,
    Tokens,
    refresh_verifier,
)
from watchword.sessions.access_tokens import ACCESS_TOKENS, Identity
from watchword.settings import Settings, check_settings
from watchword.stores.contract import Account, Session, Stores
from watchword.stores.opening import find_announcements, open_stores

__all__ = ["Auth", "Subject"]

logger = logging.getLogger("watchword.events")


class Auth:
    """Log in, refresh, verify, log out.

    Opens the stores, makes its tables and keys where they are missing, and is then safe to use from many
    threads and after a fork. Every method but :meth:`jwks`, :meth:`ready`, :meth:`revocation_staleness` and
    :meth:`revocation_status` may raise :class:`~watchword.errors.StoreUnavailable`.

    Args:
        database_url: where state lives, as an SQLAlchemy URL; by default the settings'.
        issuer: the ``iss`` of the tokens; by default the settings'.
        audience: the ``aud`` of access tokens; by default the settings'.
        keys: one fixed key that signs access tokens, in place of the keyring's in the store.
        check_password: your own users: called with username and password, returns the
            :class:`Subject`, or ``None`` where they do not fit. What it raises reaches the caller and is not
            counted as a wrong password. By default the accounts in the store.
        subject_claims: further claims of a subject's access tokens (tenant, role, ...), asked for at login
            and at every refresh. ``scope`` (a string or a list) and ``preferred_username`` among them take
            the place of ours. ``None`` refuses the login or the refresh, and ends the session. What it
            raises reaches the caller; nothing is issued, and no session changes.
        breached: whether a new password of an account is known from a data breach; asked after all other
            rules, never at login. What it raises propagates, and the password is not set.
        listeners: told of every security event, after the log; one that fails stops nothing.
        settings: everything else.
        stores: where state lives, in place of what the settings name. :meth:`close` closes them.

    Attributes:
        settings: as given.
        stores: where state lives.
        keyring: our keys.
        accounts: usernames and passwords.
        one_time: tokens that work once, such as a password reset's.
        replay_guard: lets any verified token through once.
        find_client: asked for the Client where a caller gives none. A framework's adapter replaces it.

    Raises:
        InvalidSettings: the settings do not fit together, or the secret does not open the stored keys.
        StoreUnavailable: the store cannot be opened.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        keys: Key | None = None,
        check_password: Callable[[str, str], Subject | None] | None = None,
        subject_claims: Callable[[str], Mapping[str, Any] | None] | None = None,
        breached: Callable[[str], bool] | None = None,
        listeners: Iterable[Listener] = (),
        settings: Settings | None = None,
        stores: Stores | None = None,
    ) -> None:
        check_settings(settings)
        given = {"database_url": database_url, "issuer": issuer, "audience": audience}
        self.settings = settings = msgspec.structs.replace(
            settings or Settings(), **{name: value for name, value in given.items() if value is not None}
        )
        if stores is not None and not isinstance(stores, Stores):
            raise InvalidSettings(f"stores must be a Stores record, not {describe(stores)}")
        if stores is not None and database_url is not None:
            raise InvalidSettings("give stores or database_url, not both: the stores name where state lives")
        self.find_client: Callable[[], Client | None] = lambda: None
        self._listeners: tuple[Listener, ...] = (log_event, *listeners)
        self.stores = stores = stores or open_stores(settings)
        try:
            sealing = find_secrets(settings, stores)
            self._revocations = Revocations(
                stores.sessions,
                interval=settings.revocation_interval,
                max_age=settings.revocation_max_age,
                grace=settings.leeway,
                when_stale=settings.when_stale,
                on_keys_changed=self._follow_keys,
                on_settings=self._follow_settings,
                announcements=find_announcements(settings, stores),
                in_background=self._tend_keys,
            )
            self.keyring = Keyring(
                stores.keys,
                sealing,
                plan_schedules(settings),
                clock=self._revocations.now,
                notify=self._notify,
            )
        except BaseException:
            stores.close()
            raise
        access_keys = keys or self.keyring.public
        self._fixed_keys = KeySet([keys]) if keys else None
        self._make_verifier: Callable[[int], Verifier[Identity]] = lambda leeway: access_token_verifier(
            access_keys,
            issuer=settings.issuer,
            audience=settings.audience,
            claims=ACCESS_TOKENS,
            leeway=leeway,
            clock=self._revocations.read_fresh_time,  # verifying a token begins with what the store knows
        )
        self._verifier = self._make_verifier(settings.leeway)
        self._settings_record = SettingsRecord(stores.sessions, settings, notify=self._notify)
        self._followed = self._settings_record.recorded
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
        counters = getattr(stores.throttles, "address_counters", None)
        throttle = LoginThrottle(
            stores.throttles,
            key=derive_key(sealing[-1], "throttle"),
            settings=settings,
            addresses=counters() if counters else None,
        )
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
            InvalidCredentials: unknown user, wrong password or disabled account.
            Throttled: too many failures; nothing was checked.
            Overloaded: too many passwords are being checked; nothing was counted.
            InvalidRequest: the username or password is not text.
        """
        client = client or self.find_client()
        subject, account, amr, mark, began = self._prove_password(username, password, client)
        return self._sessions.start(
            subject.id,
            subject.username or subject.id,
            subject.scopes if account is None else None,
            client,
            account=account,
            mark=mark,
            began=began,
            amr=amr,
            claims=subject.claims,
        )

    def check_password(self, username: str, password: str, client: Client | None = None) -> Subject:
        """Check a password as :meth:`login` does, and start no session.

        Meant for a form that asks for the current password again. The check is throttled and recorded like a
        login's, so a stolen access token does not let its thief guess the password. Compare the subject with
        the identity of the request: user names can change hands.

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
    ) -> Tokens:
        """Start a session for a subject whose identity was proven elsewhere (OAuth, SAML, a passkey).

        If the subject is an account in the store, the account decides: its username counts, a scope is
        granted only if the account has it, at each refresh anew, and a disabled account gets no session.

        Args:
            subject: the ``sub`` of the tokens.
            scopes: the most that they grant.
            client: where the request came from.
            username: the name to show, by default the subject itself.
            amr: the methods that proved the subject's identity, by their names in RFC 8176: ``["hwk"]``.
            claims: further claims for every access token of the session. ``subject_claims`` replaces a claim
                of the same name. At most 2,048 bytes as JSON.

        Raises:
            InvalidSettings: an argument is malformed.
            Unissuable: ``claims`` names a claim that Watchword sets, is too large, or is not JSON.
            InvalidCredentials: the account is disabled, ``subject_claims`` refuses the subject, or all of its
                sessions were ended meanwhile.
        """
        client = client or self.find_client()
        mark = self._sessions.read_mark()
        account = None if self._has_own_users else self.accounts.find_by_subject(subject)
        return self._sessions.start(
            subject, username or subject, scopes, client, account=account, mark=mark, amr=amr, claims=claims
        )

    def refresh(self, refresh_token: str, client: Client | None = None) -> Tokens:
        """The next pair of tokens.

        Raises:
            InvalidGrant: the token is not, or no longer, good.
        """
        return self._sessions.refresh(refresh_token, client or self.find_client())

    def authenticate(self, access_token: str) -> Identity:
        """Who presents this access token. Does no I/O while :meth:`ready`.

        Raises:
            InvalidToken: the token is not to be trusted; the subclass says why.
            SessionEnded: it was good, and its session has ended.
            StoreUnavailable: what is known of ended sessions is too old to be trusted.
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
        """End the session that a token belongs to; whether it had ended before makes no difference.

        With both tokens, one good one is enough: after lunch the access token has expired.

        Raises:
            InvalidToken: neither names a session.
            InvalidGrant: the refresh token, given alone, is not ours.
        """
        proofs, failure = dict[str, SessionProof](), None
        for token, read in (
            (refresh_token, self._sessions.read_refresh_token),
            (access_token, self._read_access_token),  # last: its failure is the one to tell
        ):
            if token is None:
                continue
            try:
                proof = read(token)
            except (InvalidToken, InvalidGrant) as error:
                failure = error
            else:
                proofs.setdefault(proof.session_id, proof)
        if not proofs:
            raise failure or MissingToken
        client = client or self.find_client()
        for proof in proofs.values():
            self._sessions.log_out(proof, client)

    def logout_all(self, access_token: str, client: Client | None = None) -> None:
        """End every session of the subject of an access token, and the token's own in any case.

        Raises:
            InvalidToken: the token is not to be trusted; the subclass says why.
            SessionEnded: its session has ended.
        """
        client = client or self.find_client()
        subject = self.authenticate(access_token).subject
        self.end_all(subject, client=client)
        self._sessions.log_out(self._read_access_token(access_token), client)

    # -- sessions ----------------------------------------------------------------------------------

    def sessions(self, subject: str) -> Sequence[Session]:
        """The subject's live sessions, newest first."""
        return self._sessions.find_live(subject)

    def end(self, session_id: str, client: Client | None = None) -> None:
        """End a session. From then on its tokens are refused: here at once, elsewhere within a poll.

        The store need not know the session: it forgets sessions when a backup is restored.
        """
        self._sessions.log_out(self._sessions.name_session(session_id), client or self.find_client())

    def end_all(
        self,
        subject: str,
        keep: str | None = None,
        client: Client | None = None,
        *,
        actor: str | None = None,
    ) -> None:
        """End every session of a subject, except the one to ``keep``.

        Raises:
            InvalidSettings: the subject is not text, such as an id that is a number. No session has it.
        """
        client = client or self.find_client()
        self._sessions.end_all(subject, "logout_all", keep, client)
        address = client.ip_address if client else None
        self._notify(SessionsEnded(subject=subject, address=address, actor=actor))

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

    # -- running it --------------------------------------------------------------------------------

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK Set (RFC 7517 §5); secret keys are never in it.

        Where the store does not answer it is the one that was known last.
        """
        return self.published_keys().to_jwks()

    def published_keys(self) -> KeySet:
        """Return the keys behind :meth:`jwks`. Its ``version`` is another one whenever they are others."""
        if self._fixed_keys:
            return self._fixed_keys
        with suppress(StoreUnavailable):
            self._revocations.ensure_fresh()
        return self.keyring.public.keys

    def jwks_max_age(self) -> int:
        """Whole seconds for which others may keep :meth:`jwks`: until it changes, if that comes first.

        Zero while this process may have missed a change.
        """
        longest = self.settings.jwks_max_age
        if self._fixed_keys:
            return longest
        if not self.ready():
            return 0
        return max(1, int(min(longest, self.keyring.public.find_next_change() - self.now())))

    def ready(self) -> bool:
        """Whether :meth:`authenticate` would do no I/O right now."""
        return self._revocations.is_ready()

    def revocation_staleness(self) -> float:
        """Seconds by which this process may be behind with sessions that ended in others."""
        return self._revocations.measure_staleness()

    def revocation_status(self) -> FeedStatus:
        """How it stands with the news of sessions that ended in other processes."""
        return self._revocations.read_status()

    def check(self) -> None:
        """Return if this process can do its work; the question of a load balancer.

        Raises:
            StoreUnavailable: the store does not answer.
            RevocationsUnavailable: it does, but no news of ended sessions come.
        """
        self.stores.now()
        self._revocations.check()

    def find_settings_that_differ(self) -> tuple[str, ...]:
        """Return the names of the settings in which this node differs from the one that started last."""
        return self._settings_record.find_differences()

    def now(self) -> float:
        """The store's time in seconds since the epoch, as of the last poll and carried forward."""
        return self._revocations.now()

    @property
    def store(self) -> Stores:
        """The old name of :attr:`stores`."""
        warn_renamed("Auth.store", "Auth.stores")
        return self.stores

    def close(self) -> None:
        """Stop the polling thread and give back the store's connections."""
        self._revocations.close()
        self.stores.close()

    def add_listener(self, listener: Listener) -> None:
        """Tell this listener, too, of every event from now on."""
        self._listeners = (*self._listeners, listener)

    def _follow_keys(self, version: int) -> None:
        self.keyring.follow(version)

    def _follow_settings(self, recorded: str) -> None:
        """Accept what the other nodes accept, whatever this node's own settings are."""
        shared = self._settings_record.follow(recorded)
        if shared == self._followed or not self._revocations.keep_ends_for(shared.leeway):
            return
        self._sessions.follow(shared)
        self.one_time.follow_leeway(shared.leeway)
        self._verifier = self._make_verifier(shared.leeway)
        self._followed = shared

    def _tend_keys(self) -> None:
        self.keyring.tend()

    def _check_account(self, username: str, password: str) -> Account:
        return self.accounts.check(username, password)

    def _prove_password(self, username: str, password: str, client: Client | None) -> LoginProof:
        return self._password_login.prove(username, password, client.ip_address if client else None)

    def _read_access_token(self, access_token: str) -> SessionProof:
        identity = self._verifier.verify(access_token)
        session_id = cast("str", identity.session_id)  # ours all have one
        until = max(float(identity.claims["exp"]), self.now() + self.settings.access_lifetime)
        return SessionProof(session_id, identity.subject, until)

    def _notify(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # the session has started or ended; its caller must not be told otherwise
                logger.exception("a listener failed at the event %s", event.name)
