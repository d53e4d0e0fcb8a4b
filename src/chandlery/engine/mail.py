"""Letters: stored in the transaction of the change that wants them, and sent by a task until a server has taken them.

    post_letter   the row and its job, in the caller's unit of work
    send_letter   claim (committed) - hand over - settle: sent, tried again later, or failed for good

A letter that a server has taken is never sent again. A worker that dies between the hand-over and its note of it
leaves a claim; when that has run out the letter goes once more, with the same Message-ID, by which the receiving side
knows a copy. Losing a password reset would be worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from chandlery.engine.event_stream.catalogue import EventType
from chandlery.engine.jobs import Job
from chandlery.engine.statements import Row, Write, maybe
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import Invalid, Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LetterId, OrganizationId, TenantId, new_id
from chandlery.kernel.text import is_mailbox, is_one_line

TASK: Final = "send_letter"
CLAIM: Final = timedelta(minutes=5)
"""Longer than any courier may take."""
PAUSES: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240, 480, 480))
"""Between one attempt and the next: about a day in all."""
MAX_SUBJECT: Final = 500
MAX_BODY: Final = 200_000


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What may be told of a letter: neither its reader nor what it says."""

    attempts: int
    language: str


EVENT_TYPES = (
    EventType("letter.sent", "A mail server has taken a letter.", LetterFacts),
    EventType("letter.failed", "A letter was given up.", LetterFacts),
)


class LetterUnfit(Invalid):
    """This letter cannot be sent; see the problems listed."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to one reader. An empty `sender` means the server's own; `sender_name` is shown beside either."""

    to: str
    subject: str
    text: str
    html: str | None = None
    language: str = "en"
    sender: str = ""
    sender_name: str = ""
    reply_to: str = ""

    def checked(self) -> Letter:
        """Itself; refuses with every problem at once, a header that would become two among them."""
        problems = [
            Problem(name, "Give one bare mail address such as jo@example.com.", "email")
            for name in ("to", "sender", "reply_to")
            if not (is_mailbox(getattr(self, name)) or (name != "to" and not getattr(self, name)))
        ]
        problems += [
            Problem(name, f"Give at most {MAX_SUBJECT} characters, on one line.", "text")
            for name in ("subject", "sender_name", "language")
            if len(getattr(self, name)) > MAX_SUBJECT or not is_one_line(getattr(self, name))
        ]
        if not self.subject.strip():
            problems.append(Problem("subject", "Give a subject.", "required"))
        if not 1 <= len(self.text) <= MAX_BODY or len(self.html or "") > MAX_BODY:
            problems.append(Problem("text", f"Give 1 to {MAX_BODY} characters.", "length"))
        if problems:
            raise LetterUnfit(*problems)
        return self


@dataclass(frozen=True, slots=True)
class Delivered:
    """A server has taken it, or it lies in the outbox."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not this time; another attempt may succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: this reader or this letter is refused."""

    reason: str


Verdict: TypeAlias = Delivered | Postponed | Rejected


class Courier(Protocol):
    """What carries a message away, in less time than a claim lasts. It raises nothing that it can foresee."""

    async def deliver(self, message: EmailMessage, sender: str, to: str) -> Verdict: ...


def post_letter(unit: Unit, letter: Letter, owner_id: OrganizationId) -> LetterId:
    """Queue a letter in this unit of work; `owner_id` is the organisation whose matter it is."""
    letter.checked()
    letter_id = LetterId(new_id())
    unit.write(
        Write(
            "INSERT INTO letters (id, tenant_id, owner_id, owner_path, recipient, subject, body, html, language,"
            " sender, sender_name, reply_to, created_at) VALUES (%s, scope_tenant(), %s,"
            " (SELECT path FROM organizations WHERE id = %s), %s::text, %s::text, %s::text, %s::text, %s::text,"
            " %s::text, %s::text, %s::text, unit_now())",
            (
                letter_id,
                owner_id,
                owner_id,
                letter.to,
                letter.subject,
                letter.text,
                letter.html,
                letter.language,
                letter.sender,
                letter.sender_name,
                letter.reply_to,
            ),
        )
    )
    unit.defer(_job(letter_id))
    return letter_id


def letter_task(courier: Courier, default_sender: str) -> Task:
    """The task `send_letter`; `default_sender` is the address that bounces go back to, and From where none is given."""

    async def send_letter(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
        server = system(tenant_id, TASK)
        claimed = (await engine.perform(server, _claim, LetterId(UUID(args["letter_id"])))).value
        if claimed is None:
            return
        message = message_of(claimed.letter, claimed.id, claimed.created_at, default_sender)
        verdict = await courier.deliver(message, default_sender, claimed.letter.to)
        await engine.perform(server, _settle, _Settlement(claimed.id, verdict))

    return send_letter


def message_of(letter: Letter, letter_id: LetterId, at: datetime, default_sender: str) -> EmailMessage:
    """The letter as it travels: the same bytes of header for every attempt."""
    sender = letter.sender or default_sender
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender, letter.sender_name)
    message["To"] = _address(letter.to)
    if letter.reply_to:
        message["Reply-To"] = _address(letter.reply_to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{letter_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    message["Content-Language"] = letter.language  # last: setting content removes what describes the old
    return message


def _address(mailbox: str, name: str = "") -> Address:
    local, _, domain = mailbox.rpartition("@")
    return Address(name, local, domain)


def _job(letter_id: LetterId, due: datetime | None = None) -> Job:
    return Job(TASK, {"letter_id": str(letter_id)}, f"letter:{letter_id}", f"{TASK}:{letter_id}", due)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A letter as it lies in the table."""

    id: LetterId
    owner_id: OrganizationId
    created_at: datetime
    state: str
    attempts: int
    is_claimed: bool
    letter: Letter = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Settlement:
    letter_id: LetterId
    verdict: Verdict


_STORED = """
SELECT id, owner_id, created_at, state, attempts, coalesce(claimed_until > clock_timestamp(), false),
    recipient, subject, body, html, language, sender, sender_name, reply_to
FROM letters WHERE id = %s FOR UPDATE
"""


def _stored(row: Row) -> _Stored:
    return _Stored(row[0], row[1], row[2], row[3], row[4], row[5], Letter(*row[6:]))


async def _claim(unit: Unit, _actor: Actor, letter_id: LetterId) -> _Stored | None:
    """The letter, now ours to send; None when there is nothing to do, or not yet."""
    stored = await unit.fetch(maybe(_STORED, (letter_id,), _stored))
    if stored is None or stored.state in ("sent", "failed"):
        return None
    if stored.is_claimed:  # somebody is at it, or died at it: look again once that is certain
        unit.defer(_job(letter_id, unit.now + CLAIM))
        return None
    unit.write(
        Write(
            "UPDATE letters SET state = 'sending', attempts = attempts + 1, claimed_until = clock_timestamp() + %s"
            " WHERE id = %s",
            (CLAIM, letter_id),
        )
    )
    return replace(stored, state="sending", attempts=stored.attempts + 1)


async def _settle(unit: Unit, _actor: Actor, command: _Settlement) -> None:
    stored = await unit.fetch(maybe(_STORED, (command.letter_id,), _stored))
    if stored is None or stored.state != "sending":
        return
    match command.verdict:
        case Delivered():
            _close(unit, stored, "sent", None)
        case Postponed(reason) if stored.attempts <= len(PAUSES):
            unit.write(
                Write(
                    "UPDATE letters SET state = 'queued', claimed_until = NULL, reason = %s::text WHERE id = %s",
                    (reason[:500], stored.id),
                )
            )
            unit.defer(_job(stored.id, unit.now + PAUSES[stored.attempts - 1]))
        case Postponed(reason) | Rejected(reason):
            _close(unit, stored, "failed", reason[:500])


def _close(unit: Unit, stored: _Stored, state: str, reason: str | None) -> None:
    unit.write(
        Write(
            "UPDATE letters SET state = %s::text, claimed_until = NULL, reason = %s::text, body = '', html = NULL"
            " WHERE id = %s",
            (state, reason, stored.id),
        )
    )
    # The address and what the server said of it are personal: they stay in the row.
    data = {"attempts": stored.attempts, "language": stored.letter.language}
    unit.emit(Event(f"letter.{state}", stored.id, stored.owner_id, data))
