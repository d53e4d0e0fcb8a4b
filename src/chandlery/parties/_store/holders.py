"""The organisation that holds an entry: seen, and locked while its one default or primary entry moves."""

from __future__ import annotations

from chandlery.engine.statements import Query, one, scalar
from chandlery.kernel.ids import OrganizationId
from chandlery.parties.errors import PartyUnknown


def holder(organization_id: OrganizationId) -> Query[OrganizationId]:
    """One that the actor may see; others who add or change entries of it wait."""
    return one(
        "SELECT id FROM organizations WHERE tenant_id = scope_tenant() AND id = %s FOR NO KEY UPDATE",
        (organization_id,),
        scalar,
        PartyUnknown,
    )


def visible(organization_id: OrganizationId) -> Query[OrganizationId]:
    return one(
        "SELECT id FROM organizations WHERE tenant_id = scope_tenant() AND id = %s",
        (organization_id,),
        scalar,
        PartyUnknown,
    )
