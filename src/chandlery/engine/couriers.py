"""The two ways out for letters: an SMTP server, or a folder of .eml files where none is configured.

aiosmtplib and not smtplib in a thread: a thread that hangs in a socket cannot be cancelled, and every step here has a
time-out of its own and one in all.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from chandlery.engine.mail import Courier, Delivered, Postponed, Rejected, Verdict

STEP_SECONDS: Final = 20.0
WHOLE_SECONDS: Final = 60.0
FORM: Final = (
    "give smtp://user:password@host:port or smtps://…, and ?tls=required, offered or none where need be"
)

Tls = Literal["implicit", "required", "offered", "none"]
_OURSELVES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class SmtpCourier:
    """Hands letters to one SMTP server, a connection each."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)
    """None: the authorities that the machine trusts."""

    async def deliver(self, message: EmailMessage, sender: str, to: str) -> Verdict:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                await aiosmtplib.send(
                    message,
                    sender=sender,
                    recipients=[to],
                    hostname=self.host,
                    port=self.port,
                    username=self.user,
                    password=self.password,
                    timeout=STEP_SECONDS,
                    tls_context=self.trust,
                    use_tls=self.tls == "implicit",
                    start_tls={"required": True, "offered": None}.get(self.tls, False),
                )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _weighed(refused.recipients[0])
        except aiosmtplib.SMTPDataError as refused:
            return _weighed(refused)
        except aiosmtplib.SMTPNotSupported as refused:
            return Rejected(refused.message)  # an address that this server cannot spell
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # Also a refused sign-in or sender: the operator can repair that, and then the letter is still wanted.
            return Postponed(f"{type(error).__name__}: {error}")
        return Delivered()


@dataclass(frozen=True, slots=True)
class OutboxCourier:
    """Development: letters are files to be opened. The same letter is the same file, however often it is sent."""

    folder: Path

    async def deliver(self, message: EmailMessage, sender: str, to: str) -> Verdict:
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            return Postponed(f"{type(error).__name__}: {error}")
        return Delivered()

    def _write(self, message: EmailMessage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        draft = self.folder / f".{name}"
        draft.touch(mode=0o600)  # links in letters are secrets
        draft.write_bytes(message.as_bytes())
        draft.replace(self.folder / f"{name}.eml")


def courier_from(smtp_url: str | None, outbox: Path) -> Courier:
    """What the settings ask for; raises ValueError, which says what to give, for a URL it cannot read."""
    return OutboxCourier(outbox) if smtp_url is None else smtp_courier(smtp_url)


def smtp_courier(url: str) -> SmtpCourier:
    """`smtps` speaks TLS from the first byte. `smtp` upgrades: always where it signs in at another host, else where
    the server offers it.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(FORM) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(FORM)
    query = parse_qs(parts.query, keep_blank_values=True)
    user = unquote(parts.username) if parts.username else None
    default = "required" if user and parts.hostname not in _OURSELVES else "offered"
    tls = "implicit" if parts.scheme == "smtps" else query.pop("tls", [default])[0]
    if query or tls not in ("implicit", "required", "offered", "none"):
        raise ValueError(FORM)
    return SmtpCourier(
        parts.hostname,
        port or {"implicit": 465, "required": 587}.get(tls, 25),
        cast("Tls", tls),
        user,
        unquote(parts.password) if parts.password else None,
    )


def _weighed(refused: aiosmtplib.SMTPResponseException) -> Verdict:
    reason = f"{refused.code} {refused.message}"
    return Rejected(reason) if refused.code >= 500 else Postponed(reason)
