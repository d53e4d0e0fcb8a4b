"""The nouns: a person, and a person's place in an organisation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from chandlery.identity.errors import UserUnfit
from chandlery.identity.role import RoleRef
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import MembershipId, OrganizationId, UserId

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")
_USERNAME = re.compile(r"[^\s\x00-\x1f]{1,254}")
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class User:
    """A person. People are global: the same one may belong to organisations of several tenants."""

    id: UserId
    email: str
    username: str
    name: str
    created_at: datetime
    version: int = 1

    def named(self, name: str) -> User:
        return replace(self, name=name, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Membership:
    """A person acts for an organisation, in a role."""

    id: MembershipId
    organization_id: OrganizationId
    user_id: UserId
    role: RoleRef
    created_at: datetime
    version: int = 1

    def in_role(self, role: RoleRef) -> Membership:
        return replace(self, role=role, version=self.version + 1)


def check(email: str | None = None, username: str | None = None, name: str | None = None) -> None:
    """Every problem at once. A user name with an '@' must be the person's own address: it signs in, too."""
    problems = []
    if email is not None and not _EMAIL.fullmatch(email):
        problems.append(Problem("email", "Give an e-mail address.", "form"))
    if username is not None and not _USERNAME.fullmatch(username):
        problems.append(Problem("username", "Use 1 to 254 characters and no blanks.", "form"))
    elif username is not None and "@" in username and username.lower() != (email or "").lower():
        problems.append(Problem("username", "With an '@' it must be the e-mail address given.", "form"))
    if name is not None and not 1 <= len(name.strip()) <= MAX_NAME:
        problems.append(Problem("name", f"Give a name of 1 to {MAX_NAME} characters.", "length"))
    if problems:
        raise UserUnfit(*problems)
