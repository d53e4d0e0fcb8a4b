"""What registers say of an organisation, and how its letters and documents look."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.parties import companies
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.addresses import organization_id
from chandlery.surfaces.native.fields import Attributes


class CompanyFactsBody(Body):
    """The VAT number is checked by its country's own rules, and kept in one form."""

    legal_name: Annotated[str, Meta(examples=["Harbour Trading GmbH"])] = ""
    legal_form: Annotated[str, Meta(examples=["GmbH"])] = ""
    country: Annotated[str, Meta(description="Where it is taxed: ISO 3166-1, two letters.")] = ""
    vat_number: Annotated[str, Meta(examples=["DE136695976"])] = ""
    tax_number: str = ""
    tax_exempt: bool = False
    tax_exemption: Annotated[str, Meta(description="Why no tax is charged: certificate or clause.")] = ""
    registration_number: Annotated[str, Meta(examples=["HRB 4711"])] = ""
    registration_office: str = ""
    cost_centre: str = ""
    department: str = ""
    line_of_business: str = ""
    phone: str = ""
    fax: str = ""
    email: str = ""
    website: str = ""


class CompanyChange(CompanyFactsBody, kw_only=True):
    """All facts take the place of the old ones; attributes that are left out stay."""

    attributes: Attributes | None = None


class CompanyBody(CompanyFactsBody, kw_only=True):
    """Of version 0 until something is known."""

    organization_id: UUID
    attributes: Attributes
    changed_at: datetime | None
    version: int


class LetterheadBody(Body):
    """What is empty is as the organisation above has it."""

    brand: Annotated[str, Meta(examples=["Quayside Cloud"])] = ""
    colour: Annotated[str, Meta(examples=["#1f5f8b"])] = ""
    sender: Annotated[str, Meta(description="The address that letters come from.")] = ""
    reply_to: str = ""
    language: Annotated[str, Meta(examples=["de-AT"])] = ""
    footer: Annotated[str, Meta(description="Small print: bank, board, registers.")] = ""


async def get_company(call: Call) -> Reply:
    return _reply(await call.read(companies.get_company, organization_id(call)))


async def put_company(call: Call, body: CompanyChange) -> Reply:
    given = msgspec.structs.asdict(body)
    attributes = given.pop("attributes")
    command = companies.PutCompany(
        organization_id(call), companies.CompanyFacts(**given), attributes, call.expected_version
    )
    return await call.perform(companies.put_company, command, reply=_reply)


async def get_letterhead(call: Call) -> Reply:
    return _letterhead(await call.read(companies.get_letterhead, organization_id(call)))


async def put_letterhead(call: Call, body: LetterheadBody) -> Reply:
    letterhead = companies.Letterhead(**msgspec.structs.asdict(body))
    command = companies.PutLetterhead(organization_id(call), letterhead)
    return await call.perform(companies.put_letterhead, command, reply=_letterhead)


def _reply(company: companies.Company) -> Reply:
    body = CompanyBody(
        **msgspec.to_builtins(company.facts),
        organization_id=company.organization_id,
        attributes=dict(company.attributes),
        changed_at=company.changed_at,
        version=company.version,
    )
    return Reply(body, etag=company.version)


def _letterhead(letterhead: companies.Letterhead) -> Reply:
    return Reply(LetterheadBody(**msgspec.to_builtins(letterhead)))
