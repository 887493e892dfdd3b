"""
Mistakes that would charge twice, or charge what nobody agreed to, each with tests that must notice.

`tests.mutation_runner` makes them one at a time in a copy and requires red.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = "tests/services/"
SEND = "lib/services/ledger/send_and_record.py"


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    text: str
    """What stands there, exactly once."""
    instead: str
    tests: str
    """Separated by spaces; green before, red afterwards."""


MUTATIONS = (
    Mutation(
        "nobody asks inside the claim whether it may be charged",
        "lib/services/charges/claim.py",
        "    findings = findings_of(stores, order, method, now=now, in_run=in_run)\n",
        "    findings = ()\n",
        f"{SERVICES}charges/test_admission.py",
    ),
    Mutation(
        "a card that was stopped is known by its id alone",
        "lib/domain/admit.py",
        "if method is None or method.fingerprint not in facts.never_again:",
        "if method is None or method.id not in facts.never_again:",
        f"{SERVICES}charges/test_admission.py tests/domain/test_admit.py",
    ),
    Mutation(
        "a random key when an attempt is planned",
        "lib/domain/idempotency_keys.py",
        'return f"onfile:{hashlib.sha256(debt.encode()).hexdigest()[:40]}:{number}"',
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
        "lib/store/migrations.py",
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
        f"{SERVICES}test_ledger_regressions.py::TestWords::test_a_busy_database_after_the_call_is_waited_for",
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
        "lib/services/runs/execute.py",
        "if len(approvers - {run.submitted_by, run.created_by}) < run.approvals_needed:",
        "if False:",
        f"{SERVICES}runs/test_approve.py::TestWhat::test_an_approval_that_is_gone_stops_it_too",
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
)
