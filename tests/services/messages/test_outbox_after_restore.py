"""What was due when an older copy was put back, or all was lost, goes to nobody before a person says so."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from lib.domain.days import day_of
from lib.domain.links import LinkState
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState
from tests.charge_runs import approved, executed, invoices, payers, rows_of
from tests.lost_files import copied, lost, put_back
from tests.mail_server import MailServer
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BLOCKED_BY_STRIPE, World


def link(desk: World, email: str) -> str:
    customer = desk.customer("Anna Example", email)
    made, _ = desk.services.links.offer(customer, occasion="test", by=ALICE)
    return made.id


def send(desk: World, *links: str) -> None:
    desk.services.messages.requests.send(links, by=ALICE)


def states(desk: World) -> list[MessageState]:
    return [one.state for one in desk.services.messages.outbox.listing()]


@pytest.mark.parametrize("by_hand", [False, True], ids=["restore", "file put back"])
def test_after_an_older_copy(desk: World, server: MailServer, by_hand: bool) -> None:
    first, second = link(desk, "a@example.com"), link(desk, "b@example.com")
    send(desk, first, second)
    copy = copied(desk)
    assert desk.services.messages.delivery.send_due() == 2
    desk.clock.advance(hours=1)
    if by_hand:
        put_back(desk, copy)
    else:
        desk.services.restores.restore(copy, by=ADA)
        desk.rebuild()
    outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
    for _ in range(3):
        assert delivery.send_due() == 0
        desk.clock.advance(hours=5)
    assert states(desk) == [MessageState.PERHAPS_SENT] * 2
    desk.services.rebuilds.rebuild(by=ALICE)
    assert outbox.status().held_since is not None, "also once the ledger is whole again"
    outbox.release(by=ALICE)
    assert delivery.send_due() == 0, "each is decided by itself"
    went, again = (one.id for one in outbox.listing())
    outbox.decide([went], was_sent=True, by=ALICE)
    outbox.decide([again], was_sent=False, by=ALICE)
    desk.services.messages.delivery.send_due()
    assert len(server.taken) == 3


def test_after_everything_was_lost_and_rebuilt(desk: World, server: MailServer) -> None:
    paying = desk.customer("Bob Ltd", "b@example.com")
    desk.save_card(paying)
    desk.charge(paying)
    customer = desk.customer("Anna Example", "a@example.com")
    made = desk.services.links.create(form_key="f", customer=customer, by=ALICE)
    send(desk, made.link.id)
    desk.services.messages.delivery.send_due()
    lost(desk)
    desk.clock.advance(days=1)
    desk.services.rebuilds.rebuild(by=ALICE)
    outbox = desk.services.messages.outbox
    assert outbox.status().held_since is not None
    requests = desk.services.messages.requests
    (adopted,) = [one.link.id for one in desk.services.links.listing(state=LinkState.OPEN)]
    response = requests.send([adopted], by=ALICE)
    assert response.failed == [(adopted, "perhaps_sent")]
    assert len(requests.send([adopted], in_doubt=True, by=ALICE).queued) == 1
    assert desk.services.messages.delivery.send_due() == 0, "the outbox is held"
    outbox.release(by=ALICE)
    assert desk.services.messages.delivery.send_due() == 1
    assert len(server.taken) == 2


def recipients(server: MailServer) -> list[tuple[str, str]]:
    return [(str(mail["To"]), str(mail["Subject"]).split(":")[0]) for mail in server.taken]


def test_what_went_after_the_copy_is_asked_of_however_much_of_its_link_is_on_record(
    desk: World, server: MailServer
) -> None:
    """A reminder beside the link's own message, and what the copy has as cancelled, or as refused."""
    server.at_rcpt["c@example.com"] = "550 No such user here"
    links = [link(desk, f"{name}@example.com") for name in "abc"]
    reminded, cancelled, refused = links
    send(desk, reminded, refused)
    desk.services.messages.delivery.send_due()
    (waiting,) = desk.services.messages.requests.send([cancelled], by=ALICE).queued
    desk.services.messages.outbox.cancel([waiting], by=ALICE)
    desk.clock.advance(days=4)
    copy = copied(desk)
    server.at_rcpt.clear()

    def click(*, in_doubt: bool = False) -> list[tuple[str, str]]:
        requests = desk.services.messages.requests
        remind = requests.send([reminded], kind=MessageKind.REMINDER, in_doubt=in_doubt, by=ALICE)
        again = requests.send([cancelled, refused], in_doubt=in_doubt, by=ALICE)
        desk.services.messages.delivery.send_due()
        return remind.failed + again.failed

    assert click() == []
    gone = recipients(server)
    assert len(gone) == 4
    desk.services.restores.restore(copy, by=ADA)
    desk.rebuild()
    desk.clock.advance(hours=1)
    desk.services.rebuilds.rebuild(by=ALICE)
    desk.services.messages.outbox.release(by=ALICE)
    assert click() == [(one, "perhaps_sent") for one in links]
    assert recipients(server) == gone, "an ordinary click sends none of them twice"
    assert click(in_doubt=True) == []
    assert len(recipients(server)) == 7


def test_what_is_refused_after_a_person_decided_is_in_doubt_no_more(
    desk: World, server: MailServer
) -> None:
    asked = link(desk, "a@example.com")
    send(desk, asked)
    desk.services.restores.restore(copied(desk), by=ADA)
    desk.rebuild()
    desk.clock.advance(hours=1)
    desk.services.rebuilds.rebuild(by=ALICE)
    outbox = desk.services.messages.outbox
    outbox.release(by=ALICE)
    desk.clock.advance(hours=1)
    server.at_rcpt["a@example.com"] = "550 No such user here"
    outbox.decide([outbox.listing()[0].id], was_sent=False, by=ALICE)
    desk.services.messages.delivery.send_due()
    assert states(desk) == [MessageState.FAILED]
    assert len(desk.services.messages.requests.send([asked], by=ALICE).queued) == 1


@pytest.mark.parametrize(
    "number", [ALWAYS_DECLINES, BLOCKED_BY_STRIPE], ids=["with a link", "without one"]
)
def test_a_runs_messages_are_asked_of_too(desk: World, server: MailServer, number: str) -> None:
    customer = desk.customer("Bob Ltd", "bob@example.com")
    method = desk.save_card(customer, number)
    run = executed(desk, [(customer, method, 1_000, "INV-1")])
    copy = copied(desk)

    def click(*, in_doubt: bool = False) -> list[str]:
        composed = desk.services.runs.views.composed(run.id)
        result = desk.services.messages.requests.send_composed(
            composed, in_doubt=in_doubt, by=ALICE
        )
        desk.services.messages.delivery.send_due()
        return [code for _, code in result.failed]

    assert click() == []
    assert len(server.taken) == 1
    desk.services.restores.restore(copy, by=ADA)
    desk.rebuild()
    desk.clock.advance(hours=1)
    desk.services.rebuilds.rebuild(by=ALICE)
    desk.services.messages.outbox.release(by=ALICE)
    assert click() == ["perhaps_sent"]
    assert len(server.taken) == 1
    assert click(in_doubt=True) == []
    assert len(server.taken) == 2


@pytest.mark.parametrize("by_hand", [False, True], ids=["sent", "taken by a person"])
@pytest.mark.parametrize("in_copy", ["unknown", "cancelled"])
def test_what_payers_were_told_of_a_run_is_asked_of_too(
    desk: World, server: MailServer, in_copy: str, by_hand: bool
) -> None:
    run = approved(desk, invoices(payers(desk, 2)))
    announcements = desk.services.runs.announcements
    on = day_of(desk.now, desk.services.settings.timezone)
    if in_copy == "cancelled":
        announcements.announce(run.id, on, by=ALICE)
        outbox = desk.services.messages.outbox
        assert outbox.cancel([one.id for one in outbox.listing()], by=ALICE) == 2
    copy = copied(desk)

    def click(
        *, only: list[str] | None = None, in_doubt: bool = False
    ) -> tuple[list[tuple[str, str]], int]:
        announcements = desk.services.runs.announcements
        told = announcements.announce(
            run.id, on, by=ALICE, by_hand=by_hand, only=only, in_doubt=in_doubt
        )
        desk.services.messages.delivery.send_due()
        return told.failed, len(told.taken) + len(told.queued)

    assert click() == ([], 2)
    desk.services.restores.restore(copy, by=ADA)
    desk.rebuild()
    desk.clock.advance(hours=1)
    desk.services.rebuilds.rebuild(by=ALICE)
    desk.services.messages.outbox.release(by=ALICE)
    customers = [row.customer or "" for row in rows_of(desk, run.id)]
    assert click() == ([(one, "perhaps_sent") for one in customers], 0)
    assert len(server.taken) == (0 if by_hand else 2)
    assert click(only=customers[:1], in_doubt=True) == ([], 1)
    told = [] if by_hand else [(customers[0], "already_told")]
    assert click() == ([*told, (customers[1], "perhaps_sent")], int(by_hand))
    assert len(server.taken) == (0 if by_hand else 3)


def test_a_run_of_afterwards_was_announced_to_nobody(desk: World, server: MailServer) -> None:
    everybody = payers(desk, 1)
    desk.services.restores.restore(copied(desk), by=ADA)
    desk.rebuild()
    desk.services.rebuilds.rebuild(by=ALICE)
    desk.services.messages.outbox.release(by=ALICE)
    desk.clock.advance(hours=1)
    run = approved(desk, invoices(everybody))
    on = day_of(desk.now, desk.services.settings.timezone)
    assert len(desk.services.runs.announcements.announce(run.id, on, by=ALICE).queued) == 1


def forked(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def test_killed_at_any_moment_no_message_goes_twice_and_each_is_accounted_for(
    desk: World, server: MailServer
) -> None:
    """SIGKILL in the middle of many messages, again and again: what nobody can know stands as such."""
    desk.settings = replace(desk.settings, mail_per_minute=10_000)
    links = [link(desk, f"c{at}@example.com") for at in range(30)]
    send(desk, *links)
    deaths = 0
    for pause in (0.0, 0.01, 0.02, 0.04, 0.06, 0.08):
        desk.services.close()
        before = len(server.taken)
        pid = forked(lambda: desk.rebuild().messages.delivery.send_due())
        until = time.monotonic() + 20
        while len(server.taken) == before and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(pause)
        os.kill(pid, signal.SIGKILL)
        deaths += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        desk.rebuild()
    for _ in range(3):
        desk.services.messages.delivery.send_due()
        desk.clock.advance(minutes=10)
    counts = Counter(states(desk))
    taken = Counter(server.addresses())
    assert set(taken.values()) <= {1}, "a message went twice"
    assert counts[MessageState.SENT] + counts[MessageState.PERHAPS_SENT] == 30
    assert counts[MessageState.PERHAPS_SENT] <= deaths, (
        "at most the one that each death interrupted"
    )
    sent = [one for one in desk.services.messages.outbox.listing() if one.state == "sent"]
    assert {f"Anna Example <{one.address}>" for one in sent} <= set(taken)
    again = desk.services.messages.requests.send(links, by=ALICE)
    assert {code for _, code in again.failed} == {"already_sent"}
    assert all(one.kind is MessageKind.LINK for one in sent)
