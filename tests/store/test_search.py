"""The search index finds what a naive search finds, whatever changed in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.domain.mirror import CheckoutSession, Customer, SessionBundle, SetupIntent
from lib.domain.reference_keys import reference_key
from lib.reports.collect import SessionReports
from lib.reports.customers import CustomerReports
from lib.settings import load_settings
from lib.store.search import match
from lib.store.unit_of_work import UnitOfWork
from tests.databases import migrated
from tests.fuzzing import examples

_WORDS = st.text(alphabet="abAB12 -_%'\"@.é日本語😀", min_size=0, max_size=12)


def naive(text: str, wanted: str) -> bool:
    """Three letters or more anywhere, fewer at the beginning of a word."""
    folded, sought = text.casefold(), " ".join(wanted.split()).casefold()
    if len(sought) >= 3:
        return sought in " ".join(folded.split())
    return any(word.startswith(sought) for word in folded.split())


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(_WORDS, min_size=1, max_size=6), wanted=_WORDS.filter(lambda t: t.strip()))
def test_customers_are_found_by_any_part_of_their_name(
    tmp_path_factory, names: list[str], wanted: str
) -> None:
    reports, uow = _fresh(tmp_path_factory.mktemp("search"))
    customers = [
        Customer(f"cus_{at}", False, name, None, 1_000 + at) for at, name in enumerate(names)
    ]
    with uow.write() as stores:
        stores.mirror.save_customers(customers, synced_at_ms=1)
    result = set(reports.page(search=wanted).frame["id"])
    for customer in customers:
        if naive(customer.name or "", wanted):
            assert customer.id in result, (customer.name, wanted)


def test_the_index_follows_a_new_name_and_a_deletion(uow: UnitOfWork) -> None:
    reports = CustomerReports(uow.pool)
    anna = Customer("cus_1", False, "Anna Amber", "anna@example.com", 1_000)
    with uow.write() as stores:
        stores.mirror.save_customers([anna], synced_at_ms=1)
    assert list(reports.page(search="amber").frame["id"]) == ["cus_1"]
    with uow.write() as stores:
        stores.mirror.save_customers([replace(anna, name="Anna Blue")], synced_at_ms=2)
    assert reports.page(search="amber").frame.empty
    assert list(reports.page(search="blu").frame["id"]) == ["cus_1"]
    with uow.write() as stores:
        stores.mirror.mark_customer_deleted("cus_1", synced_at_ms=3)
    assert reports.page(search="blu").frame.empty


def test_a_session_is_found_by_its_customers_new_name(uow: UnitOfWork) -> None:
    anna = Customer("cus_1", False, "Anna", None, 1_000)
    session = a_session("cs_test_1", customer="cus_1", reference="INV-77")
    with uow.write() as stores:
        stores.mirror.save_customers([anna], synced_at_ms=1)
        stores.mirror.save_bundles([SessionBundle(session, None, None)], synced_at_ms=1)
    reports = SessionReports(uow.pool)
    with uow.write() as stores:
        stores.mirror.save_customers([replace(anna, name="Zora")], synced_at_ms=2)
    for wanted in ("zora", "INV-77", "inv-7", "cs_test_1"):
        assert list(reports.page(search=wanted).frame["id"]) == ["cs_test_1"], wanted
    assert reports.page(search="anna").frame.empty


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["open", "complete", "expired"])), max_size=20
    )
)
def test_counts_are_those_of_the_rows(tmp_path_factory, changes: list[tuple[int, str]]) -> None:
    folder = tmp_path_factory.mktemp("counts")
    _, uow = _fresh(folder)
    for at, (number, status) in enumerate(changes, start=1):
        session = a_session(f"cs_test_{number}", status=status)
        with uow.write() as stores:
            stores.mirror.save_bundles([SessionBundle(session, None, None)], synced_at_ms=at)
    with closing(sqlite3.connect(uow.pool.path)) as shell:
        counted = dict(shell.execute("SELECT state, n FROM session_counts WHERE n > 0"))
        actual = dict(
            shell.execute("SELECT status, count(*) FROM checkout_sessions GROUP BY status")
        )
    assert counted == actual


def _fresh(folder: Path) -> tuple[CustomerReports, UnitOfWork]:
    configured = load_settings(folder, {})
    migrated(configured)
    uow = UnitOfWork(configured.database)
    return CustomerReports(uow.pool), uow


def a_session(session_id: str, **given: str) -> CheckoutSession:
    nothing = dict.fromkeys(CheckoutSession.__slots__)
    return CheckoutSession(
        **nothing
        | {
            "id": session_id,
            "livemode": False,
            "mode": "setup",
            "status": "complete",
            "created": 1_000,
            "expires_at": 2_000,
        }
        | given
    )  # type: ignore[arg-type]


def test_an_address_is_found_however_it_is_written(uow: UnitOfWork) -> None:
    reports = CustomerReports(uow.pool)
    with uow.write() as stores:
        stores.mirror.save_customers(
            [
                Customer("cus_1", False, None, "Info@xn--bcher-kva.example", 1_000),
                Customer("cus_2", False, None, "bu\u0308ro@bücher.example", 1_001),
                Customer("cus_3", False, None, "cassa@osteria.example", 1_002),
            ],
            synced_at_ms=1,
        )

    def found(search: str) -> set[str]:
        return set(reports.page(search=search).frame["id"])

    assert found("info@bücher.example") == {"cus_1"}
    assert found("INFO@XN--BCHER-KVA.example") == {"cus_1"}
    assert found("büro@xn--bcher-kva.example") == {"cus_2"}
    assert found("BÜCHER.example") == {"cus_1", "cus_2"}
    assert found("cassa\u2060@osteria\u200b.example") == {"cus_3"}


def test_a_session_that_came_with_its_intent_is_indexed_once(uow: UnitOfWork) -> None:
    """The newest come first, as Stripe lists them: intents and sessions are noted in opposite orders."""
    with uow.write(in_bulk=True) as stores:
        for number in range(9, 0, -1):
            intent = SetupIntent(
                f"seti_{number}", False, "succeeded", None, None, "off_session", None, None, 1_000
            )
            session = a_session(f"cs_test_{number}", setup_intent=intent.id)
            bundle = SessionBundle(replace(session, created=1_000 + number), intent, None)
            stores.mirror.save_bundles([bundle], synced_at_ms=1)
    with uow.bulk() as bulk:
        steps = []
        while True:
            with bulk.write() as stores:
                done = stores.search.index(4)
            if not done:
                break
            steps.append(done)
    assert sum(steps) == 18


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wanted=st.text(st.characters(categories=["Cc", "Cs", "Cf", "Co", "Zl", "P"]), max_size=6))
def test_no_letter_breaks_a_search(uow: UnitOfWork, wanted: str) -> None:
    for text in (wanted, f"an{wanted}", f"{wanted}anna"):
        CustomerReports(uow.pool).page(search=text)
        SessionReports(uow.pool).page(search=text, state="open")


def test_two_writings_of_the_same_trigrams_are_looked_up_once() -> None:
    """An id without its underscore is another text, and lies in the same rows."""
    asked = match("rfd_cdab892400000100", key=reference_key)
    assert asked is not None
    assert asked.texts == ("rfd_cdab892400000100", "rfdcdab892400000100")
    assert asked.expression.count('"ab8"') == 1
    other = match("inv 42", key=reference_key)
    assert other is not None
    assert " OR " in other.expression
