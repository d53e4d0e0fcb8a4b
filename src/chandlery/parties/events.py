"""What can happen to an organisation's addresses, contacts, company data and letterhead, for the event catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class AddressFacts:
    address_id: str
    version: int


@dataclass(frozen=True, slots=True)
class ContactFacts:
    contact_id: str
    version: int


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    version: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """The event says it all."""


EVENT_TYPES = (
    EventType("party.address_added", "An organisation has one more address.", AddressFacts),
    EventType("party.address_changed", "An address was changed.", AddressFacts),
    EventType("party.address_removed", "An address was removed.", AddressFacts),
    EventType("party.contact_added", "An organisation has one more contact.", ContactFacts),
    EventType("party.contact_changed", "A contact was changed.", ContactFacts),
    EventType("party.contact_removed", "A contact was removed.", ContactFacts),
    EventType("party.company_changed", "An organisation's company data was replaced.", CompanyFacts),
    EventType("party.letterhead_changed", "An organisation's letterhead was replaced.", Nothing),
)
