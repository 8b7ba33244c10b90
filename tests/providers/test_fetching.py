"""Fetching from a real HTTP server on loopback that behaves in every bad way."""

from __future__ import annotations

import gc
import gzip
import os
import socket
import ssl
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from watchword import FetchPolicy
from watchword.errors import InvalidSettings, KeysUnavailable
from watchword.providers import connections
from watchword.providers.documents import MAX_BODY, DocumentMissing
from watchword.providers.fetching import Fetcher

USUAL, QUICK = FetchPolicy(), FetchPolicy(timeout=0.4)  # quick is for what does not end, as machines are slow
METADATA_SERVICE = "169.254.169.254"
PACKED = gzip.compress(b"{}", mtime=0)  # without the time, which would be in the name of the test


@pytest.fixture
def fetch(provider) -> Callable[..., Any]:
    """Fetches what the provider answers with at ``/x``."""

    def fetching(answer: Any, policy: FetchPolicy = USUAL) -> Any:
        provider.answers["/x"] = answer
        return Fetcher(provider.url, policy).fetch(f"{provider.url}/x")

    return fetching


@pytest.fixture
def resolve(monkeypatch) -> Callable[..., list[str]]:
    """Lets a name have addresses; returns the names asked for, in their order."""
    real, table, asked = socket.getaddrinfo, {}, []

    def getaddrinfo(host, port, *arguments, **keywords):
        if host not in table:
            return real(host, port, *arguments, **keywords)
        asked.append(host)
        addresses = table[host].pop(0) if len(table[host]) > 1 else table[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def resolving(name: str, *answers: list[str]) -> list[str]:
        table[name] = list(answers)
        return asked

    return resolving


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(KeysUnavailable) as caught:
        call()
    return str(caught.value)


def details(call: Callable[[], object]) -> str:
    """What a failure says to logs alone."""
    with pytest.raises(KeysUnavailable) as caught:
        call()
    said = "; ".join(caught.value.__notes__)
    assert said not in str(caught.value)
    assert said.isascii()
    assert said.isprintable()
    return said


# -- answers -------------------------------------------------------------------------------------


def test_the_document_is_fetched_with_what_its_headers_say(fetch, answering, provider) -> None:
    document = fetch(answering["body"](b"{}", Cache_Control="max-age=60", Age="7"))
    assert document == (b"{}", "max-age=60", "7")
    assert provider.heard["Accept-Encoding"] == "identity"
    assert provider.heard["Host"] == provider.url.removeprefix("http://")
    assert "Authorization" not in provider.heard


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/jwk-set+json", "Application/JSON; charset=utf-8", "text/plain; charset=utf-8"),
        *("application/octet-stream", "binary/octet-stream", ""),
    ],
)
def test_json_by_any_name_is_taken_and_what_static_hosts_call_it(fetch, answering, content_type) -> None:
    assert fetch(answering["body"](b"{}", content_type)).body == b"{}"


@pytest.mark.parametrize("content_type", ["text/html", "application/jsonp", "json", "image/png"])
def test_another_content_type_is_refused(fetch, answering, content_type) -> None:
    assert "not declared as JSON" in failure(lambda: fetch(answering["body"](b"{}", content_type)))
    assert f"declares '{content_type}'" in details(lambda: fetch(answering["body"](b"{}", content_type)))


@pytest.mark.parametrize("code", [400, 404, 405, 406, 410])
def test_a_document_that_is_not_there_is_missing(fetch, answering, code) -> None:
    with pytest.raises(DocumentMissing, match="does not have the document") as caught:
        fetch(answering["status"](code))
    assert not caught.value.is_refusal
    assert f"/x answers with status {code}" in caught.value.__notes__[0]


@pytest.mark.parametrize("code", [401, 403])
def test_a_server_that_refuses_us_is_told_as_such(fetch, answering, code) -> None:
    with pytest.raises(DocumentMissing, match=f"refuses the request with status {code}") as caught:
        fetch(answering["status"](code))
    assert caught.value.is_refusal
    assert "FetchPolicy(headers=...)" in caught.value.__notes__[0]


@pytest.mark.parametrize("code", [204, 206, 418, 429, 500, 502, 503])
def test_another_status_is_a_failure(fetch, answering, code) -> None:
    assert str(code) in failure(lambda: fetch(answering["status"](code)))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(fetch, answering, provider, code) -> None:
    target = f"http://{METADATA_SERVICE}/latest"
    assert "redirects" in failure(lambda: fetch(answering["status"](code, Location=target)))
    assert "redirects" in failure(lambda: fetch(answering["status"](code, Location="/y")))
    assert "/x redirects to '/y':" in details(lambda: fetch(answering["status"](code, Location="/y?token=1")))
    private = "https://user:secret@idp.example/y?token=secret"
    assert "secret" not in details(lambda: fetch(answering["status"](code, Location=private)))
    hostile = "https://idp.example/" + "\x1b" * 5_000
    assert len(details(lambda: fetch(answering["status"](code, Location=hostile)))) < 2_000
    assert provider.requests == ["/x"] * 5


def test_ten_megabytes_are_not_read_to_their_end(fetch, answering) -> None:
    assert "longer" in failure(lambda: fetch(answering["body"](b" " * 10_000_000), USUAL))


def test_a_mebibyte_is_read_and_a_byte_more_is_not(fetch, answering) -> None:
    assert len(fetch(answering["body"](b" " * MAX_BODY), USUAL).body) == MAX_BODY
    assert "longer" in failure(lambda: fetch(answering["body"](b" " * (MAX_BODY + 1)), USUAL))


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_body_that_was_packed_unasked_is_unpacked(fetch, answering, encoding) -> None:
    for content in (b"{}", b"", b" " * MAX_BODY, os.urandom(300_000)):
        answer = answering["body"](gzip.compress(content), Content_Encoding=encoding)
        assert fetch(answer, USUAL).body == content


@pytest.mark.parametrize(
    "content", [b" " * (MAX_BODY + 1), b" " * 200_000_000, os.urandom(MAX_BODY)], ids=len
)
def test_a_packed_body_is_bounded_as_it_comes_and_unpacked(fetch, answering, content) -> None:
    answer = answering["body"](gzip.compress(content, 1), Content_Encoding="gzip")
    tracemalloc.start()
    assert "longer" in failure(lambda: fetch(answer, USUAL))
    assert tracemalloc.get_traced_memory()[1] < 16 * MAX_BODY
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (PACKED[:-1], "gzip", "incomplete"),
        (PACKED * 2, "gzip", "incomplete"),
        (PACKED + b"x", "gzip", "incomplete"),
        (b"", "gzip", "incomplete"),
        (b"{}", "gzip", "not gzip, although its Content-Encoding is"),
        (zlib.compress(b"{}"), "gzip", "not gzip, although its Content-Encoding is"),
        (zlib.compress(b"{}"), "deflate", "not accepted"),
        (b"{}", "br", "not accepted"),
        (gzip.compress(PACKED, mtime=0), "gzip, gzip", "not accepted"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_a_failure(fetch, answering, content, encoding, said) -> None:
    assert said in failure(lambda: fetch(answering["body"](content, Content_Encoding=encoding)))


def test_a_body_that_ends_early_is_a_failure(fetch) -> None:
    def truncated(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"keys": [')

    assert "connection" in failure(lambda: fetch(truncated))


def test_no_http_at_all_is_a_failure(fetch) -> None:
    assert "connection" in failure(lambda: fetch(lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n")))


def test_a_flood_of_headers_is_a_failure(fetch, answering) -> None:
    headers = {f"X_{number}": "x" for number in range(200)}
    assert "connection" in failure(lambda: fetch(answering["body"](b"{}", **headers)))


# -- time ----------------------------------------------------------------------------------------


def drip(handler: Any, piece: bytes) -> None:
    """Send a piece now and then, until the client hangs up."""
    while True:
        handler.wfile.write(piece)
        handler.wfile.flush()
        threading.Event().wait(0.02)


def dripping_body(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    drip(handler, b" ")


def dripping_headers(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    drip(handler, b"x")


def chunked_without_end(handler: Any) -> None:
    handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    drip(handler, b"1\r\n \r\n")


def silence(handler: Any) -> None:
    handler.rfile.read(1)


@pytest.mark.parametrize("answer", [dripping_body, dripping_headers, chunked_without_end, silence])
def test_whatever_does_not_end_is_ended(fetch, answer) -> None:
    assert "in time" in failure(lambda: fetch(answer, QUICK))


def test_time_that_is_over_before_there_is_a_connection_cuts_nothing() -> None:
    connections._shut_down(lambda: None)


def test_nothing_goes_on_after_a_fetch(fetch, answering) -> None:
    fetch(answering["body"](b"{}"), FetchPolicy(timeout=60))
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)


def test_an_endless_body_ends_at_its_bound(fetch) -> None:
    def endless(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            handler.wfile.write(b" " * 65_536)

    assert "longer" in failure(lambda: fetch(endless, USUAL))


def test_time_that_is_over_before_it_began_connects_to_nobody(provider, answering) -> None:
    fetcher = Fetcher(provider.url, FetchPolicy(timeout=1e-9))
    assert "in time" in failure(lambda: fetcher.fetch(provider.url))
    assert provider.requests == []


def test_nobody_listening_is_a_failure() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert "connection" in failure(lambda: Fetcher(url, USUAL).fetch(url))


def test_a_name_that_nobody_knows_is_a_failure(monkeypatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    fetcher = Fetcher("https://idp.example", USUAL)
    assert "name" in failure(lambda: fetcher.fetch("https://idp.example/x"))


# -- where a connection may go -------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("http://idp.example", "http://93.184.216.34/", "ftp://idp.example", "https://u@idp.example", "x"),
        *("https://10.0.0.1/", f"https://{METADATA_SERVICE}/", "https://[fe80::1]/", "https://0.0.0.0/"),
        *("https://[::ffff:10.0.0.1]/", "https://[::ffff:169.254.169.254]/", "https://224.0.0.1/"),
    ],
)
def test_what_the_application_gives_is_checked_at_once(url) -> None:
    with pytest.raises(InvalidSettings):
        Fetcher(url, FetchPolicy())
    with pytest.raises(InvalidSettings, match=r"fetch must be a FetchPolicy such as .*, not dict"):
        Fetcher("https://idp.example", {"timeout": 5})  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://[::1]:1", "https://127.0.0.1", "https://idp.example"]
)
def test_this_machine_may_be_given_and_then_with_http(url) -> None:
    Fetcher(url, FetchPolicy())


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:80/", "https://127.0.0.1/", "https://localhost/", "http://localhost/"),
        *("https://[::1]/", "http://idp.example/", "https://10.0.0.1/", f"https://{METADATA_SERVICE}/"),
        *("https://[::ffff:7f00:1]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"),
        *("file:///etc/passwd", "https://idp.example@localhost/"),
    ],
)
def test_a_provider_elsewhere_cannot_send_us_to_this_machine_or_network(url) -> None:
    said = failure(lambda: Fetcher("https://idp.example", FetchPolicy()).fetch(url))
    assert "not safe" in said or "public address" in said


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", METADATA_SERVICE, "0.0.0.0", "::1", "::ffff:127.0.0.1", "fe80::1%lo"]
)
def test_a_name_that_resolves_to_an_inner_address_is_not_connected_to(resolve, address) -> None:
    resolve("idp.example", [address])
    fetcher = Fetcher("https://idp.example", FetchPolicy())
    assert "public address" in failure(lambda: fetcher.fetch("https://idp.example/x"))


def test_localhost_over_http_is_only_this_machine(resolve, provider) -> None:
    resolve("localhost", ["93.184.216.34"])
    home = f"http://localhost:{provider.port}"
    assert "public address" in failure(lambda: Fetcher(home, USUAL).fetch(home))


def test_localhost_by_name_is_fetched(provider, answering) -> None:
    provider.answers["/x"] = answering["body"](b"{}")
    home = f"http://localhost:{provider.port}"
    assert Fetcher(home, USUAL).fetch(f"{home}/x").body == b"{}"
    assert provider.heard["Host"] == f"localhost:{provider.port}"


def test_link_local_addresses_are_refused_even_where_private_ones_are_allowed(resolve) -> None:
    resolve("idp.example", [METADATA_SERVICE, "224.0.0.1", "0.0.0.0"])
    fetcher = Fetcher("https://idp.example", FetchPolicy(allow_private=True))
    assert "public address" in failure(lambda: fetcher.fetch("https://idp.example/x"))


def test_a_name_is_resolved_once_and_just_that_address_is_connected_to(
    resolve, provider, answering, monkeypatch
) -> None:
    """DNS rebinding: a good address when it is checked, this machine a moment later."""
    provider.answers["/x"] = answering["body"](b"{}")
    connected: list[str] = []
    monkeypatch.setattr(
        connections.HTTPConnection,
        "connect",
        lambda connection: connected.append(connection.host) or refuse(),
    )
    asked = resolve("idp.example", ["93.184.216.34"], ["127.0.0.1"])
    fetcher = Fetcher("http://idp.example", FetchPolicy(allow_http=True))
    failure(lambda: fetcher.fetch(f"http://idp.example:{provider.port}/x"))
    assert asked == ["idp.example"]
    assert connected == ["93.184.216.34"]
    assert provider.requests == []


def refuse() -> None:
    raise ConnectionRefusedError


def test_of_several_addresses_those_that_are_allowed_are_tried_in_turn(resolve, provider, answering) -> None:
    provider.answers["/x"] = answering["body"](b"{}")
    resolve("idp.example", [METADATA_SERVICE, "127.0.0.2", "127.0.0.1"])
    policy = FetchPolicy(allow_http=True, allow_private=True)
    url = f"http://idp.example:{provider.port}/x"
    assert Fetcher(url, policy).fetch(url).body == b"{}"


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate for ``idp.example``, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("idp.example"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "idp.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def secure(start_provider, certificate, answering) -> Any:
    """A provider that speaks TLS, and what it heard as server name (SNI)."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    names: list[str | None] = []
    serving = start_provider(tls)
    serving.names = names
    serving.answers["/x"] = answering["body"](b"{}")
    return serving


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(resolve, secure, certificate) -> None:
    resolve("idp.example", ["127.0.0.1"])
    policy = FetchPolicy(allow_private=True, ca_file=str(certificate))
    url = f"https://idp.example:{secure.port}/x"
    assert Fetcher(url, policy).fetch(url).body == b"{}"
    assert secure.names == ["idp.example"]
    assert secure.heard["Host"] == f"idp.example:{secure.port}"


def test_a_certificate_for_an_address_is_enough_for_that_address(secure, certificate) -> None:
    url = f"{secure.url}/x"
    assert Fetcher(url, FetchPolicy(ca_file=str(certificate))).fetch(url).body == b"{}"


def test_a_certificate_of_another_name_is_refused(resolve, secure, certificate) -> None:
    resolve("other.example", ["127.0.0.1"])
    policy = FetchPolicy(allow_private=True, ca_file=str(certificate))
    url = f"https://other.example:{secure.port}/x"
    assert "certificate" in failure(lambda: Fetcher(url, policy).fetch(url))
    assert secure.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(secure) -> None:
    url = f"{secure.url}/x"
    assert "certificate" in failure(lambda: Fetcher(url, FetchPolicy()).fetch(url))
    assert secure.requests == []


def test_fetchers_share_what_they_trust(certificate) -> None:
    url = "https://idp.example"
    first, second = (Fetcher(url, FetchPolicy()) for _ in range(2))
    other = Fetcher(url, FetchPolicy(ca_file=str(certificate)))
    assert first._connector._tls is second._connector._tls is not other._connector._tls


# -- proxy ---------------------------------------------------------------------------------------


@pytest.fixture
def proxy(provider) -> Iterator[Any]:
    """A proxy that connects to one place, whatever it is asked for, and remembers what it heard."""
    with Proxy() as running:
        yield running


class Proxy:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.target = ("127.0.0.1", 0)
        self.answer = b"HTTP/1.1 200 Connected\r\n\r\n"
        self.is_endless = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://u:p%40@127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.create_connection(self._listener.getsockname()) as last:
            last.sendall(b"\r\n\r\n")
            last.recv(1)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client:
                request = b""
                while b"\r\n\r\n" not in request and (data := client.recv(4_096)):
                    request += data
                if request == b"\r\n\r\n":
                    return
                self.heard.append(request.decode())
                client.sendall(self.answer)
                with suppress(OSError):  # until the other end hangs up
                    while self.is_endless:
                        client.sendall(b"X: x\r\n")
                        threading.Event().wait(0.02)
                if self.is_endless:
                    continue
                if b" 200 " in self.answer:
                    with socket.create_connection(self.target) as server:
                        forward = threading.Thread(target=pump, args=(client, server))
                        forward.start()
                        pump(server, client)
                        forward.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_resolves_the_name_and_hears_nothing_else(secure, certificate, proxy, monkeypatch) -> None:
    proxy.target = ("127.0.0.1", secure.port)
    policy = FetchPolicy(proxy=proxy.url, ca_file=str(certificate))
    assert Fetcher("https://idp.example", policy).fetch("https://idp.example/x").body == b"{}"
    (connect,) = proxy.heard
    assert connect.startswith("CONNECT idp.example:443 ")
    assert "authorization: Basic dTpwQA==" in connect.replace("Authorization", "authorization")
    assert secure.names == ["idp.example"]
    assert "Proxy-Authorization" not in secure.heard


def test_a_certificate_that_nobody_vouches_for_is_refused_behind_a_proxy_too(secure, proxy) -> None:
    proxy.target = ("127.0.0.1", secure.port)
    fetcher = Fetcher("https://idp.example", FetchPolicy(proxy=proxy.url))
    assert "certificate" in failure(lambda: fetcher.fetch("https://idp.example/x"))
    gc.collect()  # what has been left open would say so
    assert secure.requests == []


def test_a_proxy_that_refuses_is_a_failure(proxy) -> None:
    proxy.answer = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    fetcher = Fetcher("https://idp.example", FetchPolicy(proxy=proxy.url))
    assert "connection" in failure(lambda: fetcher.fetch("https://idp.example/x"))


def test_a_proxy_whose_answer_does_not_end_is_cut_off(proxy) -> None:
    proxy.answer, proxy.is_endless = b"HTTP/1.1 200 Connected\r\n", True
    fetcher = Fetcher("https://idp.example", FetchPolicy(proxy=proxy.url, timeout=0.4))
    assert "in time" in failure(lambda: fetcher.fetch("https://idp.example/x"))


def test_a_provider_on_this_machine_is_not_asked_for_through_a_proxy(fetch, answering, proxy) -> None:
    """It would be another machine's, over plain HTTP."""
    assert fetch(answering["body"](b"{}"), FetchPolicy(proxy=proxy.url)).body == b"{}"
    assert proxy.heard == []


def test_an_address_in_the_url_is_checked_before_a_proxy_sees_it(proxy) -> None:
    fetcher = Fetcher("https://idp.example", FetchPolicy(proxy=proxy.url))
    assert "not safe" in failure(lambda: fetcher.fetch(f"https://{METADATA_SERVICE}/"))
    assert proxy.heard == []


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def test_proxies_of_the_environment_are_not_used(fetch, answering, proxy, monkeypatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, proxy.url)
    assert fetch(answering["body"](b"{}")).body == b"{}"
    assert proxy.heard == []


@pytest.mark.parametrize(
    ("variable", "scheme", "is_told"),
    [
        *(("HTTPS_PROXY", "https", True), ("https_proxy", "https", True), ("ALL_PROXY", "https", True)),
        *(("HTTP_PROXY", "https", False), ("HTTP_PROXY", "http", True), ("HTTPS_PROXY", "http", False)),
    ],
)
def test_a_failed_fetch_tells_of_a_proxy_that_is_set_and_not_read(
    monkeypatch, proxy, variable, scheme, is_told
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        assert "proxy" not in details(lambda: Fetcher(url, USUAL).fetch(url))
        monkeypatch.setenv(variable, "http://user:hidden@proxy.example")
        said = details(lambda: Fetcher(url, USUAL).fetch(url))
    assert (f"{variable} is set but not used: pass fetch=FetchPolicy(" in said) == is_told
    assert "hidden" not in said
    proxy.answer = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    fetcher = Fetcher("https://idp.example", FetchPolicy(proxy=proxy.url))
    assert "is set but not used" not in details(lambda: fetcher.fetch("https://idp.example/x"))


# -- headers -------------------------------------------------------------------------------------

HEADERS = {"Authorization": "Bearer hidden", "X-Api-Key": "hidden too"}


def test_headers_go_to_the_origin_that_the_application_gives_and_nowhere_else(
    provider, start_provider, answering
) -> None:
    other = start_provider()
    for serving in (provider, other):
        serving.answers["/x"] = answering["body"](b"{}")
    fetcher = Fetcher(f"{provider.url}/realms/shop", FetchPolicy(headers=HEADERS))
    fetcher.fetch(f"{provider.url}/x")
    assert {name: provider.heard[name] for name in HEADERS} == HEADERS
    assert provider.heard["Host"] == provider.url.removeprefix("http://")
    fetcher.fetch(f"{other.url}/x")  # another port
    fetcher.fetch(f"http://localhost:{provider.port}/x")  # another name
    for serving in (provider, other):
        assert not any(name in serving.heard for name in HEADERS)


def test_headers_are_shown_nowhere(fetch, answering, caplog) -> None:
    policy = FetchPolicy(headers=HEADERS)
    caplog.set_level("DEBUG")
    said = f"{policy!r} {policy} {list(policy.__rich_repr__())} "
    for answer in (answering["status"](401), answering["status"](302, Location="/"), lambda _: None):
        with pytest.raises(KeysUnavailable) as caught:
            fetch(answer, policy)
        said += "".join(traceback.format_exception(caught.value))
    assert "hidden" not in said + caplog.text


def test_a_policy_keeps_a_copy_of_its_headers() -> None:
    given = dict(HEADERS)
    policy = FetchPolicy(headers=given)
    given["X-Late"] = "x"
    assert policy.headers == HEADERS


@pytest.mark.parametrize(
    "headers",
    [
        *({"Host": "x"}, {"accept-encoding": "gzip"}, {"Proxy-Authorization": "x"}, {"CONTENT-LENGTH": "1"}),
        *({"X": "a\r\nY: b"}, {"X": ""}, {"X": " a"}, {"X": "é"}, {"X": b"a"}, {"X": "a" * 9_000}),
        *({"X\r\n": "a"}, {"": "a"}, {"X Y": "a"}, {5: "a"}, [("X", "a")], "X: a", None),
    ],
    ids=str,
)
def test_a_header_that_could_become_something_else_is_refused(headers) -> None:
    with pytest.raises(InvalidSettings, match="headers"):
        FetchPolicy(headers=headers)


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        *({"timeout": 0}, {"timeout": -1}, {"timeout": 61}, {"timeout": "1"}, {"timeout": float("nan")}),
        *({"allow_http": "no"}, {"allow_private": None}, {"ca_file": ""}),
        *({"connect_timeout": 0}, {"connect_timeout": None}),
        *({"proxy": ""}, {"proxy": "proxy:3128"}, {"proxy": "https://proxy"}, {"proxy": "socks5://proxy"}),
        *({"proxy": "http://"}, {"proxy": "http://["}, {"proxy": 5}),
    ],
    ids=str,
)
def test_a_policy_that_cannot_work_is_refused(wrong) -> None:
    with pytest.raises(InvalidSettings):
        FetchPolicy(**wrong)


def test_the_times_of_a_policy_may_be_timedeltas() -> None:
    policy = FetchPolicy(timeout=timedelta(seconds=5), connect_timeout=timedelta(milliseconds=500))
    assert (policy.timeout, policy.connect_timeout) == (5, 0.5)


def test_the_password_of_a_proxy_is_not_shown() -> None:
    policy = FetchPolicy(proxy="http://user:hidden@proxy.example:3128", timeout=5)
    assert "hidden" not in f"{policy!r} {policy} {list(policy.__rich_repr__())}"
    assert "timeout=5" in repr(policy)
    assert repr(connections.parse_proxy(policy.proxy)) == "Proxy(proxy.example:3128)"


@pytest.mark.parametrize("password", ["h\u0142dden", "h%C5%82dden"])
def test_a_password_that_a_proxy_cannot_be_told_is_refused_and_not_shown(password) -> None:
    with pytest.raises(InvalidSettings, match="proxy") as caught:
        FetchPolicy(proxy=f"http://user:{password}@proxy.example:3128")
    assert "dden" not in "".join(traceback.format_exception(caught.value))


def test_a_path_of_certificates_that_no_system_accepts_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="ca_file"):
        Fetcher("https://idp.example", FetchPolicy(ca_file="ca\0.pem"))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates_is_refused_at_once(tmp_path, content) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidSettings, match="ca_file"):
        Fetcher("https://idp.example", FetchPolicy(ca_file=str(path)))
