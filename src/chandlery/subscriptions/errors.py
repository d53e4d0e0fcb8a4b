"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class SubscriptionUnknown(NotFound):
    """There is no such subscription; check the id."""


class LineActivatedMeanwhile(Conflict):
    """Somebody activated this line at the same moment; read its subscription."""


class SubscriptionNotActive(Conflict):
    """Only an active subscription can be changed; read it again."""


class TermUnreadable(Invalid):
    """A term is a number of years, months, weeks or days in ISO 8601, such as P1Y or P1M, or nothing."""


class AssetUnknown(NotFound):
    """There is no such asset; check the id."""


class AssetNotActive(Conflict):
    """Only what is still in use can be retired; read the asset again."""
