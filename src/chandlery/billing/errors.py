"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class CreditLimitUnknown(NotFound):
    """There is no such credit limit between you and somebody; list your credit limits."""


class CreditLimitInvalid(Invalid):
    """This credit limit cannot be set like this; see the problems listed."""


class CreditLimitTaken(Conflict):
    """There is a limit for this recipient, currency and period already; change that one."""


class CreditExceeded(Conflict):
    """This order goes beyond a credit or spending limit; order less, or have open orders paid or the limit raised."""


class NothingToSettle(Invalid):
    """This order takes nothing of this limit, or was settled before; read the limit for what is used."""


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


class InvoiceUnknown(NotFound):
    """There is no such invoice or credit note; check the id."""


class InvoiceIsDraft(Conflict):
    """This invoice is a draft: post it first."""


class InvoicePosted(Conflict):
    """This invoice is posted and stays as it is; put it right with a credit note."""


class InvoiceLineUnknown(Conflict):
    """There is no such line left to credit; leave the positions out to credit all that is left."""


class CreditNotesStand(Conflict):
    """A credit note is not credited itself; draw up a new invoice for the order instead."""


class NothingToInvoice(Conflict):
    """Nothing of this order that you sell is fulfilled and not yet invoiced; wait, or look at its invoices."""


class AlreadyInvoiced(Conflict):
    """Somebody has just invoiced this; read the invoices of the order again."""


class ReasonUnfit(Invalid):
    """A credit note needs a reason of 1 to 500 characters, on one line."""


class PolicyUnfit(Invalid):
    """Invoicing cannot be set up like this; see the problems listed."""


class PaymentUnknown(NotFound):
    """There is no such payment; check the id."""


class PaymentMethodUnknown(NotFound):
    """There is no such payment method in use; check the id."""


class PaymentMethodUnfit(Invalid):
    """The payment method cannot be kept like this; see the problems listed."""


class ProcessorUnknown(Invalid):
    """No payment processor of that name is set up here; use manual, or ask the operator."""


class PaymentUnfit(Invalid):
    """The payment cannot be made like this; see the problems listed."""


class PaymentBusy(Conflict):
    """Something is under way with this payment already; read it again, and wait until it is answered."""


class PaymentNotSo(Conflict):
    """In its present status a payment does not allow this; read it again."""


class PaymentSpent(Conflict):
    """There is not so much left of this payment; take it off an invoice first, or name less."""


class InvoiceSettled(Conflict):
    """There is not so much left open on this invoice; name less."""


class AllocationUnfit(Conflict):
    """Payment and invoice must be between the same two parties and in the same currency."""


class AllocationUnknown(NotFound):
    """Nothing of this payment is for that invoice; read the payment for its allocations."""
