from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chandlery.engine.couriers import OutboxCourier, SmtpCourier, courier_from, smtp_courier
from chandlery.engine.mail import (
    Courier,
    Delivered,
    Letter,
    LetterUnfit,
    Postponed,
    Rejected,
    Verdict,
    letter_task,
    message_of,
    post_letter,
)
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LetterId, new_id
from tests.builders import Tenant
from tests.conftest import NOW

LETTER = Letter("jo@example.com", "Grüße", "Guten Tag", "<p>Guten Tag</p>", "de", "", "Müller, GmbH")
SERVER = "shop@example.org"


@dataclass
class Inbox:
    """A mail server's memory, and what it says to whom."""

    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)
    to_recipient: str = "250 OK"
    to_data: str = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        if self.to_data.startswith("250"):
            content = envelope.original_content or b""
            self.received.append(email.message_from_bytes(content, EmailMessage, policy=email.policy.default))
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.to_data


@asynccontextmanager
async def serving(inbox: Inbox, **options: Any) -> AsyncIterator[SmtpCourier]:
    """A real SMTP server on a port of its own."""
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(inbox, hostname="mail.example.org", **options), "127.0.0.1", 0
    )
    async with server:
        yield smtp_courier(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def courier(inbox: Inbox) -> AsyncIterator[SmtpCourier]:
    async with serving(inbox) as courier:
        yield courier


@dataclass
class Scripted:
    """A courier that does as told, and says who called."""

    verdicts: list[Verdict]
    called: int = 0
    at_it: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def deliver(self, message: EmailMessage, sender: str, to: str) -> Verdict:
        self.called += 1
        self.at_it.set()
        if self.gate is not None:
            await self.gate.wait()
        return self.verdicts.pop(0)


async def post(unit: Unit, actor: Actor, letter: Letter) -> LetterId:
    return post_letter(unit, letter, actor.organization_id)


async def posted(engine: Engine, tenant: Tenant, letter: Letter = LETTER) -> LetterId:
    return (await engine.perform(tenant.reseller, post, letter)).result


async def send(engine: Engine, tenant: Tenant, courier: Courier, letter_id: LetterId) -> None:
    await letter_task(courier, SERVER)(engine, tenant.id, {"letter_id": str(letter_id)})


def row(owner: psycopg.Connection[Any], letter_id: LetterId) -> tuple[Any, ...] | None:
    return owner.execute(
        "SELECT state, attempts, reason, body FROM letters WHERE id = %s", (letter_id,)
    ).fetchone()


def events(owner: psycopg.Connection[Any], letter_id: LetterId) -> list[Any]:
    found = owner.execute("SELECT type, data FROM events WHERE subject_id = %s", (letter_id,)).fetchall()
    return list(found)


async def test_a_letter_arrives_at_a_real_server(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], inbox: Inbox, courier: SmtpCourier
) -> None:
    letter_id = await posted(engine, tenant)
    await send(engine, tenant, courier, letter_id)
    (message,) = inbox.received
    assert inbox.envelopes == [(SERVER, ["jo@example.com"])]
    assert (message["From"], message["To"], message["Subject"]) == (
        '"Müller, GmbH" <shop@example.org>', "jo@example.com", "Grüße",
    )  # fmt: skip
    assert (message["Message-ID"], message["Content-Language"], message["Auto-Submitted"]) == (
        f"<{letter_id}@example.org>", "de", "auto-generated",
    )  # fmt: skip
    text, html = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content(), html.get_content()) == ("Guten Tag\r\n", "<p>Guten Tag</p>\r\n")
    assert row(owner, letter_id) == ("sent", 1, None, "")
    assert events(owner, letter_id) == [("letter.sent", {"attempts": 1, "language": "de"})]


async def test_a_letter_and_its_job_are_stored_with_the_change_or_not_at_all(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    letter_id = await posted(engine, tenant)
    jobs = owner.execute(
        "SELECT task_name FROM procrastinate_jobs WHERE args->>'letter_id' = %s", (str(letter_id),)
    ).fetchall()
    assert jobs == [("send_letter",)]
    await engine.perform(tenant.reseller, post, LETTER, dry_run=True)
    counted = owner.execute("SELECT count(*) FROM letters WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert counted == (1,)


async def test_a_letter_for_an_organisation_out_of_sight_fails_loudly_and_is_not_lost_in_silence(
    engine: Engine, tenant: Tenant
) -> None:
    async def post_above(unit: Unit, _actor: Actor, letter: Letter) -> LetterId:
        return post_letter(unit, letter, tenant.operator.organization_id)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await engine.perform(tenant.reseller, post_above, LETTER)


async def test_a_letter_that_was_taken_is_not_sent_again(
    engine: Engine, tenant: Tenant, inbox: Inbox, courier: SmtpCourier
) -> None:
    letter_id = await posted(engine, tenant)
    for _ in range(3):
        await send(engine, tenant, courier, letter_id)
    assert len(inbox.received) == 1


async def test_two_workers_at_once_send_one_letter(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    letter_id = await posted(engine, tenant)
    scripted = Scripted([Delivered()], gate=asyncio.Event())
    assert scripted.gate is not None
    first = asyncio.create_task(send(engine, tenant, scripted, letter_id))
    await scripted.at_it.wait()
    await send(engine, tenant, scripted, letter_id)
    scripted.gate.set()
    await first
    assert (scripted.called, row(owner, letter_id)) == (1, ("sent", 1, None, ""))


async def test_a_worker_that_died_while_sending_is_followed_up_when_its_claim_has_run_out(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    class Died(Exception):
        pass

    class Dying:
        async def deliver(self, message: EmailMessage, sender: str, to: str) -> Verdict:
            raise Died

    letter_id = await posted(engine, tenant)
    with pytest.raises(Died):
        await send(engine, tenant, Dying(), letter_id)
    scripted = Scripted([Delivered()])
    await send(engine, tenant, scripted, letter_id)
    assert (scripted.called, due(owner, tenant)) == (0, [300])
    owner.execute("UPDATE letters SET claimed_until = now() WHERE id = %s", (letter_id,))
    await send(engine, tenant, scripted, letter_id)
    assert (scripted.called, row(owner, letter_id)) == (1, ("sent", 2, None, ""))


def due(owner: psycopg.Connection[Any], tenant: Tenant) -> list[int]:
    """After how many seconds each waiting attempt comes."""
    found = owner.execute(
        "SELECT due FROM timers WHERE tenant_id = %s AND task = 'send_letter' ORDER BY id", (tenant.id,)
    ).fetchall()
    return [int((at - NOW).total_seconds()) for (at,) in found]


async def test_attempts_become_rarer_and_end_after_a_day(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    letter_id = await posted(engine, tenant)
    scripted = Scripted([Postponed(f"451 busy {n}") for n in range(9)])
    await send(engine, tenant, scripted, letter_id)
    assert row(owner, letter_id) == ("queued", 1, "451 busy 0", "Guten Tag")
    for _ in range(9):
        await send(engine, tenant, scripted, letter_id)
    assert scripted.called == 9
    assert due(owner, tenant) == [60 * m for m in (1, 5, 15, 60, 120, 240, 480, 480)]
    assert row(owner, letter_id) == ("failed", 9, "451 busy 8", "")
    assert events(owner, letter_id) == [("letter.failed", {"attempts": 9, "language": "de"})]


@pytest.mark.parametrize(
    ("at", "says", "verdict"),
    [
        ("to_recipient", "550 no such user", Rejected("550 no such user")),
        ("to_recipient", "450 come back", Postponed("450 come back")),
        ("to_data", "554 not this", Rejected("554 not this")),
        ("to_data", "451 later", Postponed("451 later")),
    ],
)
async def test_what_a_server_says_decides_whether_to_try_again(
    inbox: Inbox, courier: SmtpCourier, at: str, says: str, verdict: Verdict
) -> None:
    setattr(inbox, at, says)
    message = message_of(LETTER, LetterId(new_id()), NOW, SERVER)
    assert await courier.deliver(message, SERVER, LETTER.to) == verdict


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_server_that_is_not_there_or_refuses_us_is_tried_again(inbox: Inbox) -> None:
    message = message_of(LETTER, LetterId(new_id()), NOW, SERVER)
    nobody = await smtp_courier("smtp://127.0.0.1:1").deliver(message, SERVER, LETTER.to)
    assert isinstance(nobody, Postponed)

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me", b"p@ss")
        return AuthResult(success=good, handled=False)

    options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    async with serving(inbox, **options) as plain:
        outside = await plain.deliver(message, SERVER, LETTER.to)
        wrong = await replace(plain, user="me", password="no").deliver(message, SERVER, LETTER.to)
        right = await replace(plain, user="me", password="p@ss").deliver(message, SERVER, LETTER.to)
        unsafe = await replace(plain, tls="required").deliver(message, SERVER, LETTER.to)
    assert (type(outside), type(wrong), type(unsafe), right) == (Postponed, Postponed, Postponed, Delivered())
    assert len(inbox.received) == 1


def a_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side that nobody vouches for, and a client's side that does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_a_letter_travels_encrypted_and_only_to_a_server_that_proves_who_it_is(
    inbox: Inbox, tmp_path: Path
) -> None:
    certificate, trust = a_certificate(tmp_path)
    message = message_of(LETTER, LetterId(new_id()), NOW, SERVER)
    async with serving(inbox, tls_context=certificate, require_starttls=True) as plain:
        upgraded = [
            await replace(plain, tls=tls, trust=known).deliver(message, SERVER, LETTER.to)
            for tls in ("required", "offered", "none")
            for known in (trust, None)
        ]
    assert [type(verdict) for verdict in upgraded] == [
        Delivered,
        Postponed,
        Delivered,
        Postponed,
        Postponed,
        Postponed,
    ]
    assert len(inbox.received) == 2


async def test_smtps_is_encrypted_from_the_first_byte(inbox: Inbox, tmp_path: Path) -> None:
    certificate, trust = a_certificate(tmp_path)
    message = message_of(LETTER, LetterId(new_id()), NOW, SERVER)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(inbox, hostname="mail.example.org"), "127.0.0.1", 0, ssl=certificate
    )
    async with server:
        courier = smtp_courier(f"smtps://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert isinstance(await courier.deliver(message, SERVER, LETTER.to), Postponed)
        assert await replace(courier, trust=trust).deliver(message, SERVER, LETTER.to) == Delivered()


async def test_without_a_server_letters_are_files_for_the_developer(tmp_path: Path) -> None:
    courier = courier_from(None, tmp_path / "outbox")
    letter_id = LetterId(new_id())
    for _ in range(2):
        assert (
            await courier.deliver(message_of(LETTER, letter_id, NOW, SERVER), SERVER, LETTER.to)
            == Delivered()
        )
    (file,) = (tmp_path / "outbox").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{letter_id}.eml", 0o600)
    read = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (read["Subject"], read["Date"]) == ("Grüße", "Fri, 20 Nov 2026 12:00:00 +0000")
    blocked = tmp_path / "file"
    blocked.touch()
    message = message_of(LETTER, letter_id, NOW, SERVER)
    assert isinstance(await OutboxCourier(blocked / "x").deliver(message, SERVER, LETTER.to), Postponed)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"to": "jo@example.com\r\nBcc: all@example.com"}, ["to"]),
        ({"to": "jo@example.com, eve@example.com"}, ["to"]),
        ({"to": "Jo <jo@example.com>"}, ["to"]),
        ({"subject": "Hi\nBcc: all@example.com", "sender_name": "a\r\nb"}, ["subject", "sender_name"]),
        ({"sender": "x", "reply_to": "a@b\n", "language": "en\n"}, ["sender", "reply_to", "language"]),
        ({"subject": " ", "text": ""}, ["subject", "text"]),
    ],
)
async def test_nothing_in_a_letter_can_become_a_header_of_its_own(
    engine: Engine, tenant: Tenant, changes: dict[str, str], fields: list[str]
) -> None:
    with pytest.raises(LetterUnfit) as refused:
        await posted(engine, tenant, replace(LETTER, **changes))
    assert [problem.field for problem in refused.value.problems] == fields


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25, "offered", None, None)),
        ("smtp://u%40x:p%2Fw@mail.example.com:2525", ("mail.example.com", 2525, "required", "u@x", "p/w")),
        ("smtp://u:p@mail.example.com", ("mail.example.com", 587, "required", "u", "p")),
        ("smtp://u:p@localhost", ("localhost", 25, "offered", "u", "p")),
        ("smtp://mail.example.com?tls=none", ("mail.example.com", 25, "none", None, None)),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "implicit", "u", "p")),
    ],
)
def test_the_url_says_how_to_speak_to_the_server(url: str, expected: tuple[Any, ...]) -> None:
    courier = smtp_courier(url)
    assert (courier.host, courier.port, courier.tls, courier.user, courier.password) == expected
    assert "p%2Fw" not in repr(courier)
    assert "p/w" not in repr(courier)


@pytest.mark.parametrize(
    "url", ["http://x", "smtp://", "smtp://h:port", "smtp://h?tls=maybe", "smtp://h?a=b", "smtp://h/path"]
)
def test_an_unreadable_url_is_refused_with_what_to_give(url: str) -> None:
    with pytest.raises(ValueError, match="give smtp://user:password@host:port"):
        smtp_courier(url)
