"""The noun: what the registers say of an organisation, as an invoice must print it and a tax rule must know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId
from chandlery.kernel.text import is_mailbox
from chandlery.parties.address import MAX_TEXT, is_text, snapshot_of
from chandlery.parties.countries import is_country
from chandlery.parties.errors import CompanyUnfit
from chandlery.parties.vat import canonical_vat


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """Everything that is given and taken as a whole."""

    legal_name: str = ""
    legal_form: str = ""
    """GmbH, Ltd, Inc."""
    country: str = ""
    """Where it is taxed: ISO 3166-1, two letters."""
    vat_number: str = ""
    tax_number: str = ""
    """The number at the local tax office, where that is another than the VAT number."""
    tax_exempt: bool = False
    tax_exemption: str = ""
    """Why no tax is charged: the number of a certificate, a clause of law."""
    registration_number: str = ""
    registration_office: str = ""
    """The court or chamber that keeps the register."""
    cost_centre: str = ""
    department: str = ""
    line_of_business: str = ""
    phone: str = ""
    fax: str = ""
    email: str = ""
    website: str = ""

    def checked(self) -> CompanyFacts:
        """The same with the VAT number in its one form; refuses with every problem at once."""
        vat = canonical_vat(self.vat_number, self.country or None) if self.vat_number else ""
        problems = self._problems()
        if vat is None:
            problems.append(
                Problem(
                    "vat_number", "This is no VAT number of that country: a digit may be wrong.", "vat_number"
                )
            )
        if problems:
            raise CompanyUnfit(*problems)
        return replace(self, vat_number=vat or "")

    def as_snapshot(self) -> dict[str, Any]:
        """JSON values, empty ones left out: what an order or an invoice keeps."""
        return snapshot_of(self)

    def _problems(self) -> list[Problem]:
        problems = [
            Problem(name, f"Give at most {MAX_TEXT} characters, on one line.", "text")
            for name, value in self.as_snapshot().items()
            if isinstance(value, str) and not is_text(value)
        ]
        if self.country and not is_country(self.country):
            problems.append(
                Problem(
                    "country", "Give the country as two capital letters (ISO 3166-1), such as DE.", "country"
                )
            )
        if self.tax_exempt and not self.tax_exemption.strip():
            problems.append(
                Problem("tax_exemption", "Say why no tax is charged: certificate or clause.", "required")
            )
        if self.email and not is_mailbox(self.email):
            problems.append(Problem("email", "Give one mail address such as office@example.com.", "email"))
        if self.website and not self.website.startswith(("https://", "http://")):
            problems.append(Problem("website", "Give a full address such as https://example.com.", "url"))
        return problems


@dataclass(frozen=True, slots=True)
class Company:
    """The company data of one organisation; version 0 means that none was given yet."""

    organization_id: OrganizationId
    facts: CompanyFacts = CompanyFacts()
    changed_at: datetime | None = None
    version: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
