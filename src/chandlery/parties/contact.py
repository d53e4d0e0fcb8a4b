"""The noun: a person to turn to at an organisation. A contact is no user: it cannot sign in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final

from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ContactId, OrganizationId, UserId
from chandlery.kernel.text import is_mailbox
from chandlery.parties.address import MAX_TEXT, is_text
from chandlery.parties.errors import ContactUnfit
from chandlery.parties.letterhead import is_language

ROLES: Final = ("general", "billing", "technical", "ordering", "legal", "executive")


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of somebody; all of it is personal data and stays out of events."""

    family_name: str = ""
    given_name: str = ""
    salutation: str = ""
    title: str = ""
    position: str = ""
    """What they do there: Head of Purchasing."""
    email: str = ""
    other_email: str = ""
    phone: str = ""
    mobile: str = ""
    fax: str = ""
    language: str = ""

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.title, self.given_name, self.family_name) if part)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody at an organisation, and in which matters to turn to them."""

    id: ContactId
    organization_id: OrganizationId
    roles: tuple[str, ...]
    is_primary: bool
    """The one to turn to first; at most one of an organisation."""
    person: Person
    created_at: datetime
    user_id: UserId | None = None
    """Their account, where they have one."""
    version: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)


def check_contact(person: Person | None, roles: tuple[str, ...]) -> None:
    """Every problem with what a caller gave, at once."""
    problems = [
        Problem(f"roles.{number}", f"One of: {', '.join(ROLES)}.", "choice")
        for number, role in enumerate(roles)
        if role not in ROLES
    ]
    if person is not None:
        problems += [
            replace(problem, field=f"person.{problem.field}") for problem in _person_problems(person)
        ]
    if problems:
        raise ContactUnfit(*problems)


def _person_problems(person: Person) -> list[Problem]:
    problems = [
        Problem(item.name, f"Give at most {MAX_TEXT} characters, on one line.", "text")
        for item in fields(person)
        if not is_text(getattr(person, item.name))
    ]
    if not (person.family_name.strip() or person.given_name.strip() or person.email):
        problems.append(Problem("family_name", "Give a name or a mail address.", "required"))
    for name in ("email", "other_email"):
        if getattr(person, name) and not is_mailbox(getattr(person, name)):
            problems.append(Problem(name, "Give one mail address such as jo@example.com.", "email"))
    if person.language and not is_language(person.language):
        problems.append(Problem("language", "Give a language such as en or de-AT.", "language"))
    return problems
