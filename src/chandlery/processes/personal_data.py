"""What is held on a person, for the person who asks; and letting go of it, as far as the books allow.

Both reach across rooms (sign-in, contacts, letters, events), so they stand here; each is one function of the database,
which sees no further than the caller's organisation and those below it. Events name people by id alone: after an
erasure the id names nobody, and every sum stays what it was.
"""

from __future__ import annotations

from typing import Any, Final

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.users import end_person, erase, held_on
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import UserId

LIMIT: Final = 2000


async def export_person(reader: Reader, actor: Actor, user_id: UserId) -> dict[str, Any]:
    """`truncated` names the lists that were longer than what is shown, newest first."""
    if actor.user_id != user_id:
        actor.require(permissions.USERS_WRITE)
    held = await reader.fetch(held_on(user_id, LIMIT))
    lists = [name for name, value in held.items() if isinstance(value, list)]
    truncated = [name for name in lists if len(held[name]) > LIMIT]
    return {**held, **{name: held[name][:LIMIT] for name in lists}, "truncated": truncated}


async def erase_person(unit: Unit, actor: Actor, user_id: UserId) -> None:
    """As with removing: refused for somebody of more rights, or who also belongs to organisations out of sight."""
    actor.require(permissions.USERS_WRITE)
    _, owner = await end_person(unit, actor, user_id, held_on(user_id, 0))
    unit.write(erase(user_id))
    unit.emit(Event("user.erased", user_id, owner))
