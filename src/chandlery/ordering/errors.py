"""What ordering may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class OrderUnknown(NotFound):
    """There is no such order; check its id."""


class LineUnknown(NotFound):
    """This order has no such line; read the order for the ids of its lines."""


class OrderInvalid(Invalid):
    """The order cannot be taken like this; correct the fields listed."""


class OrderNotDraft(Conflict):
    """Only a draft can be changed and checked out, and this order is none any more; open a new draft instead."""


class DraftExpired(Conflict):
    """This draft has expired; open a new one."""


class DraftFull(Conflict):
    """A draft holds 500 lines at most; open another one for the rest."""


class CustomerInactive(Conflict):
    """This customer is suspended or closed; have it activated before ordering for it."""


class OrderFinished(Conflict):
    """This order is finished, so there is nothing to cancel; cancel the subscriptions that came of it instead."""


class LinesUnderWay(Conflict):
    """The vendor has, or may have, a line of this order already; wait for its answer, then cancel what came of it."""


class LineNotReady(Conflict):
    """A line cannot go from its present state to that one; read the order again."""


class OrderNotWaiting(Conflict):
    """Nobody is asked to decide about this order; read it again for its status."""


class NotYoursToDecide(Forbidden):
    """Somebody else is asked to decide about this order; its pending step says who."""


class OwnOrder(Forbidden):
    """Nobody approves what they ordered themselves; have another approver decide."""


class OrderNotDeclined(Conflict):
    """Only a declined order can be made a draft again; copy this one instead."""


class ReasonMissing(Invalid):
    """A refusal needs its reason, so that whoever ordered knows what to change."""


class CustomFieldUnknown(NotFound):
    """There is no such custom field of yours or of those below you; list your custom fields."""


class CustomFieldInvalid(Invalid):
    """This custom field cannot be defined like this; see the problems listed."""


class CustomFieldTaken(Conflict):
    """A custom field of this name is in force, your own or that of an organisation above; choose another name."""


class ApprovalRuleUnknown(NotFound):
    """There is no such approval rule of yours; list your approval rules."""


class ApprovalRuleInvalid(Invalid):
    """This approval rule cannot be set like this; see the problems listed."""


class NoteInvalid(Invalid):
    """This note cannot be kept; see the problems listed."""
