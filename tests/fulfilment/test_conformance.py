"""The kit: green for every provider that comes with the server, and red for those that are wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.conformance import CHECKS, Broken, Result, Subject, examine, hold
from chandlery.fulfilment.port import Done, Failed, Outcome, Request, Unknown
from chandlery.kernel.ids import TenantId
from tests.builders import Tenant
from tests.fulfilment.subjects import QUICK, http_subject, manual_subject, requests_of, sandbox_subject

KEPT_BY_ALL = {
    "a_request_is_taken",
    "a_question_tells_the_truth",
    "a_question_changes_nothing",
    "every_action_is_answered",
    "requests_at_the_same_time_stay_apart",
    "any_text_travels_unharmed",
}


@pytest.mark.parametrize("name", CHECKS)
async def test_the_http_provider_keeps_to_everything(tenant: Tenant, name: str) -> None:
    async with http_subject(tenant) as (subject, _, _):
        assert await hold(name, subject) == Result(name, "kept")


@pytest.mark.parametrize("name", CHECKS)
async def test_the_sandbox_keeps_to_everything_but_what_it_is_there_to_show(
    engine: Engine, tenant: Tenant, name: str
) -> None:
    result = await hold(name, sandbox_subject(engine, tenant))
    other = {
        "a_request_that_comes_again_is_done_once": "exempt",
        "an_unreachable_vendor_fails_and_nothing_was_sent": "skipped",
    }
    assert result.verdict == other.get(name, "kept"), result


async def test_the_manual_provider_keeps_to_what_concerns_a_person(engine: Engine, tenant: Tenant) -> None:
    results = await examine(manual_subject(engine, tenant))
    verdicts = {result.check: result.verdict for result in results}
    assert "broken" not in verdicts.values()
    assert {check for check, verdict in verdicts.items() if verdict == "kept"} == KEPT_BY_ALL | {
        "a_request_that_comes_again_is_done_once"
    }


@dataclass(slots=True)
class Careless:
    """A vendor's adapter that gets everything right, until told what to get wrong."""

    fault: str = ""
    names: dict[tuple[TenantId, str], str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def provision(self, request: Request) -> Outcome:
        key = (request.account, request.reference)
        if key in self.names and self.fault != "does it twice":
            return Done(self.names[key])
        self.done.append(request.reference)
        self.names[key] = request.vendor_reference or f"V-{len(self.done)}"
        if self.fault == "has long names":
            self.names[key] = "V" * 201
        if self.fault == "has one name for all":
            self.names[key] = "V-1"
        if self.fault == "chokes on umlauts" and "domain" in request.characteristics:
            return Failed("UnicodeEncodeError")
        return Done(self.names[key])

    suspend = resume = cancel = provision

    async def change(self, request: Request) -> Outcome:
        if self.fault == "renames":
            return Done("V-new")
        return await self.provision(request)

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        if self.fault == "knows everything":
            return Done("V-1")
        if self.fault == "forgets":
            return None
        if self.fault == "does what it is asked about":
            self.done.append(reference)
        if self.fault == "tells others":
            return next((Done(name) for (_, known), name in self.names.items() if known == reference), None)
        name = self.names.get((account, reference))
        return None if name is None else Done(name)


def careless(tenant: Tenant, fault: str = "") -> Subject:
    vendor = Careless(fault)

    async def books(reference: str) -> int:
        return vendor.done.count(reference)

    return Subject(vendor, requests_of(tenant), books, patience=QUICK)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("has long names", "a_request_is_taken"),
        ("forgets", "a_question_tells_the_truth"),
        ("does what it is asked about", "a_question_changes_nothing"),
        ("knows everything", "a_reference_that_was_never_sent_is_never_seen"),
        ("tells others", "another_accounts_reference_is_never_seen"),
        ("does it twice", "a_request_that_comes_again_is_done_once"),
        ("renames", "a_change_keeps_the_name"),
        ("has one name for all", "requests_at_the_same_time_stay_apart"),
        ("chokes on umlauts", "any_text_travels_unharmed"),
    ],
)
async def test_the_kit_finds_what_is_wrong(tenant: Tenant, fault: str, check: str) -> None:
    assert (await hold(check, careless(tenant))).verdict == "kept"
    with pytest.raises(Broken):
        await hold(check, careless(tenant, fault))
    broken = [one for one in await examine(careless(tenant, fault)) if one.verdict == "broken"]
    assert check in {one.check for one in broken}


@dataclass(slots=True)
class Stubborn(Careless):
    """Does not let itself be cut off."""

    at_last: asyncio.Event = field(default_factory=asyncio.Event)

    async def provision(self, request: Request) -> Outcome:
        while not self.at_last.is_set():
            with suppress(asyncio.CancelledError):
                await self.at_last.wait()
        return Unknown("at last")


async def test_a_call_that_cannot_be_cut_off_is_found(tenant: Tenant) -> None:
    async with http_subject(tenant) as (subject, _, _):
        stubborn = Stubborn()
        with pytest.raises(Broken, match="a call that does not end"):
            await hold("a_vendor_that_hangs_is_left_in_time", replace(subject, provider=stubborn))
        stubborn.at_last.set()


def test_a_result_reads_as_a_sentence() -> None:
    assert str(Result("a_request_is_taken", "kept")) == "kept    a request is taken"
    assert str(Result("a_request_is_taken", "broken", "saw x")) == "broken  a request is taken: saw x"
