"""The noun: an organisation of the tree, operator > reseller (any depth) > customer, suppliers beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from chandlery.identity.errors import OrganizationClosed, OrganizationUnfit, ParentInactive, ParentUnfit
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId, TenantId

Kind = Literal["operator", "reseller", "customer", "supplier"]
Edition = Literal["free", "standard"]
Status = Literal["active", "suspended", "closed"]

KINDS_BELOW: Final[Mapping[str, frozenset[str]]] = {
    "operator": frozenset({"reseller", "customer", "supplier"}),
    "reseller": frozenset({"reseller", "customer"}),
    "customer": frozenset(),
    "supplier": frozenset(),
}
EDITIONS: Final = ("free", "standard")
MAX_NAME = 200
MAX_PATH = 450
"""Fifty tiers: far beyond any sales channel, far below what an index row holds."""


@dataclass(frozen=True, slots=True)
class Organization:
    """Somebody who sells, buys or supplies. `path` names all above it: a label and a '.' for each, its own last."""

    id: OrganizationId
    tenant_id: TenantId
    parent_id: OrganizationId | None
    kind: Kind
    name: str
    edition: Edition | None
    status: Status
    path: str
    created_at: datetime
    version: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def below(self, new_id: OrganizationId, kind: Kind, name: str, at: datetime) -> Organization:
        """A new organisation directly below this one."""
        if kind not in KINDS_BELOW[self.kind]:
            allowed = ", ".join(sorted(KINDS_BELOW[self.kind])) or "nothing"
            raise ParentUnfit(Problem("kind", f"Below this {self.kind} there can be: {allowed}.", "kind"))
        if self.status != "active":
            raise ParentInactive
        path = self.path + path_label(new_id)
        if len(path) > MAX_PATH:
            raise ParentUnfit(Problem("parent_id", "The tree is at most fifty organisations deep.", "depth"))
        return Organization(new_id, self.tenant_id, self.id, kind, name, None, "active", path, at)

    def changed(
        self,
        name: str | None = None,
        edition: Edition | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Organization:
        """With what is given replaced; None leaves as it is."""
        return replace(
            self,
            name=self.name if name is None else name,
            edition=self.edition if edition is None else edition,
            attributes=self.attributes if attributes is None else attributes,
            version=self.version + 1,
        )

    def put(self, status: Status) -> Organization:
        """Suspended and back as often as need be; closed is for good."""
        if self.status == "closed":
            raise OrganizationClosed
        return replace(self, status=status, version=self.version + 1)

    def contains(self, other: Organization) -> bool:
        """Whether the other is this one or stands anywhere below it."""
        return other.path.startswith(self.path)


def path_label(organization_id: OrganizationId) -> str:
    return f"{organization_id.hex[-8:]}."


def check(name: str | None, edition: str | None) -> None:
    """Every problem with what a caller gave, at once."""
    problems = []
    if name is not None and not 1 <= len(name.strip()) <= MAX_NAME:
        problems.append(Problem("name", f"Give a name of 1 to {MAX_NAME} characters.", "length"))
    if edition is not None and edition not in EDITIONS:
        problems.append(Problem("edition", f"One of: {', '.join(EDITIONS)}.", "choice"))
    if problems:
        raise OrganizationUnfit(*problems)
