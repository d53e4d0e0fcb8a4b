"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class DocumentUnknown(NotFound):
    """There is no such document, or the link to it has expired; ask for a new link."""


class DocumentUnfit(Invalid):
    """The document cannot be kept like this; see the problems listed."""


class DocumentKept(Conflict):
    """This document is part of the books and stays; only uploads can be removed."""


class OwnerUnknown(NotFound):
    """There is no such organisation; check the id."""


class ChargeUnknown(NotFound):
    """There is no such charge of yours on this order; read its charges for their ids."""


class ChargeUnfit(Invalid):
    """The charge cannot be put on the order like this; see the problems listed."""


class ChargesTooMany(Conflict):
    """An order takes 100 charges at most; take one off before you put on another."""


class NotTheSeller(Conflict):
    """Your organisation sells nothing in this order to anybody; only a seller in its chain can do this."""


class TaxRuleUnknown(NotFound):
    """There is no such tax rule of yours; check the id."""


class TaxRuleUnfit(Invalid):
    """The tax rule cannot be set like this; see the problems listed."""


class TaxRulesOverlap(Conflict):
    """Another rule of yours holds for the same sales at the same time; end that one first."""


class TaxRuleEnded(Conflict):
    """This rule has ended, or would have by then; name a time before its end, and not in the past."""
