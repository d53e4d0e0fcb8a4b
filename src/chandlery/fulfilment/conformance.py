"""What every provider has to keep to, as named checks that can be run against any of them: yours, too.

    subject = Subject(provider=MyVendor(...), request=lambda: Request(reference=..., ...))
    for result in await examine(subject):
        print(result)

or, one by one in a test suite, `@pytest.mark.parametrize("name", CHECKS)` and `await hold(name, subject)`, which raises
`Broken` where the provider does not keep to it.

Calls are made as the worker makes them: within a time-out, and with its reading of what a provider raises. What the kit
cannot see for itself the subject brings along: its books, and ways to make it misbehave. A check that needs something
that is not there is skipped; one that a provider does not keep on purpose is exempt, with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal, NoReturn, TypeAlias
from uuid import UUID

from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Provider, Refused, Request, Unknown
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.provisioning import MAX_REFERENCE, can_be_kept
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.ids import TenantId

Misbehaviour = Literal["refuse", "fail", "accept", "hang", "lose_answer", "lose_request", "unreachable"]
"""Done: `hang`, `lose_answer`. Not done: `fail`, `lose_request`, `unreachable`. `refuse`: never. `accept`: later."""

_NAME: Final = "subject"


class Broken(AssertionError):
    """The provider does not keep to what a check asks for; the text says what was seen instead."""


class NotApplicable(Exception):
    """The subject brings no way to find this out."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider and what the kit may know about it.

    `request` makes a new request each time, with a reference that has never been used, for something that can be had.
    `books` counts how often the vendor has really done what a reference asks for. `misbehave` makes the vendor do that
    to the next request (or from then on), until the context is left.
    """

    provider: Provider
    request: Callable[[], Request]
    books: Callable[[str], Awaitable[int]] | None = None
    misbehave: Mapping[Misbehaviour, Callable[[], AbstractAsyncContextManager[None]]] = field(
        default_factory=dict
    )
    exempt: Mapping[str, str] = field(default_factory=dict)
    """From the name of a check to the reason why this provider need not keep to it."""
    patience: timedelta = timedelta(seconds=5)
    """After which a call counts as unanswered; a test suite sets it low."""

    async def send(self, request: Request, action: str = "create") -> Outcome:
        return await self._called().send(_NAME, action, request)

    async def ask(self, request: Request) -> Outcome | None:
        return await self._called().ask(_NAME, request.account, request.reference)

    def made_to(self, misbehaviour: Misbehaviour) -> AbstractAsyncContextManager[None]:
        make = self.misbehave.get(misbehaviour)
        if make is None:
            raise NotApplicable(f"the subject cannot be made to {misbehaviour.replace('_', ' ')}")
        return make()

    async def has_done(self, request: Request, times: int) -> None:
        """Compare with the books, where there are any."""
        if self.books is not None:
            found = await self.books(request.reference)
            if found != times:
                broken(f"the vendor's books show it {found} times", f"{times} times")

    def _called(self) -> Providers:
        return Providers({_NAME: self.provider}, policy=RetryPolicy(call_timeout=self.patience))


def broken(seen: object, wanted: str) -> NoReturn:
    raise Broken(f"saw {seen}; wanted {wanted}")


def expect(outcome: object, *kinds: type) -> None:
    if not isinstance(outcome, kinds):
        broken(outcome, " or ".join("never seen" if kind is type(None) else kind.__name__ for kind in kinds))


Check: TypeAlias = Callable[[Subject], Awaitable[None]]


async def a_request_is_taken(subject: Subject) -> None:
    """Something that can be had is done or accepted, under a name that we can keep."""
    outcome = await subject.send(subject.request())
    expect(outcome, Done, Accepted)
    if isinstance(outcome, Done):
        _check_name(outcome.vendor_reference)
        if not can_be_kept(outcome.facts):
            broken("facts that cannot be kept", "at most 16 KiB of JSON without NUL")


async def a_question_tells_the_truth(subject: Subject) -> None:
    """Asked by our reference, it says what it said when it did it."""
    request = subject.request()
    outcome = await subject.send(request)
    told = await subject.ask(request)
    expect(told, Done, Accepted)
    if isinstance(outcome, Done) and isinstance(told, Done):
        _same(told.vendor_reference, outcome.vendor_reference)


async def a_question_changes_nothing(subject: Subject) -> None:
    """However often it is asked: nothing is done that was not done before."""
    done, never = subject.request(), subject.request()
    await subject.send(done)
    before = await subject.books(done.reference) if subject.books else 0
    for _ in range(3):
        await subject.ask(done)
        await subject.ask(never)
    await subject.has_done(done, before)
    await subject.has_done(never, 0)


async def a_reference_that_was_never_sent_is_never_seen(subject: Subject) -> None:
    """Only this answer lets us send again, so it has to be given, and given of nothing else."""
    expect(await subject.ask(subject.request()), type(None))


async def another_accounts_reference_is_never_seen(subject: Subject) -> None:
    """References belong to an account: another's is not told of."""
    request = subject.request()
    await subject.send(request)
    stranger = replace(request, account=TenantId(UUID(int=request.account.int ^ 1)))
    expect(await subject.ask(stranger), type(None))


async def a_request_that_comes_again_is_done_once(subject: Subject) -> None:
    """The same reference, the same thing: under the same name, and once in the books."""
    request = subject.request()
    first, second = await subject.send(request), await subject.send(request)
    expect(second, type(first))
    if isinstance(first, Done) and isinstance(second, Done):
        _same(second.vendor_reference, first.vendor_reference)
    await subject.has_done(request, 1)


async def a_change_keeps_the_name(subject: Subject) -> None:
    """What exists is changed under the name that the vendor gave it."""
    made = await subject.send(subject.request())
    if not isinstance(made, Done):
        raise NotApplicable("nothing is done at once that could be changed")
    changed = await subject.send(
        replace(subject.request(), vendor_reference=made.vendor_reference, quantity=7), "change"
    )
    expect(changed, Done, Accepted)
    if isinstance(changed, Done):
        _same(changed.vendor_reference, made.vendor_reference)


async def every_action_is_answered(subject: Subject) -> None:
    """Suspend, resume and cancel end in an outcome, if only in a refusal."""
    made = await subject.send(subject.request())
    name = made.vendor_reference if isinstance(made, Done | Accepted) else None
    for action in (subject.provider.suspend, subject.provider.resume, subject.provider.cancel):
        async with asyncio.timeout(subject.patience.total_seconds()):
            outcome = await action(replace(subject.request(), vendor_reference=name))
        expect(outcome, Done, Accepted, Refused)


async def requests_at_the_same_time_stay_apart(subject: Subject) -> None:
    """Each gets what is its own, in whatever order they are done."""
    requests = [subject.request() for _ in range(8)]
    outcomes = await asyncio.gather(*(subject.send(request) for request in requests))
    names = [outcome.vendor_reference for outcome in outcomes if isinstance(outcome, Done)]
    if len(set(names)) < len(names):
        broken(sorted(names), "a name of its own for each")
    for request, outcome in zip(requests, outcomes, strict=True):
        expect(outcome, Done, Accepted)
        told = await subject.ask(request)
        if isinstance(outcome, Done) and isinstance(told, Done):
            _same(told.vendor_reference, outcome.vendor_reference)


async def any_text_travels_unharmed(subject: Subject) -> None:
    """Characteristics hold whatever customers type."""
    strange = {
        "domain": "größe.example",
        "note": 'a "quoted" \\ line\nbreak',
        "深": {"nested": [1, None, "⚓"]},
    }
    expect(await subject.send(replace(subject.request(), characteristics=strange)), Done, Accepted)


async def a_refusal_is_final_and_has_a_reason(subject: Subject) -> None:
    """Refused says why, and that nothing was done."""
    request = subject.request()
    async with subject.made_to("refuse"):
        outcome = await subject.send(request)
    expect(outcome, Refused)
    if isinstance(outcome, Refused) and not outcome.reason.strip():
        broken("no reason", "one that a person can act on")
    expect(await subject.ask(request), Refused, type(None))
    await subject.has_done(request, 0)


async def a_failure_may_be_sent_again(subject: Subject) -> None:
    """Failed says that it was certainly not done; the same request then works."""
    request = subject.request()
    async with subject.made_to("fail"):
        expect(await subject.send(request), Failed)
    await subject.has_done(request, 0)
    expect(await subject.send(request), Done, Accepted)
    await subject.has_done(request, 1)


async def what_is_accepted_can_be_asked_for(subject: Subject) -> None:
    """Should the callback never come, a question tells how far it is."""
    request = subject.request()
    async with subject.made_to("accept"):
        expect(await subject.send(request), Accepted)
        expect(await subject.ask(request), Accepted, Done)


async def a_lost_answer_is_unknown_and_can_be_asked_for(subject: Subject) -> None:
    """Whoever cannot know says so; the question then finds what was done, once."""
    request = subject.request()
    async with subject.made_to("lose_answer"):
        expect(await subject.send(request), Unknown)
    expect(await subject.ask(request), Done, Accepted)
    await subject.has_done(request, 1)


async def a_lost_request_is_unknown_and_never_seen(subject: Subject) -> None:
    """The same from outside; but the question finds that nothing was done."""
    request = subject.request()
    async with subject.made_to("lose_request"):
        expect(await subject.send(request), Unknown)
    expect(await subject.ask(request), type(None))
    await subject.has_done(request, 0)


async def a_vendor_that_hangs_is_left_in_time(subject: Subject) -> None:
    """No call outlasts its caller's patience, and what became of it is unknown until asked."""
    request = subject.request()
    quick = replace(subject, patience=min(subject.patience, timedelta(seconds=0.3)))
    async with subject.made_to("hang"):
        call = asyncio.create_task(quick.send(request))
        ended, _ = await asyncio.wait({call}, timeout=quick.patience.total_seconds() + 2)
        if not ended:
            broken("a call that does not end", "one that can be cut off")
        expect(call.result(), Unknown)
    expect(await subject.ask(request), Done, Accepted)


async def an_unreachable_vendor_fails_and_nothing_was_sent(subject: Subject) -> None:
    """A request that never left may be sent again; a question that never left says nothing."""
    request = subject.request()
    async with subject.made_to("unreachable"):
        expect(await subject.send(request), Failed)
        expect(await subject.ask(request), Unknown)
    await subject.has_done(request, 0)


CHECKS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        a_request_is_taken,
        a_question_tells_the_truth,
        a_question_changes_nothing,
        a_reference_that_was_never_sent_is_never_seen,
        another_accounts_reference_is_never_seen,
        a_request_that_comes_again_is_done_once,
        a_change_keeps_the_name,
        every_action_is_answered,
        requests_at_the_same_time_stay_apart,
        any_text_travels_unharmed,
        a_refusal_is_final_and_has_a_reason,
        a_failure_may_be_sent_again,
        what_is_accepted_can_be_asked_for,
        a_lost_answer_is_unknown_and_can_be_asked_for,
        a_lost_request_is_unknown_and_never_seen,
        a_vendor_that_hangs_is_left_in_time,
        an_unreachable_vendor_fails_and_nothing_was_sent,
    )
}


@dataclass(frozen=True, slots=True)
class Result:
    """How one check went; `detail` says what was seen, or why it does not apply."""

    check: str
    verdict: Literal["kept", "broken", "skipped", "exempt"]
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.verdict:8}{self.check.replace('_', ' ')}" + (f": {self.detail}" if self.detail else "")


async def hold(name: str, subject: Subject) -> Result:
    """Run one check; `Broken` where the provider does not keep to it."""
    if name in subject.exempt:
        return Result(name, "exempt", subject.exempt[name])
    try:
        await CHECKS[name](subject)
    except NotApplicable as why:
        return Result(name, "skipped", str(why))
    return Result(name, "kept")


async def examine(subject: Subject) -> list[Result]:
    """Run all of them, one after the other."""
    results = []
    for name in CHECKS:
        try:
            results.append(await hold(name, subject))
        except Broken as why:
            results.append(Result(name, "broken", str(why)))
    return results


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_REFERENCE or not name.isprintable() or name != name.strip():
        broken(f"the vendor_reference {name!r}", f"1 to {MAX_REFERENCE} printable characters")


def _same(given: str, wanted: str) -> None:
    if given != wanted:
        broken(f"the vendor_reference {given!r}", repr(wanted))
