"""Settings: environment variables that begin with CHANDLERY_, read once, with every problem named at once.

Command-line options override them. Nothing below `app` reads the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from chandlery.engine.couriers import smtp_courier
from chandlery.kernel.text import is_mailbox

PREFIX = "CHANDLERY_"
_NOT_SETTINGS = ("CHANDLERY_TEST_",)


class SettingsUnusable(Exception):
    """Settings that cannot be used; the text names each one and what it takes."""


def _default_data_dir() -> Path:
    return Path.home() / ".local" / "share" / "chandlery"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may decide. Each field is the variable `CHANDLERY_<FIELD>`."""

    database_url: str | None = field(
        default=None, metadata={"help": "PostgreSQL 16 or later, as its owner; unset: an embedded server"}
    )
    data: Path = field(
        default_factory=_default_data_dir,
        metadata={"help": "directory of the embedded database and the secret key"},
    )
    secret_key: str | None = field(
        default=None,
        metadata={"help": "master key, at least 32 characters; unset: a 0600 file in the data directory"},
    )
    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8080, metadata={"help": "port to listen on"})
    public_url: str | None = field(
        default=None, metadata={"help": "how clients reach the server (https://shop.example.com)"}
    )
    pool_size: int = field(default=10, metadata={"help": "database connections of one process at most"})
    worker_concurrency: int = field(default=4, metadata={"help": "jobs of the worker at the same time"})
    log_level: str = field(default="info", metadata={"help": "debug, info, warning or error"})
    log_format: str = field(default="console", metadata={"help": "console or json"})
    smtp_url: str | None = field(
        default=None,
        metadata={
            "help": "mail server, smtp://user:password@host:port or smtps://…; unset: letters go to the outbox"
        },
    )
    mail_from: str = field(
        default="chandlery@localhost", metadata={"help": "sender of letters, and where bounces go"}
    )
    allow_private_addresses: bool = field(
        default=False, metadata={"help": "let webhooks and providers reach private addresses and plain http"}
    )
    outbox: Path | None = field(
        default=None, metadata={"help": "folder of letters without a mail server; unset: data/outbox"}
    )

    @property
    def base_url(self) -> str:
        """The absolute base of all public URLs, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - a comparison
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def letters_folder(self) -> Path:
        """Where letters lie that no mail server takes."""
        return self.outbox if self.outbox is not None else self.data / "outbox"

    def as_environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items() if value is not None}


def load(environment: Mapping[str, str], **options: Any) -> Settings:
    """The settings of an environment; `options` that are not None come from the command line and win."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS)
    }
    known = {item.name: item for item in fields(Settings)}
    problems = [_unknown(name, known) for name in given if name not in known]
    values: dict[str, Any] = {}
    types = dict(Settings.__annotations__)
    for name, text in given.items():
        if name in known and text != "":
            try:
                values[name] = _convert(text, types[name])
            except (msgspec.ValidationError, ValueError) as error:
                problems.append(f"{PREFIX}{name.upper()}={text!r}: {error}")
    settings = replace(
        Settings(**values), **{name: value for name, value in options.items() if value is not None}
    )
    problems += _refusals(settings)
    if problems:
        raise SettingsUnusable("These settings cannot be used:\n" + "\n".join(f"  - {p}" for p in problems))
    return settings


def help_lines() -> list[tuple[str, str, str]]:
    """Variable, default and meaning of each setting, for `doctor` and the documentation."""
    return [
        (
            f"{PREFIX}{item.name.upper()}",
            "" if item.default in (None, MISSING) else str(item.default),
            str(item.metadata["help"]),
        )
        for item in fields(Settings)
    ]


def _convert(text: str, hint: str) -> Any:
    base = hint.removesuffix(" | None")
    if base == "bool":
        return msgspec.convert(text, bool, strict=False)
    if base == "int":
        return msgspec.convert(text, int, strict=False)
    return Path(text).expanduser() if base == "Path" else text


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
    return f"{PREFIX}{name.upper()} is not a setting{hint}"


def _refusals(settings: Settings) -> list[str]:
    found = []
    if not 1 <= settings.port <= 65535:
        found.append(f"port {settings.port}: a port is between 1 and 65535")
    if not 2 <= settings.pool_size <= 200:
        found.append("CHANDLERY_POOL_SIZE: between 2 and 200")
    if not 1 <= settings.worker_concurrency <= 64:
        found.append("CHANDLERY_WORKER_CONCURRENCY: between 1 and 64")
    if settings.secret_key is not None and len(settings.secret_key) < 32:
        found.append("CHANDLERY_SECRET_KEY: at least 32 characters (try: openssl rand -hex 32)")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        found.append("CHANDLERY_LOG_LEVEL: debug, info, warning or error")
    if settings.log_format not in ("console", "json"):
        found.append("CHANDLERY_LOG_FORMAT: console or json")
    found += _mail_refusals(settings)
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            found.append("CHANDLERY_PUBLIC_URL: an absolute http(s) URL such as https://shop.example.com")
    return found + _mail_refusals(settings)


def _mail_refusals(settings: Settings) -> list[str]:
    found = []
    if settings.smtp_url is not None:
        try:
            smtp_courier(settings.smtp_url)
        except ValueError as error:
            found.append(f"CHANDLERY_SMTP_URL: {error}")
    if not is_mailbox(settings.mail_from):
        found.append("CHANDLERY_MAIL_FROM: one bare mail address such as shop@example.com")
    return found
