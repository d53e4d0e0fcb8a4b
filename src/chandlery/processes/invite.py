"""Letters that let somebody in: an invitation, and a new password for who forgot the old one.

Token and letter belong together: the row that knows the token's MAC and the letter that carries the token are stored in
one transaction, so that neither is ever there without the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from chandlery.engine.unit_of_work import Unit
from chandlery.identity import invitations, resets
from chandlery.identity.gate import Gate
from chandlery.identity.invitation import Invitation
from chandlery.identity.organizations import organization_query
from chandlery.identity.users import get_user
from chandlery.kernel.actor import Actor, system
from chandlery.processes.letters import composing, matters

ANSWER_SECONDS: Final = 0.1
"""Whether there is anybody to write to takes less than this to find out and to write: time does not tell."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An invitation to be sent (again), and the link for the letter, token and all."""

    command: invitations.Invite | invitations.Resend
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Forgot:
    note: resets.NotePasswordReset
    link: str = field(repr=False)


async def invite(unit: Unit, actor: Actor, posted: Posted) -> Invitation:
    if isinstance(posted.command, invitations.Invite):
        invitation = await invitations.invite(unit, actor, posted.command)
    else:
        invitation = await invitations.resend(unit, actor, posted.command)
    organization = await unit.fetch(organization_query(invitation.organization_id))
    if actor.user_id is not None:
        inviter = (await get_user(unit, actor, actor.user_id)).name
    else:
        inviter = (await unit.fetch(organization_query(actor.organization_id))).name
    reader = composing.Reader(invitation.email, invitation.name, invitation.language)
    matter = matters.Invitation(organization.name, inviter, posted.link, invitation.expires_at)
    await composing.send(unit, invitation.organization_id, reader, matter)
    return invitation


async def ask_for_reset(gate: Gate, email: str, page: str) -> None:
    """A letter with a link to `page`, if there is anybody of that address; and no way to tell from outside."""
    await asyncio.gather(_write_to(gate, email, page), asyncio.sleep(ANSWER_SECONDS))


async def _write_to(gate: Gate, email: str, page: str) -> None:
    reader = await resets.find_forgetful(gate, email)
    if reader is None:
        return
    token, now = resets.mint_token(gate), gate.engine.clock.now()
    note = resets.NotePasswordReset(reader, token.mac, now, now + resets.GOOD_FOR)
    server = system(reader.tenant_id, "password_reset")
    await gate.engine.perform(server, _post_reset, _Forgot(note, f"{page}?token={token.plain}"))


async def _post_reset(unit: Unit, actor: Actor, forgot: _Forgot) -> None:
    await resets.note_password_reset(unit, actor, forgot.note)
    who = forgot.note.reader
    matter = matters.PasswordReset(forgot.link, forgot.note.expires_at)
    await composing.send(unit, who.organization_id, composing.Reader(who.email, who.name), matter)
