"""A new password by a token from a letter, for people who forgot theirs.

Whoever asks learns nothing: neither whether anybody has that address, nor, by the time it takes, whether a letter goes
out. The token works once, and everything that the person was signed in to ends with the old password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from chandlery.engine.unit_of_work import Unit
from chandlery.identity._store import resets as store
from chandlery.identity._store.resets import Forgetful
from chandlery.identity.credentials import SetPassword, set_password
from chandlery.identity.errors import TokenSpent
from chandlery.identity.gate import Gate
from chandlery.identity.passwords import HashedPassword
from chandlery.identity.secrets import MintedSecret, mint
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.events import Event
from chandlery.kernel.text import is_mailbox

__all__ = [
    "Forgetful",
    "NotePasswordReset",
    "find_forgetful",
    "mint_token",
    "note_password_reset",
    "reset_password",
]

PURPOSE: Final = "password-reset"
GOOD_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NotePasswordReset:
    """Somebody wants a new password; `mac` is of the token in the letter."""

    reader: Forgetful
    mac: bytes = field(repr=False)
    now: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TakePasswordReset:
    mac: bytes = field(repr=False)
    password: HashedPassword = field(repr=False)
    now: datetime


def mint_token(gate: Gate) -> MintedSecret:
    return mint(gate.master, PURPOSE, "chp_")


async def find_forgetful(gate: Gate, email: str) -> Forgetful | None:
    """Whoever has that address and belongs somewhere; nobody, after three letters within an hour."""
    if not is_mailbox(email.strip()):
        return None
    return await gate.engine.look_up(store.find_forgetful(email.strip(), gate.engine.clock.now()))


async def note_password_reset(unit: Unit, actor: Actor, command: NotePasswordReset) -> None:
    assert actor.is_system, "people who forgot their password are nobody yet"
    reader = command.reader
    await unit.fetch(store.note(command.mac, reader.user_id, command.now, command.expires_at))
    unit.emit(Event("user.password_reset_asked", reader.user_id, reader.organization_id))


async def may_reset(gate: Gate, token: str) -> str:
    """Whose password the holder of this token may change: their user name."""
    return (await _find(gate, token)).username


async def reset_password(gate: Gate, token: str, new: str) -> None:
    found = await _find(gate, token)
    hashed = await gate.passwords.hash(new, found.username, found.email.partition("@")[0])
    command = TakePasswordReset(gate.master.mac(PURPOSE, token), hashed, gate.engine.clock.now())
    await gate.engine.perform(system(found.tenant_id, "password_reset"), take_password_reset, command)


async def take_password_reset(unit: Unit, actor: Actor, command: TakePasswordReset) -> None:
    user_id = await unit.fetch(store.take(command.mac, command.now))
    await set_password(unit, actor, SetPassword(user_id, command.password))


async def _find(gate: Gate, token: str) -> store.Resetting:
    found = await gate.engine.look_up(store.find(gate.master.mac(PURPOSE, token), gate.engine.clock.now()))
    if found is None:
        raise TokenSpent
    return found
