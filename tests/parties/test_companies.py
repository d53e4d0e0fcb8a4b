from __future__ import annotations

import pytest

from chandlery.engine.unit_of_work import Engine, Meter, Reader
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import OrganizationId
from chandlery.parties.companies import (
    CompanyFacts,
    Letterhead,
    PutCompany,
    PutLetterhead,
    get_company,
    get_letterhead,
    letterhead_in_use,
    put_company,
    put_letterhead,
)
from chandlery.parties.countries import by_alpha3, countries, regions
from chandlery.parties.errors import CompanyUnfit, LetterheadUnfit, PartyUnknown
from chandlery.parties.vat import canonical_vat
from tests.builders import Tenant
from tests.parties.builders import clerk

FACTS = CompanyFacts(
    legal_name="Muster & Söhne GmbH",
    country="DE",
    vat_number="de 136 695 976",
    registration_number="HRB 4711",
    registration_office="Amtsgericht Jena",
    cost_centre="4000",
    website="https://example.com",
)


async def test_company_data_is_put_and_read(engine: Engine, tenant: Tenant, meters: list[Meter]) -> None:
    organization = tenant.customer.organization_id
    empty = await engine.read(clerk(tenant.customer), get_company, organization)
    assert (empty.version, empty.facts) == (0, CompanyFacts())
    command = PutCompany(organization, FACTS, {"tier": "gold"}, expected_version=0)
    put = (await engine.perform(clerk(tenant.reseller), put_company, command)).result
    assert meters[-1].round_trips == 2
    assert (put.version, put.facts.vat_number) == (1, "DE136695976")
    assert await engine.read(clerk(tenant.customer), get_company, organization) == put
    with pytest.raises(VersionStale):
        await engine.perform(clerk(tenant.reseller), put_company, command)


async def test_every_problem_of_company_data_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    facts = CompanyFacts(
        legal_name="a\0b", country="D", vat_number="DE123", tax_exempt=True, email="x", website="example.com"
    )
    with pytest.raises(CompanyUnfit) as refused:
        await engine.perform(
            clerk(tenant.customer), put_company, PutCompany(tenant.customer.organization_id, facts)
        )
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["legal_name", "country", "tax_exemption", "email", "website", "vat_number"]


async def test_company_data_needs_the_permission_and_a_visible_organisation(
    engine: Engine, tenant: Tenant
) -> None:
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.customer, get_company, tenant.customer.organization_id)
    with pytest.raises(PartyUnknown):
        await engine.read(clerk(tenant.customer), get_company, tenant.reseller.organization_id)
    with pytest.raises(PartyUnknown):
        await engine.perform(
            clerk(tenant.customer), put_company, PutCompany(tenant.reseller.organization_id, FACTS)
        )


@pytest.mark.parametrize(
    ("given", "country", "canonical"),
    [
        ("136695976", "DE", "DE136695976"),
        ("DE136695976", None, "DE136695976"),
        ("DE136695975", "DE", None),
        ("ATU 13585627", "AT", "ATU13585627"),
        ("094259216", "GR", "EL094259216"),
        ("EL 094259216", "GR", "EL094259216"),
        ("FR 40 303 265 045", "DE", "FR40303265045"),
        ("GB 980 7806 84", "GB", "GB980780684"),
        ("XI980780684", "GB", "XI980780684"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA"),
        ("12-3456789", "US", "123456789"),
        ("?", "US", None),
    ],
)
def test_vat_numbers_have_one_form_and_keep_their_countrys_rules(
    given: str, country: str | None, canonical: str | None
) -> None:
    assert canonical_vat(given, country) == canonical


def test_countries_and_regions_are_those_of_the_iso() -> None:
    germany = countries()["DE"]
    assert (germany.alpha3, germany.numeric, germany.name) == ("DEU", 276, "Germany")
    assert by_alpha3("AUT") == countries()["AT"]
    assert [r.name for r in regions("US") if r.short == "CA"] == ["California"]
    assert len(regions("DE")) == 16
    assert not regions("XX")


async def in_use(reader: Reader, _actor: Actor, organization_id: OrganizationId) -> Letterhead:
    return await reader.fetch(letterhead_in_use(organization_id))


async def test_a_letterhead_is_filled_from_above_also_where_the_caller_cannot_look(
    engine: Engine, tenant: Tenant
) -> None:
    organization = tenant.customer.organization_id
    assert await engine.read(tenant.customer, in_use, organization) == Letterhead()
    for actor, letterhead in (
        (tenant.operator, Letterhead(brand="Distributor", sender="shop@example.com", language="en")),
        (tenant.reseller, Letterhead(brand="Reseller", colour="#aa3300")),
        (tenant.customer, Letterhead(language="de")),
    ):
        await engine.perform(clerk(actor), put_letterhead, PutLetterhead(actor.organization_id, letterhead))
    assert await engine.read(tenant.customer, in_use, organization) == Letterhead(
        brand="Reseller", colour="#aa3300", sender="shop@example.com", language="de"
    )
    assert await engine.read(clerk(tenant.customer), get_letterhead, organization) == Letterhead(
        language="de"
    )
    assert await engine.read(tenant.customer, in_use, tenant.operator.organization_id) == Letterhead()


async def test_every_problem_of_a_letterhead_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    letterhead = Letterhead(
        brand="a\nb", colour="red", sender="a@b\r\nBcc: c@d", reply_to="x", language="german", footer="a\0"
    )
    with pytest.raises(LetterheadUnfit) as refused:
        await engine.perform(
            clerk(tenant.customer),
            put_letterhead,
            PutLetterhead(tenant.customer.organization_id, letterhead),
        )
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["sender", "reply_to", "brand", "colour", "language", "footer"]
