from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chandlery.engine.outbound import (
    MOST_ANSWER_BYTES,
    AddressRefused,
    AnswerLost,
    AnswerTooLarge,
    HostUnreachable,
    Outbound,
    Resolve,
    UrlUnusable,
    is_public,
)
from tests.engine.receiver import Received, Receiver, a_receiver, answer

PRIVATE = """
    127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 0.1.2.3
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.2.1 198.18.0.1 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254
    fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:7f00:1:: 2001:db8::1 words
""".split()
PUBLIC = "1.1.1.1 8.8.8.8 93.184.215.14 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808".split()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private_addresses=True)
    yield outbound
    await outbound.close()


def names(**addresses: list[str]) -> Resolve:
    """A resolver that knows these names; `_` stands for a dot."""
    known = {name.replace("_", "."): found for name, found in addresses.items()}

    async def resolve(host: str, _port: int) -> list[str]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    return resolve


async def test_a_call_brings_back_status_headers_and_body(outbound: Outbound, receiver: Receiver) -> None:
    receiver.reply = lambda _: answer(201, b"made", "X-Thing: 7")
    came = await outbound.send("POST", receiver.url, {"Content-Type": "text/plain"}, b"make", 5)
    assert (came.status, came.headers["x-thing"], came.body) == (201, "7", b"made")
    (sent,) = receiver.received
    assert (sent.method, sent.path, sent.body) == ("POST", "/hook?key=1", b"make")
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (sent.headers["user-agent"], sent.headers["content-type"]) == ("Chandlery", "text/plain")


async def test_a_redirect_is_an_answer_and_not_followed(outbound: Outbound, receiver: Receiver) -> None:
    receiver.reply = lambda _: answer(302, b"", f"Location: {receiver.url}")
    assert (await outbound.send("GET", receiver.url, {}, b"", 5)).status == 302
    assert len(receiver.received) == 1


async def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_meant(
    receiver: Receiver,
) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    outbound = Outbound(allow_private_addresses=True, resolve=resolve)
    await outbound.send("GET", f"http://shop.example:{receiver.port}/x", {"Host": "forged"}, b"", 5)
    await outbound.close()
    assert asked == ["shop.example"]
    assert receiver.received[0].headers["host"] == f"shop.example:{receiver.port}"


async def test_another_address_of_the_host_is_tried_when_the_first_does_not_answer(
    receiver: Receiver,
) -> None:
    outbound = Outbound(True, resolve=names(shop_example=["127.0.0.2", "127.0.0.1"]))
    came = await outbound.send("GET", f"http://shop.example:{receiver.port}/", {}, b"", 5)
    await outbound.close()
    assert came.status == 200


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_with_one_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    outbound = Outbound(resolve=names(shop_example=["93.184.215.14", address]))
    with pytest.raises(AddressRefused) as refused:
        await outbound.send("GET", "https://shop.example/", {}, b"", 5)
    assert address not in refused.value.detail


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "[::1]", "169.254.169.254", "localhost", "a.localhost", "db.internal."]
)
def test_a_private_host_is_seen_before_it_is_resolved(host: str) -> None:
    assert Outbound().problem_with(f"https://{host}/") == AddressRefused.message()


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_a_private_address_in_disguise_is_refused(host: str) -> None:
    with pytest.raises((AddressRefused, HostUnreachable, UrlUnusable)):
        await Outbound().send("GET", f"https://{host}/", {}, b"", 5)


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example", "//shop.example/", "http://shop.example/", "ftp://shop.example/", "https://",
        "https://user:word@shop.example/", "https://shop.example/#part", "https://shop.example:0/",
        "https://shop.example:99999/", "https://shop.example/" + "x" * 2000, "https://sh op.example/", "https://[::1",
        "file:///etc/passwd", "https://shop.example/\0",
    ],
)  # fmt: skip
async def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    assert Outbound().problem_with(url) == UrlUnusable.message()
    with pytest.raises(UrlUnusable):
        await Outbound().send("GET", url, {}, b"", 5)


def test_a_good_url_has_no_problem() -> None:
    assert Outbound().problem_with("https://shop.example/hook?x=1") is None
    assert Outbound(allow_private_addresses=True).problem_with("http://127.0.0.1:8080/hook") is None


async def test_a_host_that_cannot_be_reached_was_sent_nothing(outbound: Outbound, receiver: Receiver) -> None:
    port = receiver.port
    with pytest.raises(HostUnreachable):
        await outbound.send("GET", f"http://127.0.0.9:{port}/", {}, b"", 5)
    unknown = Outbound(True, resolve=names())
    with pytest.raises(HostUnreachable):
        await unknown.send("GET", "https://nowhere.example/", {}, b"", 5)


async def test_a_call_without_an_answer_in_time_may_have_arrived(
    outbound: Outbound, receiver: Receiver
) -> None:
    silence = asyncio.Event()

    async def never(_request: Received) -> bytes:
        await silence.wait()
        return b""

    receiver.reply = never
    with pytest.raises(AnswerLost) as lost:
        await outbound.send("GET", receiver.url, {}, b"", 0.2)
    silence.set()
    assert lost.value.facts == {"reason": "timed out"}


async def test_a_name_that_takes_too_long_to_resolve_ends_the_call() -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(HostUnreachable):
        await Outbound(resolve=never).send("GET", "https://shop.example/", {}, b"", 0.05)


@pytest.mark.parametrize(
    "reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_a_broken_answer_may_mean_that_it_was_done(
    outbound: Outbound, receiver: Receiver, reply: bytes
) -> None:
    receiver.reply = lambda _: reply
    with pytest.raises(AnswerLost):
        await outbound.send("GET", receiver.url, {}, b"", 5)


async def test_an_answer_has_a_size(outbound: Outbound, receiver: Receiver) -> None:
    receiver.reply = lambda _: answer(200, b"x" * (MOST_ANSWER_BYTES + 1))
    with pytest.raises(AnswerTooLarge):
        await outbound.send("GET", receiver.url, {}, b"", 5)
    assert (await outbound.send("GET", receiver.url, {}, b"", 5, cut_at=10)).body == b"x" * 10


async def test_a_proxy_of_the_environment_is_not_asked(
    outbound: Outbound, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert "HTTP_PROXY" in os.environ
    assert (await outbound.send("GET", receiver.url, {}, b"", 5)).status == 200


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of that name shows, and what a client that trusts it alone believes."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + shown)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    client = ssl.create_default_context(cadata=shown.decode())
    return server, client


async def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    server, client = certificate_for("shop.example", tmp_path)
    asked_for: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    resolve = names(shop_example=["127.0.0.1"], other_example=["127.0.0.1"])
    outbound = Outbound(True, resolve=resolve, tls=client)
    async with a_receiver(server) as receiver:
        came = await outbound.send("GET", f"https://shop.example:{receiver.port}/", {}, b"", 5)
        assert (came.status, asked_for) == (200, ["shop.example"])
        with pytest.raises(HostUnreachable):  # also right after a good connection to the same address
            await outbound.send("GET", f"https://other.example:{receiver.port}/", {}, b"", 5)
        untrusting = Outbound(True, resolve=resolve)
        with pytest.raises(HostUnreachable):
            await untrusting.send("GET", f"https://shop.example:{receiver.port}/", {}, b"", 5)
    await outbound.close()
    await untrusting.close()
