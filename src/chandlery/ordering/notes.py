"""Notes beside an order or one of its lines: who said what, and who may read it. Said once, a note stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, NoteId, OrderId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.ordering._store import notes as store
from chandlery.ordering._store.orders import order_query
from chandlery.ordering.errors import NoteInvalid
from chandlery.ordering.note import Note, Visibility

__all__ = ["AddNote", "FindNotes", "Note", "Visibility", "add_note", "find_notes"]

VISIBILITIES: Final = ("internal", "public")
MAX_NOTE = 5_000


@dataclass(frozen=True, slots=True)
class AddNote:
    """`internal`: for the author's own organisation alone. `public`: for everybody who sees the order."""

    order_id: OrderId
    text: str
    visibility: Visibility = "internal"
    line_id: LineId | None = None


@dataclass(frozen=True, slots=True)
class FindNotes:
    order_id: OrderId
    page: PageRequest = field(default_factory=PageRequest)


async def add_note(unit: Unit, actor: Actor, command: AddNote) -> Note:
    """Whatever the order's status; there is no changing it afterwards."""
    actor.require(permissions.ORDERS_WRITE)
    problems = _problems(command)
    if problems:
        raise NoteInvalid(*problems)
    order = await unit.fetch(order_query(command.order_id))
    if command.line_id is not None:
        order.line(command.line_id)
    note = Note(
        NoteId(new_id()),
        order.id,
        command.line_id,
        actor.organization_id,
        actor.principal,
        command.visibility,
        command.text,
        unit.now,
    )
    unit.write(store.add_note(note))
    # Who may not read an internal note is not told that there is one: its event belongs to the author's organisation.
    reader = order.customer_id if note.visibility == "public" else actor.organization_id
    data = {"note_id": str(note.id), "visibility": note.visibility}
    unit.emit(Event("order.note_added", order.id, reader, data))
    return note


async def find_notes(reader: Reader, actor: Actor, command: FindNotes) -> Page[Note]:
    """Oldest first: the public ones, and those of the actor's own organisation."""
    actor.require(permissions.ORDERS_READ)
    _, found = await reader.fetch(
        store.order_there(command.order_id), store.notes_of(command.order_id, command.page)
    )
    return page_of(found, command.page.limit, lambda note: (note.created_at, note.id))


def _problems(command: AddNote) -> list[Problem]:
    problems = []
    if not (command.text.strip() and len(command.text) <= MAX_NOTE and "\0" not in command.text):
        problems.append(Problem("text", f"Write 1 to {MAX_NOTE} characters.", "text"))
    if command.visibility not in VISIBILITIES:
        problems.append(Problem("visibility", f"One of: {', '.join(VISIBILITIES)}.", "choice"))
    return problems
