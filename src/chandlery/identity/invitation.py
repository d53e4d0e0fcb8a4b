"""The noun: an invitation of somebody, known by an address alone, to an organisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from chandlery.identity.errors import InvitationClosed, InvitationUnfit
from chandlery.identity.role import RoleRef
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import InvitationId, OrganizationId, TenantId, UserId
from chandlery.kernel.text import is_mailbox, is_one_line

InvitationStatus = Literal["open", "accepted", "revoked"]
GOOD_FOR: Final = timedelta(days=7)
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Invitation:
    id: InvitationId
    organization_id: OrganizationId
    email: str
    name: str
    language: str
    role: RoleRef
    status: InvitationStatus
    user_id: UserId | None
    created_at: datetime
    expires_at: datetime
    """Wall time, as for all tokens."""
    version: int = 1

    def resent(self, expires_at: datetime) -> Invitation:
        """Good for longer, by a new token; the one before is worth nothing."""
        self._refuse_closed()
        return replace(self, expires_at=expires_at, version=self.version + 1)

    def revoked(self) -> Invitation:
        self._refuse_closed()
        return replace(self, status="revoked", version=self.version + 1)

    def _refuse_closed(self) -> None:
        if self.status != "open":
            raise InvitationClosed


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """What the holder of a token may know. `user_id` is the person who has the address already."""

    id: InvitationId
    tenant_id: TenantId
    organization_id: OrganizationId
    organization: str
    email: str
    name: str
    user_id: UserId | None


def check(email: str, name: str, language: str) -> None:
    problems = []
    if not is_mailbox(email):
        problems.append(Problem("email", "Give one bare mail address such as jo@example.com.", "form"))
    if len(name) > MAX_NAME or not is_one_line(name):
        problems.append(Problem("name", f"Give at most {MAX_NAME} characters, on one line.", "length"))
    if len(language) > 35 or not language.replace("-", "").isascii() or not is_one_line(language):
        problems.append(Problem("language", "Give a language such as en or de-AT.", "form"))
    if problems:
        raise InvitationUnfit(*problems)
