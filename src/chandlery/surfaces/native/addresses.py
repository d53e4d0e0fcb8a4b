"""Address books of organisations, and the countries that an address can be in."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import AddressId, OrganizationId
from chandlery.parties import addresses as book
from chandlery.parties.countries import countries
from chandlery.parties.errors import AddressUnknown, PartyUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes

Kind = Literal["billing", "shipping", "sender", "returns", "legal"]
Kinds = Annotated[
    list[Kind], Meta(description="What it may be used for.", examples=[["billing", "shipping"]])
]
CountryCode = Annotated[str, Meta(description="ISO 3166-1, two letters.", examples=["DE"])]
Label = Annotated[str, Meta(examples=["Warehouse"])]


class PostalBody(Body):
    """To whom and where: everything that is printed. Which parts are needed depends on the country."""

    lines: Annotated[
        list[str], Meta(description="Street and number first.", examples=[["Kaistrasse 7", "Tor 3"]])
    ]
    city: Annotated[str, Meta(examples=["Hamburg"])]
    country: CountryCode
    postcode: Annotated[str, Meta(examples=["20457"])] = ""
    region: str = ""
    district: str = ""
    company: Annotated[str, Meta(examples=["Harbour Trading"])] = ""
    salutation: str = ""
    title: str = ""
    given_name: str = ""
    family_name: str = ""
    phone: str = ""
    mobile: str = ""
    fax: str = ""
    email: str = ""

    def noun(self) -> book.Postal:
        return msgspec.convert(msgspec.structs.asdict(self), book.Postal)


Postal = Annotated[
    PostalBody,
    Meta(examples=[{"lines": ["Kaistrasse 7"], "city": "Hamburg", "country": "DE", "postcode": "20457"}]),
]


class AddressBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    kinds: list[str]
    default_for: list[str]
    label: str
    postal: PostalBody
    attributes: Attributes
    created_at: datetime
    version: int


class NewAddress(Body):
    """Where it becomes the default for a kind, another one ceases to be."""

    postal: Postal
    kinds: Kinds = msgspec.field(default_factory=lambda: ["billing", "shipping"])
    default_for: Kinds = msgspec.field(default_factory=list)
    label: Label = ""
    attributes: Attributes = msgspec.field(default_factory=dict)


class AddressChange(Body):
    """What is left out stays; `postal` is replaced as a whole."""

    postal: Postal | None = None
    kinds: Kinds | None = None
    default_for: Kinds | None = None
    label: Label | None = None
    attributes: Attributes | None = None


class AddressQuery(PageQuery):
    kind: Kind | None = None


class CountryBody(msgspec.Struct):
    """ISO 3166-1: two letters, three letters, the number, and the name in English."""

    code: str
    alpha3: str
    numeric: int
    name: str


class CountriesBody(msgspec.Struct, kw_only=True):
    """All of them, by name."""

    items: list[CountryBody]
    next_cursor: str | None


async def list_addresses(call: Call) -> Reply:
    query: AddressQuery = call.query
    command = book.FindAddresses(organization_id(call), query.kind, query.page())
    return page_reply(await call.read(book.find_addresses, command), _body)


async def add_address(call: Call, body: NewAddress) -> Reply:
    command = book.AddAddress(
        organization_id(call),
        body.postal.noun(),
        tuple(body.kinds),
        tuple(body.default_for),
        body.label,
        body.attributes,
    )

    def added(new: book.Address) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/addresses/{new.id}"))

    return await call.perform(book.add_address, command, reply=added)


async def get_address(call: Call) -> Reply:
    return _reply(await call.read(book.get_address, _id(call)))


async def change_address(call: Call, body: AddressChange) -> Reply:
    command = book.ChangeAddress(
        _id(call),
        None if body.postal is None else body.postal.noun(),
        None if body.kinds is None else tuple(body.kinds),
        None if body.default_for is None else tuple(body.default_for),
        body.label,
        body.attributes,
        call.expected_version,
    )
    return await call.perform(book.change_address, command, reply=_reply)


async def remove_address(call: Call) -> Reply:
    command = book.RemoveAddress(_id(call), call.expected_version)
    return await call.perform(book.remove_address, command, reply=lambda _: Reply())


async def list_countries(_call: Call) -> Reply:
    return Reply(CountriesBody(items=_countries(), next_cursor=None))


def organization_id(call: Call) -> OrganizationId:
    return OrganizationId(call.id("organization_id", missing=PartyUnknown))


@cache
def _countries() -> list[CountryBody]:
    return [CountryBody(c.alpha2, c.alpha3, c.numeric, c.name) for c in countries().values()]


def _id(call: Call) -> AddressId:
    return AddressId(call.id("address_id", missing=AddressUnknown))


def _reply(address: book.Address) -> Reply:
    return Reply(_body(address), etag=address.version)


def _body(address: book.Address) -> AddressBody:
    return AddressBody(
        id=address.id,
        organization_id=address.organization_id,
        kinds=list(address.kinds),
        default_for=list(address.default_for),
        label=address.label,
        postal=msgspec.convert(msgspec.to_builtins(address.postal), PostalBody),
        attributes=dict(address.attributes),
        created_at=address.created_at,
        version=address.version,
    )
