"""Route table: what is known of an organisation beyond its place in the tree. Part of `routes.py`."""

from __future__ import annotations

from chandlery.identity import permissions as p
from chandlery.surfaces.native import addresses, channels, companies, contacts
from chandlery.surfaces.native.dialect import PageBody
from chandlery.surfaces.native.table import to as _to

# fmt: off
ROUTES = (
    _to("GET", "/v1/organizations/{organization_id}/addresses", addresses.list_addresses, p.PARTIES_READ,
        "The address book of an organisation, oldest first", tags=("addresses",),
        query=addresses.AddressQuery, reply=PageBody[addresses.AddressBody]),
    _to("POST", "/v1/organizations/{organization_id}/addresses", addresses.add_address, p.PARTIES_WRITE,
        "Add an address", status=201, tags=("addresses",), body=addresses.NewAddress, reply=addresses.AddressBody),
    _to("GET", "/v1/addresses/{address_id}", addresses.get_address, p.PARTIES_READ, "An address",
        reply=addresses.AddressBody),
    _to("PATCH", "/v1/addresses/{address_id}", addresses.change_address, p.PARTIES_WRITE, "Change an address",
        description="What was printed or ordered before keeps the address of its day.",
        body=addresses.AddressChange, reply=addresses.AddressBody),
    _to("DELETE", "/v1/addresses/{address_id}", addresses.remove_address, p.PARTIES_WRITE, "Remove an address",
        status=204),
    _to("GET", "/v1/countries", addresses.list_countries, None, "The countries of the world (ISO 3166-1)",
        reply=addresses.CountriesBody),

    _to("GET", "/v1/organizations/{organization_id}/contacts", contacts.list_contacts, p.PARTIES_READ,
        "The contacts of an organisation, oldest first", tags=("contacts",),
        query=contacts.ContactQuery, reply=PageBody[contacts.ContactBody]),
    _to("POST", "/v1/organizations/{organization_id}/contacts", contacts.add_contact, p.PARTIES_WRITE,
        "Add a contact", status=201, tags=("contacts",), body=contacts.NewContact, reply=contacts.ContactBody),
    _to("GET", "/v1/contacts/{contact_id}", contacts.get_contact, p.PARTIES_READ, "A contact",
        reply=contacts.ContactBody),
    _to("PATCH", "/v1/contacts/{contact_id}", contacts.change_contact, p.PARTIES_WRITE, "Change a contact",
        body=contacts.ContactChange, reply=contacts.ContactBody),
    _to("DELETE", "/v1/contacts/{contact_id}", contacts.remove_contact, p.PARTIES_WRITE, "Remove a contact for good",
        status=204),

    _to("GET", "/v1/organizations/{organization_id}/company", companies.get_company, p.PARTIES_READ,
        "What registers say of an organisation", tags=("company data",), reply=companies.CompanyBody),
    _to("PUT", "/v1/organizations/{organization_id}/company", companies.put_company, p.PARTIES_WRITE,
        "Replace the company data of an organisation", tags=("company data",),
        body=companies.CompanyChange, reply=companies.CompanyBody),
    _to("GET", "/v1/organizations/{organization_id}/letterhead", companies.get_letterhead, p.PARTIES_READ,
        "How an organisation's letters and documents look", tags=("company data",), reply=companies.LetterheadBody),
    _to("PUT", "/v1/organizations/{organization_id}/letterhead", companies.put_letterhead, p.PARTIES_WRITE,
        "Replace the letterhead of an organisation", tags=("company data",),
        body=companies.LetterheadBody, reply=companies.LetterheadBody),

    _to("GET", "/v1/channels", channels.list_channels, p.CHANNELS_READ,
        "Sales channels of yours, of those below you, and of your seller, oldest first",
        query=channels.ChannelQuery, reply=PageBody[channels.ChannelBody]),
    _to("POST", "/v1/channels", channels.add_channel, p.CHANNELS_WRITE, "Add a sales channel", status=201,
        description="The first one of a seller is its default: it takes the orders that name none.",
        body=channels.NewChannel, reply=channels.ChannelBody),
    _to("GET", "/v1/channels/{channel_id}", channels.get_channel, p.CHANNELS_READ, "A sales channel",
        reply=channels.ChannelBody),
    _to("PATCH", "/v1/channels/{channel_id}", channels.change_channel, p.CHANNELS_WRITE,
        "Change a sales channel, make it the default, or open it again",
        body=channels.ChannelChange, reply=channels.ChannelBody),
    _to("DELETE", "/v1/channels/{channel_id}", channels.close_channel, p.CHANNELS_WRITE, "Close a sales channel",
        description="It takes no new orders and keeps those it has; the default one stays open.",
        reply=channels.ChannelBody),
)
# fmt: on
