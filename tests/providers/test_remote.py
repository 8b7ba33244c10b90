"""Keys of a real identity provider on loopback: healthy, changing, misbehaving, gone."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hard_forks import answer_of_child

from watchword import FetchPolicy, IssuerKeySet, Key, KeySet, RemoteKeySet, Verifier
from watchword.errors import InvalidSettings, KeysUnavailable, UnknownKey
from watchword.events import Event, KeyFetchFailed, KeysFetched
from watchword.jose import base64url
from watchword.providers import freshness
from watchword.providers import remote as module

OLD, NEW = Key.generate("EdDSA"), Key.generate("EdDSA")
HOUR, DAY = 3_600, 86_400


class Clock:
    """A monotonic clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def make(provider, clock, told) -> Iterator[Callable[..., RemoteKeySet]]:
    made = []

    def making(
        url: str | None = None, kind: type[RemoteKeySet] = RemoteKeySet, **changes: Any
    ) -> RemoteKeySet:
        arguments = {"notify": told.append, "monotonic": clock} | changes
        made.append(kind(url or provider.jwks_url, **arguments))
        return made[-1]

    yield making
    for keys in made:
        keys.close()


@pytest.fixture
def keys(make, provider) -> RemoteKeySet:
    provider.publish(OLD)
    return make()


def kids(keys: RemoteKeySet) -> list[str]:
    return [key.kid for key in keys.find(None, "EdDSA")]


# -- healthy -------------------------------------------------------------------------------------


def test_making_one_does_no_request_and_the_first_search_does(keys, provider) -> None:
    assert provider.requests == []
    assert not keys.ready(OLD.kid, "EdDSA")
    assert [key.kid for key in keys.find(OLD.kid, "EdDSA")] == [OLD.kid]
    assert keys.ready(OLD.kid, "EdDSA")
    assert provider.requests == ["/jwks"]


def test_keys_that_are_here_cost_no_request(keys, provider) -> None:
    for _ in range(100):
        assert keys.find(OLD.kid, "EdDSA")
    assert provider.requests == ["/jwks"]


@pytest.mark.parametrize("alg", ["HS256", "none", "RSA-OAEP", "dir", "", "x"])
def test_an_alg_that_no_public_key_has_costs_no_request(keys, provider, alg) -> None:
    assert keys.ready(OLD.kid, alg)
    assert keys.find(OLD.kid, alg) == ()
    assert provider.requests == []


def test_the_same_keys_leave_the_version_alone_and_others_do_not(keys, provider, clock) -> None:
    before = keys.version
    keys.find(OLD.kid, "EdDSA")
    first = keys.version
    clock.now += HOUR
    keys._refresh()
    assert keys.version == first
    provider.publish(OLD, NEW)
    clock.now += HOUR
    keys._refresh()
    assert len({before, first, keys.version}) == 3
    assert kids(keys) == [OLD.kid, NEW.kid]


def test_a_key_that_is_taken_away_is_gone_with_the_next_refresh(keys, provider, clock) -> None:
    provider.publish(OLD, NEW)
    verifier = Verifier(keys, issuer=provider.url, audience="api")
    token = provider.issue(OLD)
    assert verifier.verify(token)
    provider.publish(NEW)
    clock.now += HOUR
    keys._refresh()
    with pytest.raises(UnknownKey):
        verifier.verify(token)


def test_a_refresh_comes_before_the_keys_are_stale_and_the_lifetime_is_the_providers(
    keys, provider, clock
) -> None:
    provider.publish(OLD, Cache_Control="max-age=1000")
    keys.find(OLD.kid, "EdDSA")
    clock.now += 690
    keys._refresh()
    assert len(provider.requests) == 1
    clock.now += 215
    keys._refresh()
    assert len(provider.requests) == 2


def test_what_was_not_refreshed_ahead_is_fetched_by_the_next_caller(keys, provider, clock) -> None:
    """After a machine slept, say."""
    assert kids(keys) == [OLD.kid]
    provider.publish(NEW)
    clock.now += HOUR
    assert not keys.ready(OLD.kid, "EdDSA")
    assert keys.find(OLD.kid, "EdDSA") == ()
    assert kids(keys) == [NEW.kid]


def test_last_success_and_last_error_tell_how_it_went(keys, provider, clock) -> None:
    assert (keys.last_success, keys.last_error) == (None, None)
    keys.find(OLD.kid, "EdDSA")
    assert keys.last_success > 1_700_000_000
    provider.fail()
    clock.now += HOUR
    keys._refresh()
    assert "500" in keys.last_error
    assert keys.last_success is not None
    provider.publish(OLD)
    clock.now += HOUR
    keys._refresh()
    assert keys.last_error is None


def test_changes_failures_and_recoveries_are_events_and_the_rest_is_none(keys, provider, clock, told) -> None:
    source = provider.jwks_url
    for _ in range(3):
        keys._refresh()
        keys.find(OLD.kid, "EdDSA")
        clock.now += HOUR
    assert told == [KeysFetched(source=source, keys=1)]
    provider.fail(503)
    keys._refresh()
    provider.publish(OLD)
    clock.now += HOUR
    keys._refresh()
    provider.serve("/jwks", {"keys": [NEW.to_jwk(), {"kty": "?"}]})
    clock.now += HOUR
    keys._refresh()
    assert told[1:] == [
        KeyFetchFailed(source=source, reason="the provider's server answers with status 503"),
        KeysFetched(source=source, keys=1),
        KeysFetched(source=source, keys=1, skipped=1),
    ]
    assert [skipped.index for skipped in keys.skipped] == [1]


# -- keys that are not known ---------------------------------------------------------------------


def test_a_key_that_has_come_since_is_found(keys, provider) -> None:
    assert kids(keys) == [OLD.kid]
    provider.publish(OLD, NEW)
    keys._history = keys._history._replace(asked_at=-HOUR)
    assert not keys.ready(NEW.kid, "EdDSA")
    assert keys.find(NEW.kid, "EdDSA")
    assert len(provider.requests) == 2


def test_ten_thousand_tokens_with_random_kids_cause_one_fetch_in_each_cool_down(
    keys, provider, clock
) -> None:
    provider.publish(OLD, Cache_Control="max-age=3600")
    verifier = Verifier(keys, issuer=provider.url, audience="api")
    good, number = provider.issue(OLD), itertools.count()
    for seconds in range(100):
        clock.now = 1_000.0 + seconds
        for _ in range(100):
            with pytest.raises(UnknownKey):
                verifier.verify(forged(next(number)))
        assert verifier.verify(good)
    assert next(number) == 10_000
    assert len(provider.requests) == 4  # at 0, 30, 60, 90 seconds


def forged(number: int) -> str:
    """A token by nobody."""
    header = base64url.encode(b'{"alg":"EdDSA","kid":"random %d"}' % number)
    return f"{header}.e30.{'A' * 86}"


def test_without_a_kid_the_keys_of_the_algorithm_are_tried(keys, provider) -> None:
    assert kids(keys) == [OLD.kid]
    assert keys.find(None, "RS256") == ()
    assert len(provider.requests) == 1


# -- the provider is away ------------------------------------------------------------------------


def test_with_no_keys_and_a_dead_server_they_are_unavailable(keys, provider) -> None:
    provider.fail()
    for _ in range(10):
        with pytest.raises(KeysUnavailable, match="500") as caught:
            keys.find(OLD.kid, "EdDSA")
    assert caught.value.status == 503
    assert caught.value.retry_after >= 0.5
    assert len(provider.requests) == 1
    assert keys.ready(OLD.kid, "EdDSA")  # to say so takes no I/O


def test_unavailable_ends_when_the_server_is_back(keys, provider, clock) -> None:
    provider.fail()
    with pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")
    provider.publish(OLD)
    clock.now += 1
    assert keys.find(OLD.kid, "EdDSA")


def test_with_the_provider_dead_for_an_hour_every_good_token_still_verifies(keys, provider, clock) -> None:
    verifier = Verifier(keys, issuer=provider.url, audience="api", cache_size=0)
    tokens = [provider.issue(OLD, f"user-{number}") for number in range(20)]
    assert verifier.verify(tokens[0])
    provider.fail()
    for _ in range(HOUR // 30):
        clock.now += 30
        keys._refresh()
        for token in tokens:
            assert verifier.verify(token)
        assert Verifier(keys, issuer=provider.url, audience="api").verify(tokens[0])
    assert len(provider.requests) < 130  # pauses have grown to a minute


def test_stale_keys_are_used_for_a_day_and_no_longer(keys, provider, clock) -> None:
    verifier = Verifier(keys, issuer=provider.url, audience="api")
    token = provider.issue(OLD)
    assert verifier.verify(token)
    provider.fail()
    started = clock.now
    for hour in range(1, 25):
        clock.now = started + hour * HOUR
        keys._refresh()
        assert verifier.verify(token)
    clock.now += 301
    keys._refresh()
    dropped = keys.version
    keys._refresh()
    assert keys.version == dropped
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            verifier.verify(token)


def test_keys_that_are_too_old_are_not_used_even_where_the_thread_has_not_come_to_it(
    keys, provider, clock
) -> None:
    assert kids(keys) == [OLD.kid]
    provider.fail()
    clock.now += DAY + 1
    with pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")


def test_while_the_provider_is_away_a_key_that_is_not_known_is_unavailable_and_not_unknown(
    keys, provider, clock
) -> None:
    assert kids(keys) == [OLD.kid]
    provider.fail()
    clock.now += HOUR
    keys._refresh()
    requests = len(provider.requests)
    with pytest.raises(KeysUnavailable):
        keys.find(NEW.kid, "EdDSA")
    assert keys.find(OLD.kid, "EdDSA")
    assert len(provider.requests) == requests


MISHAPS: dict[str, Callable[[Any], Any]] = {
    "500": lambda how: how["status"](500),
    "404": lambda how: how["status"](404),
    "another content type": lambda how: how["body"](b"<html>Sign in</html>", "text/html"),
    "truncated JSON": lambda how: how["body"](b'{"keys": [{"kty": "OKP", '),
    "10 MB": lambda how: how["body"](b" " * 10_000_000),
    "a redirect to a private address": lambda how: how["status"](302, Location="http://10.0.0.1/"),
    "no keys": lambda how: how["body"](b'{"keys": []}'),
    "1,000 keys": lambda how: how["body"](
        b'{"keys": [' + b", ".join([b'{"kty": "OKP", "crv": "Ed25519", "x": "AA"}'] * 1_000) + b"]}"
    ),
    "garbage": lambda how: how["body"](os.urandom(1_000)),
    "not HTTP": lambda how: lambda handler: handler.wfile.write(b"\0" * 100),
    "nothing": lambda how: lambda handler: None,
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_the_provider_answers_the_keys_stay_and_the_failure_is_told(
    keys, provider, clock, told, answering, mishap
) -> None:
    assert kids(keys) == [OLD.kid]
    version = keys.version
    provider.answers["/jwks"] = MISHAPS[mishap](answering)
    clock.now += HOUR
    keys._refresh()
    assert kids(keys) == [OLD.kid]
    assert keys.version == version
    assert isinstance(told[-1], KeyFetchFailed)
    assert told[-1].reason == keys.last_error
    assert keys.last_error.isprintable()
    assert len(keys.last_error) < 2_500


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_the_provider_answers_first_the_keys_are_unavailable(
    keys, provider, answering, mishap
) -> None:
    provider.answers["/jwks"] = MISHAPS[mishap](answering)
    with pytest.raises(KeysUnavailable) as caught:
        keys.find(OLD.kid, "EdDSA")
    assert keys.last_error.startswith(str(caught.value))
    assert provider.url not in str(caught.value)  # which clients get to see
    assert caught.value.__notes__ == [f"{provider.jwks_url}: {keys.last_error}"]


def test_where_no_key_can_be_used_it_is_told_why_for_each(keys, provider, told, clock) -> None:
    weak = Key.generate("RS256").to_jwk() | {"e": "AQ", "kid": "\x1b weak"}
    provider.serve("/jwks", {"keys": [weak, NEW.to_jwk(private=True)]})
    with pytest.raises(KeysUnavailable) as caught:
        keys.find(NEW.kid, "EdDSA")
    assert str(caught.value) == "the provider's key set has no key that can be used"
    assert [(skipped.index, skipped.kid) for skipped in keys.skipped] == [(0, "\x1b weak"), (1, NEW.kid)]
    assert "kid '\\x1b weak': an RSA key needs a public exponent of at least 65537" in keys.last_error
    assert f"kid '{NEW.kid}': a secret or private key" in keys.last_error
    assert told[-1].reason == keys.last_error
    provider.publish(OLD)
    clock.now += HOUR
    assert kids(keys) == [OLD.kid]
    assert keys.skipped == ()


def test_a_wrong_issuer_is_a_setting_to_mend_and_no_outage(make, provider, told, clock) -> None:
    provider.publish(OLD)
    keys = make(f"{provider.url}/", IssuerKeySet)
    for _ in range(2):  # the second one asks nobody
        with pytest.raises(InvalidSettings, match=f"'{provider.url}/', but .* '{provider.url}'\\."):
            keys.find(OLD.kid, "EdDSA")
    assert len(provider.requests) == 1
    assert told == [KeyFetchFailed(source=f"{provider.url}/", reason=keys.last_error)]
    provider.serve(
        "/.well-known/openid-configuration", {"issuer": f"{provider.url}/", "jwks_uri": provider.jwks_url}
    )
    clock.now += HOUR
    assert kids(keys) == [OLD.kid]


def test_an_issuer_that_changes_its_name_is_an_outage_for_those_who_knew_it(make, provider, clock) -> None:
    provider.publish(OLD)
    keys = make(provider.url, IssuerKeySet)
    assert kids(keys) == [OLD.kid]
    provider.serve(
        "/.well-known/openid-configuration", {"issuer": "https://b.example", "jwks_uri": provider.jwks_url}
    )
    clock.now += HOUR
    assert kids(keys) == [OLD.kid]
    assert "'https://b.example'" in keys.last_error
    with pytest.raises(KeysUnavailable) as caught:
        keys.find(NEW.kid, "EdDSA")
    assert "b.example" not in str(caught.value)


def test_headers_of_the_application_open_a_provider_that_wants_them(make, provider) -> None:
    def guard(handler: Any) -> None:
        if handler.headers.get("Authorization") == "Bearer x":
            answer(handler)
        else:
            handler.send_error(401)

    provider.publish(OLD)
    answer, provider.answers["/jwks"] = provider.answers["/jwks"], guard
    with pytest.raises(KeysUnavailable, match="refuses the request with status 401"):
        make().find(OLD.kid, "EdDSA")
    assert kids(make(fetch=FetchPolicy(headers={"Authorization": "Bearer x"}))) == [OLD.kid]


def test_what_exactly_went_wrong_is_in_the_log_for_who_asks(keys, provider, caplog) -> None:
    provider.answers["/jwks"] = MISHAPS["not HTTP"](None)
    caplog.set_level("DEBUG", "watchword.keys")
    with pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")
    assert "BadStatusLine" in caplog.text


def slow(answer: Any, seconds: float) -> Any:
    def late(handler: Any) -> None:
        threading.Event().wait(seconds)
        answer(handler)

    return late


def test_a_slow_answer_is_waited_for(keys, provider) -> None:
    provider.answers["/jwks"] = slow(provider.answers["/jwks"], 0.2)
    assert kids(keys) == [OLD.kid]


def test_a_provider_that_hangs_is_given_up_and_the_keys_stay(make, provider, clock) -> None:
    provider.publish(OLD)
    keys = make(fetch=FetchPolicy(timeout=1))
    assert kids(keys) == [OLD.kid]
    provider.answers["/jwks"] = slow(provider.answers["/jwks"], 3)
    clock.now += HOUR
    keys._refresh()
    assert keys.last_error == f"the provider's server does not answer in time: {provider.url}"
    assert kids(keys) == [OLD.kid]


def test_a_failure_that_nobody_thought_of_is_one_like_another_and_is_logged(
    keys, clock, monkeypatch, caplog
) -> None:
    assert kids(keys) == [OLD.kid]
    monkeypatch.setattr(keys, "_fetch_keys", lambda: 1 / 0)
    clock.now += HOUR
    keys._refresh()
    assert kids(keys) == [OLD.kid]
    assert keys.last_error == "an unexpected failure"
    assert "ZeroDivisionError" in caplog.text


def test_a_listener_that_raises_stops_neither_the_caller_nor_the_thread(
    make, provider, clock, caplog
) -> None:
    def raising(event: Event) -> None:
        raise ZeroDivisionError

    provider.publish(OLD)
    keys = make(notify=raising)
    assert kids(keys) == [OLD.kid]
    provider.fail()
    clock.now += HOUR
    keys._refresh()
    assert keys._thread.is_running()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError, ZeroDivisionError]


# -- threads, forks, ends ------------------------------------------------------------------------


def test_sixty_four_threads_that_start_cold_cause_one_fetch(keys, provider) -> None:
    answer, all_here = provider.answers["/jwks"], threading.Barrier(65)
    provider.answers["/jwks"] = lambda handler: (all_here.wait(10), answer(handler))
    token, results = provider.issue(OLD), []
    verifier = Verifier(keys, issuer=provider.url, audience="api")

    def verify(number: int) -> None:
        if number:  # the first one's request lets the others go
            all_here.wait(10)
        results.append(verifier.verify(token)["sub"])

    threads = [threading.Thread(target=verify, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    all_here.wait(10)
    for thread in threads:
        thread.join()
    assert results == ["user-1"] * 64
    assert provider.requests == ["/jwks"]


def test_a_caller_does_not_wait_for_ever_for_anothers_fetch(keys, monkeypatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with keys._fetching.obtain(), pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")


def test_where_there_are_keys_a_caller_waits_for_a_moment_only(keys, clock, monkeypatch) -> None:
    keys.find(OLD.kid, "EdDSA")
    clock.now += 40
    monkeypatch.setattr(module, "SHORT_PATIENCE", 0.01)
    with keys._fetching.obtain():
        with pytest.raises(KeysUnavailable):
            keys.find(NEW.kid, "EdDSA")
        assert keys.find(OLD.kid, "EdDSA")


def test_nobody_waits_for_one_who_tries_again_what_has_failed(keys, provider, clock) -> None:
    provider.fail()
    with pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")
    clock.now += 1
    assert keys._choose_patience() == 0
    with keys._fetching.obtain(), pytest.raises(KeysUnavailable):
        keys.find(OLD.kid, "EdDSA")
    assert provider.requests == ["/jwks"]


def test_who_waits_in_vain_for_a_fetch_goes_on_with_the_key_that_is_here(keys, clock, monkeypatch) -> None:
    """After a machine slept, say, and with a provider that takes its time."""
    keys.find(OLD.kid, "EdDSA")
    clock.now += HOUR
    monkeypatch.setattr(module, "SHORT_PATIENCE", 0.01)
    with keys._fetching.obtain():
        assert keys.find(OLD.kid, "EdDSA")
        clock.now += DAY
        with pytest.raises(KeysUnavailable):
            keys.find(OLD.kid, "EdDSA")


def test_a_system_without_a_thread_to_give_refuses_no_token(keys, monkeypatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    keys.find(OLD.kid, "EdDSA")
    keys.close()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert keys.find(OLD.kid, "EdDSA")
        assert not keys._thread.is_running()
    assert keys.find(OLD.kid, "EdDSA")
    assert keys._thread.is_running()


def test_a_forked_child_that_finds_the_provider_away_goes_on_trying(keys, provider, clock) -> None:
    keys.find(OLD.kid, "EdDSA")
    provider.fail()
    clock.now += HOUR
    keys._refresh()

    def work() -> bool:
        with pytest.raises(KeysUnavailable):
            keys.find(NEW.kid, "EdDSA")
        return keys._thread.is_running()

    assert answer_of_child(work)


def test_a_caller_who_waited_finds_the_keys_here_and_does_not_fetch(keys, provider) -> None:
    keys.find(OLD.kid, "EdDSA")
    assert keys._fetch_or_wait(OLD.kid, "EdDSA") is freshness.SearchDecision.ANSWER
    assert provider.requests == ["/jwks"]


def test_a_fetch_slower_than_the_cool_down_is_not_repeated_by_the_same_caller(keys, provider, clock) -> None:
    answer = provider.answers["/jwks"]

    def slow(handler: Any) -> None:
        clock.now += 100
        answer(handler)

    provider.answers["/jwks"] = slow
    assert keys.find(NEW.kid, "EdDSA") == ()
    assert provider.requests == ["/jwks"]


def test_the_thread_refreshes_by_itself_and_stops(provider, make) -> None:
    provider.publish(OLD)
    elapsed, fetched = itertools.count(0, 1_000), threading.Semaphore(0)
    keys = make(monotonic=lambda: next(elapsed))  # time flies
    keys.find(OLD.kid, "EdDSA")
    thread, answer = keys._thread._runs.obtain().thread, provider.answers["/jwks"]
    provider.answers["/jwks"] = lambda handler: (fetched.release(), answer(handler))
    assert fetched.acquire(timeout=10)
    assert fetched.acquire(timeout=10)
    keys.close()
    assert not thread.is_alive()


def test_the_thread_sleeps_until_a_refresh_is_due_but_not_for_long(keys, clock) -> None:
    keys.find(OLD.kid, "EdDSA")
    assert keys._choose_pause() == 30
    clock.now = keys._history.due_at - 5
    assert keys._choose_pause() == 5
    clock.now += HOUR
    assert 0 < keys._choose_pause() < 1


def test_closing_what_has_not_begun_is_no_trouble(keys) -> None:
    keys.close()
    assert keys.find(OLD.kid, "EdDSA")


def test_a_forked_child_goes_on_with_the_keys_that_are_here_and_refreshes_them(keys, provider, clock) -> None:
    verifier = Verifier(keys, issuer=provider.url, audience="api")
    known, unknown, forged = (provider.issue(OLD) for _ in range(3))
    assert verifier.verify(known)
    version = keys.version
    provider.publish(NEW)

    def work() -> list[object]:
        told = [verifier.verify(token)["sub"] for token in (known, unknown)]  # no request: they are fresh
        told += [keys.version != version, keys._thread.is_running()]
        clock.now += HOUR
        keys._refresh()
        with pytest.raises(UnknownKey):
            verifier.verify(forged)
        return told

    with keys._fetching.obtain():  # held by a thread of the parent, say
        assert answer_of_child(work) == ["user-1", "user-1", True, True]
    assert provider.requests == ["/jwks"] * 3, "the last is for the key that is not there any more"


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithms", ["RS256", [], ["HS256"], ["none"], ["RS256", "x"], 5, [[]]])
def test_algorithms_are_names_of_those_with_public_keys(make, algorithms) -> None:
    with pytest.raises(
        InvalidSettings,
        match=r'algorithms must be a collection of names such as ."ES256"., not .*\. Accepted are ES256, ',
    ):
        make(algorithms=algorithms)


def test_other_algorithms_than_those_given_are_not_found(make, provider) -> None:
    rsa = Key.generate("RS256")
    provider.publish(OLD, rsa)
    keys = make(algorithms=["RS256"])
    assert [key.kid for key in keys.find(None, "RS256")] == [rsa.kid]
    assert kids(keys) == []


@pytest.mark.parametrize("url", ["http://idp.example/jwks", "https://10.0.0.1/jwks", "jwks.json", ""])
def test_a_url_that_may_not_be_fetched_is_refused_at_once(url) -> None:
    with pytest.raises(InvalidSettings):
        RemoteKeySet(url)


# -- by issuer -----------------------------------------------------------------------------------


@pytest.fixture
def issuers(make, provider) -> IssuerKeySet:
    provider.publish(OLD)
    return make(provider.url, IssuerKeySet)


def test_an_issuers_keys_are_where_its_metadata_say(issuers, provider) -> None:
    assert provider.requests == []
    assert kids(issuers) == [OLD.kid]
    assert provider.requests == ["/.well-known/openid-configuration", "/jwks"]


def test_a_new_place_of_the_keys_is_found_with_the_next_refresh(issuers, provider, clock) -> None:
    assert kids(issuers) == [OLD.kid]
    elsewhere = {"issuer": provider.url, "jwks_uri": f"{provider.url}/keys"}
    provider.serve("/.well-known/openid-configuration", elsewhere)
    provider.serve("/keys", KeySet([NEW]).to_jwks())
    clock.now += HOUR
    issuers._refresh()
    assert kids(issuers) == [NEW.kid]


@pytest.mark.parametrize(
    ("stated", "given", "expected"),
    [
        (["EdDSA", "HS256"], None, [OLD.kid]),
        (["RS256"], None, None),
        (["RS256", "EdDSA"], ["EdDSA"], [OLD.kid]),
        (["RS256"], ["EdDSA"], None),
        (["none"], None, None),
        ([], None, None),
        (["Ed25519"], ["EdDSA"], [OLD.kid]),
        (["EdDSA"], ["Ed25519"], [OLD.kid]),
        (None, ["EdDSA"], [OLD.kid]),
        (None, ["RS256"], None),
    ],
)
def test_the_algorithms_of_the_metadata_only_narrow(make, provider, stated, given, expected) -> None:
    provider.publish(OLD)
    metadata = {"issuer": provider.url, "jwks_uri": provider.jwks_url}
    if stated is not None:
        metadata["id_token_signing_alg_values_supported"] = stated
    provider.serve("/.well-known/openid-configuration", metadata)
    keys = make(provider.url, IssuerKeySet, algorithms=given)
    if expected is None:
        with pytest.raises(KeysUnavailable, match="no key that can be used"):
            kids(keys)
    else:
        assert kids(keys) == expected


def test_neither_the_metadata_nor_the_application_widens_what_the_other_accepts(make, provider) -> None:
    rsa, ec = Key.generate("RS256"), Key.generate("ES256")
    provider.publish(OLD, rsa, ec)
    metadata = {"issuer": provider.url, "jwks_uri": provider.jwks_url}
    named = {"id_token_signing_alg_values_supported": ["RS256", "EdDSA"]}
    provider.serve("/.well-known/openid-configuration", metadata | named)
    keys = make(provider.url, IssuerKeySet, algorithms=["EdDSA", "ES256"])
    assert kids(keys) == [OLD.kid]
    assert keys.find(rsa.kid, "RS256") == keys.find(ec.kid, "ES256") == ()


@pytest.mark.parametrize(
    "uri", ["http://10.0.0.1/jwks", "https://169.254.169.254/", "file:///etc/passwd", "/jwks"]
)
def test_metadata_that_name_a_place_that_is_not_safe_are_refused(issuers, provider, uri) -> None:
    provider.serve("/.well-known/openid-configuration", {"issuer": provider.url, "jwks_uri": uri})
    with pytest.raises(KeysUnavailable, match="not safe"):
        kids(issuers)
