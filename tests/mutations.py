"""
Mistakes that would charge twice, or charge what nobody agreed to, each with tests that must notice.

`tests.mutation_runner` makes them one at a time in a copy and requires red.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = "tests/services/"
CORRECTIONS = f"{SERVICES}runs/test_corrections.py"
CORRECTIONS_AT_ONCE = f"{SERVICES}runs/test_corrections_at_once.py"
REPLACED_FILES = f"{SERVICES}runs/test_replaced_files.py"
OLDER_COPIES = f"{SERVICES}continuity/test_older_copies.py"
SEND = "lib/services/ledger/send_and_record.py"
HOLDS = f"{SERVICES}collect/test_holds.py"
WHETHER_EXECUTED = f"{SERVICES}continuity/test_whether_executed.py"
ONE_KEY = f"{SERVICES}continuity/test_one_key_a_debt.py"
PAID_ONCE = f"{SERVICES}continuity/test_paid_once.py"


@dataclass(frozen=True)
class Edit:
    file: str
    text: str
    """What stands there, exactly once."""
    instead: str


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    text: str
    """What stands there, exactly once."""
    instead: str
    tests: str
    """Separated by spaces; green before, red afterwards."""
    also: Edit | None = None
    """Made at once: of two defences that each suffice alone, a test can only miss both."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        first = Edit(self.file, self.text, self.instead)
        return (first,) if self.also is None else (first, self.also)


MUTATIONS = (
    Mutation(
        "what was noted as paid otherwise is charged again",
        "lib/domain/admit.py",
        "(facts.paid_otherwise.get(key), facts.refused_by_payer.get(key))",
        "(facts.refused_by_payer.get(key),)",
        f"{SERVICES}runs/test_waiting_charges.py::TestItEnds",
    ),
    Mutation(
        "a payer's answer that it should not be charged stops nothing",
        "lib/store/debts.py",
        "            refused_by_payer=AnnouncementStore(self._database).refused(payers),\n",
        "",
        f"{SERVICES}runs/test_announcements.py::TestTheAnswer",
    ),
    Mutation(
        "a choice between twins covers those who came later",
        "lib/domain/admit.py",
        "debt.chosen_beside is not None and others.issubset(debt.chosen_beside):",
        "debt.chosen_beside is not None:",
        "tests/services/charges/test_twins.py::TestRowsThatNameOneByItsId",
    ),
    Mutation(
        "a reference in the case of a Turkish machine is another one",
        "lib/domain/reference_keys.py",
        '_TURKISH_I.sub("i", _STRETCHED.sub("", plain))',
        "plain",
        "tests/domain/test_identity.py",
    ),
    Mutation(
        "a rebuild takes this machine's clock for Stripe's",
        "lib/services/continuity/rebuild_reader.py",
        "now = self._gateway.ask_time() or epoch(self._clock())",
        "now = epoch(self._clock())",
        f"{SERVICES}continuity/test_rebuild_reader.py",
    ),
    Mutation(
        "what a twin paid otherwise is charged",
        "lib/domain/admit.py",
        "for payer in sorted(payers)]",
        "for payer in (debt.customer,)]",
        f"{SERVICES}runs/test_waiting_charges.py::TestItEnds",
    ),
    Mutation(
        "a look-alike that a twin was charged stops nothing",
        "lib/domain/admit.py",
        "    yield from _alike(debt, every)\n",
        "",
        "tests/services/charges/test_twins.py tests/domain/test_admit.py",
    ),
    Mutation(
        "twins are known by the writing of a reference",
        "lib/store/debts.py",
        """            key = (row["drawn"], reference_key(row["reference"]))
            twins.setdefault(key, []).append(charge_of(row))
""",
        """            key = (row["drawn"], row["reference"])
            twins.setdefault(key, []).append(charge_of(row))
""",
        "tests/services/charges/test_twins.py",
    ),
    Mutation(
        "the only payment of a debt is given back as the second one",
        "lib/services/incidents/view.py",
        "if incident.kind != PAID_TWICE or standing > 1:",
        "if standing >= 0:",
        f"{SERVICES}continuity/test_whether_executed.py",
    ),
    Mutation(
        "a twin that a row names by its id stops nothing",
        "lib/domain/admit.py",
        "if debt.was_tried or is_stopped else Severity.STOPPED",
        "if debt.in_run or debt.was_tried or is_stopped else Severity.STOPPED",
        "tests/services/charges/test_twins.py::TestRowsThatNameOneByItsId",
    ),
    Mutation(
        "the do-not-charge switch stops nothing in admit",
        "lib/domain/admit.py",
        "_erased(debt, facts) or _hold(debt, facts) or",
        "_erased(debt, facts) or",
        "tests/domain/test_admit.py",
    ),
    Mutation(
        "the do-not-charge switch is not read inside the claim",
        "lib/store/debts.py",
        "holds=HoldStore(self._database).covering(ids),",
        "holds={},",
        f"{HOLDS}::TestNothingIsCharged",
    ),
    Mutation(
        "a lift that waits in an older copy is written over what Stripe says since",
        "lib/services/collect/holds.py",
        "self._write(customer, looks_first=True)",
        "self._write(customer)",
        f"{PAID_ONCE}::test_a_lift_that_waits_in_an_older_copy_does_not_lift_what_was_set_since",
    ),
    Mutation(
        "the do-not-charge switch forgets twins",
        "lib/store/holds.py",
        'covering = self._of_erased(ids) | {row.pop("charged"): _hold_of(row) for row in twins}',
        "covering = self._of_erased(ids)",
        f"{HOLDS}::TestNothingIsCharged::test_a_twin",
    ),
    Mutation(
        "what was written down before the do-not-charge switch was set is sent",
        "lib/services/charges/send.py",
        "must_not_leave=is_held,",
        "must_not_leave=False,",
        f"{HOLDS}::TestNothingIsCharged",
    ),
    Mutation(
        "old news switch a lifted hold on again",
        "lib/domain/holds.py",
        "        if known.is_open or _may_be_old(known, asked_at_ms, now_ms):\n",
        "        if known.is_open:\n",
        f"{HOLDS}::TestAtStripe tests/domain/test_holds.py",
    ),
    Mutation(
        "whoever set the do-not-charge switch lifts it",
        "lib/services/collect/holds.py",
        "if by.is_system or any(one.set_by == by.username for one in holds):",
        "if by.is_system:",
        f"{HOLDS}::TestTwoPeople",
    ),
    Mutation(
        "a try that Stripe turned away counts",
        "lib/store/charges.py",
        "SELECT idempotency_key AS key, outcome IS NOT 'not_executed'\n",
        "SELECT idempotency_key AS key, 1\n",
        f"{ONE_KEY}::TestOneKeyOfOneDebt",
    ),
    Mutation(
        "marks that somebody copied at Stripe lead past a key that hides a payment",
        "lib/services/charges/claim.py",
        "key = left or next(",
        "key = next(",
        f"{PAID_ONCE}::TestMarks",
    ),
    Mutation(
        "a payment of ours that has another reference at Stripe by now is none of that one",
        "lib/store/debts.py",
        "AND a.reference = p.reference AND",
        "AND",
        f"{PAID_ONCE}::TestMarks",
    ),
    Mutation(
        "two people settle a charge by the payment of another reference",
        "lib/domain/manual_outcomes.py",
        "if intent.reference not in (None, charge.reference):",
        "if False:",
        f"{PAID_ONCE}::TestMarks",
    ),
    Mutation(
        "a run on a bare folder reads no further back than Stripe has events",
        "lib/services/continuity/completeness.py",
        "known = listed_at or all_read_at\n",
        "known = listed_at or all_read_at or stripe_now - EVENT_LOG_SECONDS\n",
        f"{PAID_ONCE}::TestABareFolder",
    ),
    Mutation(
        "where events cannot tell, what was not final is not read again before a run",
        "lib/services/continuity/completeness.py",
        "        if not self._events_tell:\n            self._payments.read_again()\n",
        "",
        f"{PAID_ONCE}::TestWhereEventsCannotTell",
    ),
    Mutation(
        "where events cannot tell, a single charge reads only new payments of its customer, and nothing again",
        "lib/services/continuity/completeness.py",
        "        self._payments.mirror(customer=customer, at_least_from=since)\n        if since is not None:\n            self._payments.read_again(customer=customer, created_before=since)\n",
        "        self._payments.mirror(customer=customer, created_from=since)\n",
        f"{PAID_ONCE}::TestWhereEventsCannotTell::test_a_single_charge",
        also=Edit(
            "lib/services/continuity/completeness.py",
            "                self._payments.read_again()\n                self._again_at = now\n",
            "                self._again_at = now\n",
        ),
    ),
    Mutation(
        "a wrong clock of long ago hides a customer's payments, of which only new ones are read",
        "lib/services/continuity/completeness.py",
        "            None if complete_at is None else min(complete_at, self._stripe_now()) - _MARGIN_SECONDS\n        )\n        self._payments.mirror(customer=customer, at_least_from=since)\n",
        "            None if complete_at is None else complete_at - _MARGIN_SECONDS\n        )\n        self._payments.mirror(customer=customer, created_from=since)\n",
        f"{PAID_ONCE}::TestClocks",
    ),
    Mutation(
        "a payment that got its reference afterwards is none of a run's debt",
        "lib/services/continuity/completeness.py",
        "        self._payments.read_labels()\n",
        "",
        f"{PAID_ONCE}::TestLabelledLater",
    ),
    Mutation(
        "a payment that got its reference afterwards is none of a single charge's debt",
        "lib/services/continuity/completeness.py",
        "self._payments.mirror(customer=customer, at_least_from=since)",
        "self._payments.mirror(customer=customer, created_from=since)",
        f"{PAID_ONCE}::TestLabelledLater::test_a_single_charge",
    ),
    Mutation(
        "a failed payment that Stripe showed late stays open beside the next try",
        "lib/services/charges/cancel_intents.py",
        "return earlier if last is None else [*earlier, last]",
        "return [] if last is None else [last]",
        f"{PAID_ONCE}::TestShownLate",
    ),
    Mutation(
        "an approver opens what came after they looked",
        "lib/services/charges/orders.py",
        "return was_shown and bool(",
        "return bool(",
        f"{PAID_ONCE}::TestLookAlikes",
    ),
    Mutation(
        "an open payment that was begun elsewhere and waits for a method stops nothing",
        "lib/store/debts.py",
        "OR (p.status = 'requires_payment_method' AND",
        "OR (FALSE AND",
        f"{SERVICES}charges/test_open_elsewhere.py",
    ),
    Mutation(
        "after two people agreed the next try has another key",
        "lib/store/charges.py",
        "SELECT idempotency_key AS key, outcome IS NOT 'not_executed'\n",
        "SELECT idempotency_key AS key, NOT (outcome IS 'not_executed' AND evidence IS 'reply')\n",
        f"{WHETHER_EXECUTED}::TestTwoPeopleAgree",
        also=Edit(
            "lib/store/charges.py",
            "AND evidence IN {one_of(INFERRED_EVIDENCE)}\n                       AND NOT EXISTS",
            "AND evidence IN ('no_trace')\n                       AND NOT EXISTS",
        ),
    ),
    Mutation(
        "ages go by the clock of this machine",
        "lib/services/charges/resolve.py",
        "        stripe_now = self._gateway.answered_at\n",
        "        stripe_now = epoch(self._clock())\n",
        f"{WHETHER_EXECUTED}::TestAClockThatJumps",
    ),
    Mutation(
        "a refund that is in no list was never executed, whatever its payment says",
        "lib/services/refunds/resolve.py",
        "return paid.amount_refunded > listed",
        "return False",
        f"{WHETHER_EXECUTED}::test_a_refund_that_is_not_listed_for_a_day_shows_in_its_payment",
    ),
    Mutation(
        "a file that replaced the one that was read passes for read",
        "lib/services/mirror/incremental.py",
        "if stores.audit.holds(file):",
        "if True:",
        f"{WHETHER_EXECUTED}::TestAFileThatIsReplacedWhileItIsRead",
    ),
    Mutation(
        "the file of a corrected row is charged again",
        "lib/domain/admit.py",
        "    yield from references.corrected_before(debt.customer, debt.reference, corrected)\n",
        "",
        f"{SERVICES}runs/test_corrected_rows_again.py",
    ),
    Mutation(
        "claimed in another file than the one that was verified",
        "lib/services/ledger/file_check.py",
        "return not stores.audit.holds(anchored) or stores",
        "return stores",
        f"{OLDER_COPIES}::TestAnOlderCopy",
    ),
    Mutation(
        "a new card is charged that waits no more",
        "lib/services/charges/claim.py",
        "        _must_wait_for_its_card(stores, order)\n",
        "",
        f"{SERVICES}runs/test_new_cards.py::TestNotCovered",
    ),
    Mutation(
        "sent again by a ledger that is behind",
        "lib/services/charges/resend.py",
        "            self._completeness.verify()\n            self._completeness.must_not_rest()\n",
        "            pass\n",
        f"{ONE_KEY}::TestSentAgainUnderItsKey",
    ),
    Mutation(
        "sent again beside another payment",
        "lib/services/charges/resend.py",
        "    return finding.message if finding is not None else None\n",
        "    return None\n",
        f"{ONE_KEY}::TestSentAgainUnderItsKey",
    ),
    Mutation(
        "an older copy renews the anchor that it lacks",
        "lib/store/unit_of_work.py",
        "return AuditStore(database).hash_of(known.id) == known.hash\n",
        "return True\n",
        f"{ONE_KEY}::TestAnOlderCopyThatGrows",
    ),
    Mutation(
        "a run goes on while decisions rest",
        "lib/services/charges/claim.py",
        "    if in_run and stores.meta.value(DECISIONS_REST) is not None:\n",
        "    if False:\n",
        f"{ONE_KEY}::TestFoundOutWhileARunIsExecuted",
    ),
    Mutation(
        "nobody asks inside the claim whether it may be charged",
        "lib/services/charges/claim.py",
        "    findings = findings_of(stores, order, method, now=now, in_run=in_run)\n",
        "    findings = ()\n",
        f"{SERVICES}charges/test_admission.py",
    ),
    Mutation(
        "an open incident blocks nothing",
        "lib/store/debts.py",
        "incidents=self._incidents(ids),",
        "incidents={},",
        f"{SERVICES}continuity/test_older_copies.py",
    ),
    Mutation(
        "a surplus that stays is no payment of its debt",
        "lib/store/debts.py",
        "AND state IN {one_of(LIVE_STATES)} ORDER BY is_surplus DESC",
        "AND state IN {one_of(LIVE_STATES)} AND is_surplus = 0",
        f"{SERVICES}incidents/test_incidents.py",
    ),
    Mutation(
        "whoever proposed how an incident is settled agrees to it",
        "lib/services/incidents/proposals.py",
        "return dual_approval.why_not(stores, by, makers={proposal.proposed_by}, now=now)",
        "return dual_approval.why_not(stores, by, makers=set(), now=now)",
        f"{SERVICES}incidents/test_incidents.py",
    ),
    Mutation(
        "whoever set an approver's password approves as them",
        "lib/services/staff/dual_approval.py",
        "    return why_not_two(stores, by, makers, now=now)\n",
        "    return None\n",
        f"{SERVICES}staff/test_counterparts.py",
    ),
    Mutation(
        "an approval that was given in the maker's hands counts at the start",
        "lib/services/staff/dual_approval.py",
        "    makers |= _not_another_person(stores, given, makers)\n",
        "",
        f"{SERVICES}staff/test_counterparts.py",
    ),
    Mutation(
        "a customer's name writes headers of their mail",
        "lib/mail/mailer.py",
        'text.replace(ENCODED_WORD, "= ?")',
        "text",
        "tests/mail/test_mailer.py",
    ),
    Mutation(
        "an invitation lets its holder in without the second factor",
        "lib/ui/invitation_page.py",
        ", *services.second_factors.everybody()}",
        "}",
        "tests/ui/test_invitation_page.py",
    ),
    Mutation(
        "two approvals of one pair of hands count as two at the start",
        "lib/services/staff/dual_approval.py",
        "others = {by: at for by, at in before.items() if by != one.by}",
        "others: dict[str, int] = {}",
        f"{SERVICES}staff/test_counterparts.py",
    ),
    Mutation(
        "who set an approver's password is their second approver",
        "lib/services/runs/approve.py",
        '    return None if decision_name == "reject" else why_not(stores, by, run, standing, now=now)\n',
        "    return None\n",
        f"{SERVICES}staff/test_counterparts.py",
    ),
    Mutation(
        "an admin acts as two others",
        "lib/domain/counterparts.py",
        "if one.about == about and one.changed_by not in names:",
        "if False:",
        f"{SERVICES}staff/test_counterparts.py",
    ),
    Mutation(
        "an open session never ends",
        "lib/services/staff/sessions.py",
        "        if over is not None:\n            return over\n",
        "",
        f"{SERVICES}staff/test_sessions.py",
    ),
    Mutation(
        "a payment is adopted beside another one of its debt",
        "lib/services/incidents/view.py",
        "    other = stores.charges.live_attempt(customer, reference)\n",
        "    other = None\n",
        f"{SERVICES}incidents/test_incidents.py",
    ),
    Mutation(
        "an incident is closed when its refund was only asked for",
        "lib/services/ledger/incidents.py",
        "return payment is not None and payment.is_refunded",
        "return payment is not None",
        f"{SERVICES}incidents/test_incidents.py",
    ),
    Mutation(
        "catch-up skipped: nobody reads the customer's payments before a single charge",
        "lib/services/charges/charge.py",
        "        self._completeness.read_customer(order.customer)\n",
        "",
        OLDER_COPIES
        + "::TestNoDatabaseAtAll::test_a_payment_of_the_old_installation_is_never_made_again[40]",
    ),
    Mutation(
        "catch-up skipped: neither the news nor the list of payments is read before a run",
        "lib/services/runs/execute.py",
        "self._completeness.verify_for_run()",
        "self._completeness.verify()",
        OLDER_COPIES
        + "::TestAnOlderCopy::test_a_copy_that_came_with_its_anchor_is_told_by_stripes_news",
        also=Edit(
            "lib/services/continuity/completeness.py",
            "            self._read_news(now)\n",
            "",
        ),
    ),
    Mutation(
        "catch-up skipped: a run asks nobody",
        "lib/services/runs/execute.py",
        "            self._completeness.verify_for_run()\n",
        "",
        OLDER_COPIES
        + "::TestAnOlderCopy::test_a_copy_that_came_with_its_anchor_is_told_by_stripes_news",
    ),
    Mutation(
        "nobody compares the log with its anchor",
        "lib/services/continuity/completeness.py",
        "            self._compare_with_anchor(now)\n",
        "",
        OLDER_COPIES + "::TestAnotherInstallation::test_the_worker_never_takes_its_marks_for_ours",
    ),
    Mutation(
        "the worker takes another installation's marks for ours",
        "lib/services/continuity/rebuild.py",
        'self._jobs.request(REBUILD, by=SYSTEM, params={"installation": ours})',
        "self._jobs.request(REBUILD, by=SYSTEM)",
        OLDER_COPIES + "::TestAnotherInstallation::test_the_worker_never_takes_its_marks_for_ours",
    ),
    Mutation(
        "an event under our key is always of our try",
        "lib/services/charges/resolve.py",
        "if intent_id is not None and not self._is_of_another(attempt, intent_id):",
        "if intent_id is not None:",
        OLDER_COPIES
        + "::TestAnotherInstallation::test_a_key_that_it_used_first_is_found_out_and_not_waited_for_for_ever",
    ),
    Mutation(
        "the next key is counted by this ledger alone",
        "lib/services/charges/claim.py",
        "1 + max(len(used), stores.payments.tries(*debt))",
        "1 + len(used)",
        OLDER_COPIES
        + "::TestAnotherInstallation::test_the_next_key_is_past_every_try_here_and_at_stripe",
    ),
    Mutation(
        "a payment counts as a try of whatever reference it has now",
        "lib/store/payments.py",
        "AND charge_id IS NOT NULL AND idempotency_key IS NULL),",
        "AND charge_id IS NOT NULL),",
        OLDER_COPIES
        + "::TestAnotherInstallation::test_a_failed_try_that_gets_another_reference_leads_past_no_key",
    ),
    Mutation(
        "a try that was taken over counts for whatever reference it has now",
        "lib/store/charges.py",
        "AND p.idempotency_key IS NOT NULL)) AS is_used,",
        "AND 0)) AS is_used,",
        OLDER_COPIES
        + "::TestAnotherInstallation::test_a_failed_try_that_gets_another_reference_leads_past_no_key",
    ),
    Mutation(
        "any account's key will do",
        "lib/services/continuity/ownership.py",
        "if bound != account.id:",
        "if False:",
        f"{SERVICES}continuity/test_ownership.py",
    ),
    Mutation(
        "a card that was stopped is known by its id alone",
        "lib/domain/admit.py",
        "if method is None or method.fingerprint not in facts.never_again:",
        "if method is None or method.id not in facts.never_again:",
        f"{SERVICES}charges/test_admission.py tests/domain/test_admit.py",
    ),
    Mutation(
        "a card that was stopped in the Dashboard, or by another installation, is charged again",
        "lib/store/never_again.py",
        "for question in _THESE for row",
        "for question in _THESE[:1] for row",
        "tests/services/continuity/test_stopped_cards.py",
    ),
    Mutation(
        "a payment of the Dashboard that failed once, and can still be paid, is no open one",
        "lib/store/debts.py",
        "(p.charge_id IS NULL OR (",
        "(0 OR (",
        "tests/services/charges/test_open_elsewhere.py",
    ),
    Mutation(
        "a random key when an attempt is planned",
        "lib/domain/idempotency_keys.py",
        'return f"{key_prefix(customer=customer, reference=reference)}{number}"',
        'return "onfile:" + __import__("uuid").uuid4().hex',
        f"{SERVICES}charges/test_charge.py::TestSuccess::test_the_attempt_with_key_and_parameters_is_committed_before_stripe_is_asked",
    ),
    Mutation(
        "a random key when it is sent",
        "lib/services/charges/send.py",
        "idempotency_key=row.idempotency_key",
        'idempotency_key=__import__("uuid").uuid4().hex',
        f"{SERVICES}charges/test_charge.py::TestSuccess::test_the_attempt_with_key_and_parameters_is_committed_before_stripe_is_asked",
    ),
    Mutation(
        "the parameters of an attempt are made anew when it is sent",
        "lib/services/charges/send.py",
        "params = json.loads(row.params)",
        'params = json.loads(row.params) | {"description": str(epoch(self._clock()))}',
        f"{SERVICES}charges/test_charge.py::TestSuccess::test_the_attempt_with_key_and_parameters_is_committed_before_stripe_is_asked",
    ),
    Mutation(
        "no unique index over the live charges of a reference",
        "lib/store/steps/release_0_2.py",
        "CREATE UNIQUE INDEX one_live_charge_a_reference",
        "CREATE INDEX one_live_charge_a_reference",
        f"{SERVICES}charges/test_charge.py::TestNeverTwice::test_the_schema_refuses_a_second_live_charge_and_a_second_open_attempt",
    ),
    Mutation(
        "no unique index over the open attempts of a charge",
        "lib/store/first_schema/ledger.sql",
        "CREATE UNIQUE INDEX one_open_attempt_a_charge",
        "CREATE INDEX one_open_attempt_a_charge",
        "tests/store/test_state_machines.py::test_what_is_called_one_is_one",
    ),
    Mutation(
        "a 500 is a decline",
        "lib/stripe_gateway/errors.py",
        'return OutcomeUnknown("Stripe answered with an error of its own.", **facts)',
        'return Declined("It failed.", **facts)',
        f"{SERVICES}charges/test_resolve.py::TestUnknown::test_no_definite_answer_is_unknown_and_locks_the_reference",
    ),
    Mutation(
        "no answer is a failure",
        "lib/services/charges/send.py",
        "        case OutcomeUnknown():\n            outcome = Outcome.UNKNOWN",
        "        case OutcomeUnknown():\n            outcome = Outcome.NOT_EXECUTED",
        f"{SERVICES}charges/test_resolve.py::TestUnknown::test_no_definite_answer_is_unknown_and_locks_the_reference",
    ),
    Mutation(
        "the SDK repeats calls by itself",
        "lib/stripe_gateway/client.py",
        "max_network_retries=0",
        "max_network_retries=2",
        f"{SERVICES}charges/test_resolve.py::TestUnknown::test_no_definite_answer_is_unknown_and_locks_the_reference",
    ),
    Mutation(
        "what a person was shown may have changed when it is charged",
        "lib/services/charges/charge.py",
        "if seen not in (None, review.fingerprint):",
        "if False:",
        f"{SERVICES}charges/test_charge.py::TestNeverTwice::test_a_second_click_after_a_fast_decline_sends_nothing",
    ),
    Mutation(
        "a try may get any number",
        "lib/services/charges/claim.py",
        "if order.attempt not in (None, number):",
        "if False:",
        f"{SERVICES}charges/test_charge.py::TestNeverTwice::test_a_second_click_after_a_fast_decline_sends_nothing",
    ),
    Mutation(
        "a retry around the call of a single charge",
        SEND,
        "                (commit or self._commit)(record)\n",
        "                result, made = self.ask(row)\n                (commit or self._commit)(record)\n",
        f"{SERVICES}ledger/test_strange_answers.py::TestWords::test_a_busy_database_after_the_call_is_waited_for",
    ),
    Mutation(
        "a retry around the call of a run's row",
        SEND,
        "                (commit or self._commit)(record)\n",
        "                result, made = self.ask(row)\n                (commit or self._commit)(record)\n",
        f"{SERVICES}runs/test_faults.py::TestDatabase::test_locked_for_a_moment_after_a_reply",
    ),
    Mutation(
        "a retry around the call of a refund",
        SEND,
        "                (commit or self._commit)(record)\n",
        "                result, made = self.ask(row)\n                (commit or self._commit)(record)\n",
        f"{SERVICES}refunds/test_refunds.py::TestOutcomes::test_a_busy_database_after_the_request_is_waited_for",
    ),
    Mutation(
        "what others gave up meanwhile is sent after all",
        SEND,
        "if not state.is_open:",
        "if False:",
        f"{SERVICES}test_stalled_processes.py::TestStoppedBeforeSending::test_it_was_refused_and_tried_again",
    ),
    Mutation(
        "a key that Stripe may have forgotten is sent",
        SEND,
        "if epoch(self._clock()) - state.requested_at >= SAME_KEY_SECONDS:",
        "if False:",
        f"{SERVICES}test_stalled_processes.py::TestStoppedBeforeSending::test_for_so_long_that_stripe_may_have_forgotten_the_key",
    ),
    Mutation(
        "a single charge is sent before its attempt is committed",
        "lib/services/charges/charge.py",
        "        return self._sent(attempt)",
        "            return self._sent(attempt)",
        f"{SERVICES}charges/test_charge.py::TestSuccess::test_the_attempt_with_key_and_parameters_is_committed_before_stripe_is_asked",
    ),
    Mutation(
        "a run's row is sent before its attempt is committed",
        "lib/services/runs/send_row.py",
        "return self._uow.submit(alone).result()",
        "return self._uow.submit(lambda at: (made := alone(at), self._sender.ask(made))[0]).result()",
        f"{SERVICES}runs/test_execute.py::TestToTheEnd::test_each_attempt_is_committed_before_stripe_is_asked",
    ),
    Mutation(
        "the executor does not look at the digest that was approved",
        "lib/services/runs/execute.py",
        "if digest_now(stores, run) != run.digest:",
        "if False:",
        f"{SERVICES}runs/test_approve.py::TestWhat::test_an_edit_behind_our_back_stops_the_run_before_anything_is_sent",
    ),
    Mutation(
        "the executor does not count the approvals",
        "lib/domain/approvals.py",
        "if len(good) >= run.approvals_needed:",
        "if good or not newest:",
        f"{SERVICES}runs/test_approve.py::TestWhat::test_an_approval_that_is_gone_stops_it_too",
    ),
    Mutation(
        "nobody looks at the approvers when a run is resumed",
        "lib/services/runs/control.py",
        "            if stop is None:\n                stores.runs.reset_breaker(run_id)",
        "            if True:\n                stores.runs.reset_breaker(run_id)",
        f"{SERVICES}runs/test_approved_again.py::TestWhoHasGone::test_on_resume",
    ),
    Mutation(
        "nobody looks at the approvers when a run is taken over",
        "lib/services/runs/execute.py",
        "return dual_approval.standing(stores, run, now=now).stop",
        "return None",
        f"{SERVICES}runs/test_approved_again.py::TestWhoHasGone::test_on_take_over_after_an_outage",
    ),
    Mutation(
        "nobody looks at the approvers before a row is sent",
        "lib/services/runs/send_row.py",
        "    if rests is not None:\n",
        "    if False:\n",
        f"{SERVICES}runs/test_approved_again.py::TestWhoHasGone::test_before_each_row",
    ),
    Mutation(
        "nobody looks at the approvers before a new card is charged",
        "lib/services/charges/claim.py",
        "        must_stand(stores, approved, now=now)\n",
        "        pass\n",
        f"{SERVICES}runs/test_approved_again.py::TestNewCards::test_an_approver_who_leaves_at_the_last_moment",
    ),
    Mutation(
        "a currency without a limit is without limit",
        "lib/domain/limits.py",
        "return limits[code] if code in limits else default_limits(code)",
        "return limits[code] if code in limits else Limits()",
        f"{SERVICES}staff/test_limits.py::TestDefault",
    ),
    Mutation(
        "the default of a day is not kept with a run",
        "lib/domain/limits.py",
        "return (run.day_limits or {}).get(code)",
        "return None",
        f"{SERVICES}runs/test_stops.py::TestLimits::test_of_a_day_by_default",
    ),
    Mutation(
        "a change of the time zone opens yesterday again",
        "lib/store/limits.py",
        "return max(began, int(meta.value(DAYS_CLOSED_UNTIL) or 0))",
        "return began",
        f"{SERVICES}staff/test_limits.py::TestTimeZone::test_a_day_that_is_over_does_not_begin_again",
    ),
    Mutation(
        "certificate by time span",
        "lib/services/runs/payments_at_stripe.py",
        "customer=customer, after=after, expand=_EXPAND",
        "customer=customer, created_from=epoch(self._clock()) - 3_600, after=after, expand=_EXPAND",
        f"{SERVICES}runs/test_certificate.py::TestAllTime::test_and_long_before_them",
    ),
    Mutation(
        "certificate by time span of the account",
        "lib/services/runs/payments_at_stripe.py",
        "[Window(0, until)]",
        "[Window(until - 90_000, until)]",
        f"{SERVICES}runs/test_certificate.py::TestAllTime::test_by_customer_or_by_account_whichever_takes_fewer_requests",
    ),
    Mutation(
        "what went back is not compared",
        "lib/domain/certificates.py",
        "if payment.refunded is not None and payment.refunded != row.refunded:",
        "if False:",
        f"{SERVICES}runs/test_certificate.py::TestWhatWentBack::test_one_minor_unit",
    ),
    Mutation(
        "an approval holds for ever",
        "lib/domain/approvals.py",
        "if by in able and now - at < _SECONDS",
        "if by in able",
        f"{SERVICES}runs/test_approved_again.py::TestAge::test_after_fourteen_days_it_is_given_again",
    ),
    Mutation(
        "an approval is not bound to what the person looked at",
        "lib/services/runs/approve.py",
        "if digest != run.digest or digest_now(stores, run) != run.digest:",
        "if False:",
        f"{SERVICES}runs/test_approve.py::TestWhat::test_not_the_digest_of_something_else",
    ),
    Mutation(
        "makers approve their own run",
        "lib/services/staff/dual_approval.py",
        "if by.username in makers:",
        "if False:",
        f"{SERVICES}runs/test_approve.py::TestWho::test_never_the_maker_whatever_their_roles",
    ),
    Mutation(
        "the fence of a lease is not checked",
        "lib/store/first_schema/ledger.sql",
        "AND lease_fence = NEW.fence)",
        ")",
        f"{SERVICES}runs/test_lease.py::TestTakingOver::test_the_fence_refuses_an_attempt_of_the_old_one",
    ),
    Mutation(
        "an attempt of which money moved may become another",
        "lib/store/first_schema/ledger.sql",
        "        'unknown>not_executed',\n        'processing>succeeded'",
        "        'unknown>not_executed', 'succeeded>declined',\n        'processing>succeeded'",
        "tests/store/test_state_machines.py::test_outcomes_of_attempts",
    ),
    Mutation(
        "an approval does not bind what was corrected, and why",
        "lib/domain/run_digest.py",
        "    for entry in corrections:\n",
        "    for entry in list(corrections)[:0]:\n",
        f"{CORRECTIONS}::TestApproval::test_a_digest_made_before_a_correction_is_refused"
        f" {CORRECTIONS}::TestApproval::test_the_executor_notices_an_entry_that_was_slipped_in",
    ),
    Mutation(
        "two people give two rows one reference, and nobody notices",
        "lib/services/runs/corrections.py",
        "                if not is_as_read(stores, run, log):\n                    continue\n",
        "",
        f"{CORRECTIONS_AT_ONCE}::TestTwoPeople::test_two_rows_that_get_one_reference_are_noticed",
    ),
    Mutation(
        "a row is corrected that is another one by now",
        "lib/services/runs/corrections.py",
        "if run.file_version != seen.file:",
        "if False:",
        f"{CORRECTIONS_AT_ONCE}::TestTwoPeople::test_a_file_replaced_meanwhile_is_not_written_over",
    ),
    Mutation(
        "a results file comes back without its corrections",
        "lib/services/runs/files.py",
        "                row.earlier_corrections,\n",
        "                (),\n",
        f"{REPLACED_FILES}::TestComingBack::test_a_results_file_brings_its_corrections_along",
    ),
    Mutation(
        "another try forgets what was corrected",
        "lib/services/runs/retry_run.py",
        "by=by, corrections=corrections)",
        "by=by)",
        f"{REPLACED_FILES}::TestComingBack::test_another_try_carries_them_too",
    ),
    Mutation(
        "a decision moves to a row with another amount when the file is replaced",
        "lib/domain/kept_decisions.py",
        "        request.money,\n        amount_read,\n",
        "        amount_read,\n",
        f"{REPLACED_FILES}::TestReplacing::test_decisions_stay_with_rows_that_are_unchanged",
    ),
    Mutation(
        "a correction lifts what the row is",
        "lib/domain/corrections.py",
        'if finding.code.startswith("row_") or finding.code in _OF_THE_ROW:',
        "if False:",
        f"{CORRECTIONS}::TestCells::test_nor_with_the_very_cell_that_says_so",
    ),
    Mutation(
        "a corrected row is not held against the rows with its new reference",
        "lib/domain/draft_decisions.py",
        "    rows = [rows[entry.row] for entry in entries for rows in (before, after)]\n",
        "    rows = [before[entry.row] for entry in entries]\n",
        f"{CORRECTIONS}::TestCells::test_the_same_rules_judge_the_corrected_row",
    ),
    Mutation(
        "whoever takes a run over begins the breaker's window anew",
        "lib/services/runs/execute.py",
        "stop = progress.breaker.note_all(answers)",
        "stop = None",
        f"{SERVICES}runs/test_stops.py::TestBreaker::test_nor_a_row_of_blocks",
    ),
    Mutation(
        "a replayed refusal of a refund is no answer",
        "lib/services/refunds/resolve.py",
        "if answer.was_executed and answer.state is RefundState.REFUSED:",
        "if False:",
        f"{SERVICES}refunds/test_refunds.py::TestNoDeadEnds::test_a_replayed_refusal_is_the_answer_to_the_lost_one",
    ),
    Mutation(
        "a refund with a copied mark ends the search for the order's own",
        "lib/services/refunds/resolve.py",
        "if refund.order_id == order.id and is_refund_of(refund, order):",
        "if refund.order_id == order.id:",
        f"{SERVICES}refunds/test_refunds.py::TestNoDeadEnds::test_a_copied_mark_neither_hides_the_refund_nor_keeps_it_unknown",
    ),
    Mutation(
        "an outage while an earlier payment is closed blocks a row for good",
        "lib/services/charges/cancel_intents.py",
        'if intent.status != "canceled" and unanswered is not None:',
        "if False:",
        f"{SERVICES}charges/test_no_dead_ends.py::TestClosingWhatFailed::test_a_row_waits_for_stripe_and_is_not_blocked_for_good",
    ),
    Mutation(
        "an older default is charged though nobody chose it",
        "lib/domain/admit.py",
        "severity = Severity.AMBER if debt.in_run else Severity.STOPPED",
        "severity = Severity.AMBER",
        "tests/domain/test_admit.py tests/services/charges/test_payment_method_choice.py",
    ),
    Mutation(
        "a card is charged for what waits though its page did not say so",
        "lib/store/waiting_charges.py",
        " AND {_PAGE_SAYS_SO} ORDER",
        " ORDER",
        f"{SERVICES}runs/test_waiting_charges.py::TestWhatTheCustomerIsTold::test_a_card_saved_on_a_page_that_did_not_say_so_is_not_charged",
    ),
    Mutation(
        "a charge that was given up a moment ago is made anew for its card",
        "lib/services/charges/claim.py",
        "if order.charge_id not in (None, charge.id):",
        "if False:",
        f"{SERVICES}runs/test_waiting_charges.py::TestTheCardArrives::test_given_up_between_the_look_and_the_claim",
    ),
)
