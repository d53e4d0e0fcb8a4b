"""Changing one's own password: the one thing about a person that nobody else can do."""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.unit_of_work import Unit
from chandlery.identity._store import users as store
from chandlery.identity.errors import OwnPasswordOnly
from chandlery.identity.gate import Gate
from chandlery.identity.passwords import HashedPassword
from chandlery.identity.sessions import confirm_password
from chandlery.identity.users import get_user
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import UserId


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """The present password, shown again, and the one to be."""

    current: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetPassword:
    """A new password for the person who acts; what they showed has been checked."""

    user_id: UserId
    password: HashedPassword = field(repr=False)


async def change_password(gate: Gate, actor: Actor, command: ChangePassword) -> None:
    """Every other session of the person ends, in every tenant; the one that asked goes on."""
    if actor.user_id is None:
        raise OwnPasswordOnly
    await confirm_password(gate, actor.user_id, command.current)
    user = await gate.engine.read(actor, get_user, actor.user_id)
    hashed = await gate.passwords.hash(command.new, user.username, user.email.partition("@")[0])
    await gate.engine.perform(actor, set_password, SetPassword(actor.user_id, hashed))


async def set_password(unit: Unit, actor: Actor, command: SetPassword) -> None:
    if actor.user_id != command.user_id and not actor.is_system:
        raise OwnPasswordOnly
    unit.write(store.end_sessions_of_user(command.user_id, actor.session_id))
    await unit.fetch(store.user_for_change(command.user_id))
    unit.write(store.set_password(command.user_id, command.password))
    unit.emit(Event("user.password_changed", command.user_id, actor.organization_id))
