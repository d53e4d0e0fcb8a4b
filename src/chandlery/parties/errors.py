"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Invalid, NotFound


class PartyUnknown(NotFound):
    """There is no such organisation; check the id."""


class AddressUnknown(NotFound):
    """There is no such address; check the id."""


class ContactUnknown(NotFound):
    """There is no such contact; check the id."""


class AddressUnfit(Invalid):
    """The address cannot be saved like this; see the problems listed."""


class ContactUnfit(Invalid):
    """The contact cannot be saved like this; see the problems listed."""


class CompanyUnfit(Invalid):
    """The company data cannot be saved like this; see the problems listed."""


class LetterheadUnfit(Invalid):
    """The letterhead cannot be saved like this; see the problems listed."""
