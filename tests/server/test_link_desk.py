"""
The links desk in a real browser, from a list of fifty customers to the money of one who had no card.

A clerk brings the list and clicks; a mail server on this machine takes what leaves, and customers go by
what they find in their mail. Only the last look, at what moved, goes to practice Stripe's own books.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.practice.engine import PracticeStripe
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.mail_server import MailServer, mail_server
from tests.server.conftest import ROOT, Server, environment, free_port, running_server
from tests.server.people import PATIENCE_MS, sign_in, start_run, wait_until_drawn
from tests.server.test_journey import GOOD

pytestmark = [pytest.mark.browser, pytest.mark.server]

LANGUAGES = ("de", "fr", "ja")
SUBJECTS = {
    "de": "Bitte hinterlegen Sie Ihre Zahlungsdaten für Acme GmbH",
    "fr": "Veuillez enregistrer vos données de paiement pour Acme GmbH",
    "ja": "Acme GmbHへのお支払い情報のご登録のお願い",
}
SAVED = {
    "de": "Ihre Karte ist hinterlegt",
    "fr": "Votre carte est enregistrée",
    "ja": "カードが登録されました",
}
GOOD_ROWS = 42
DAY = 86_400


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


@pytest.fixture
def server(tmp_path: Path, practice_data: Path, mails: MailServer) -> Iterator[Server]:
    shutil.copytree(practice_data, tmp_path / "data")
    with running_server(
        tmp_path,
        ONFILE_SMTP_URL=mails.url,
        ONFILE_MAIL_FROM="billing@acme.example",
        ONFILE_MAIL_PER_MINUTE="10000",
        ONFILE_COMPANY="Acme GmbH",
        ONFILE_CONTACT="help@acme.example",
    ) as running:
        yield running


@pytest.fixture
def people(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """Each with a browser of their own; customers open their mails on a telephone."""
    expect.set_options(timeout=PATIENCE_MS)
    sizes = {"alice": (1280, 1000), "bob": (1280, 1000), "customer": (390, 844)}
    made = {
        name: browser.new_context(viewport={"width": width, "height": height})
        for name, (width, height) in sizes.items()
    }
    for context in made.values():
        context.set_default_timeout(PATIENCE_MS)
    yield made
    for context in made.values():
        context.close()


def file_of_fifty(folder: Path) -> Path:
    """42 newcomers in three languages, and eight rows of which each has a trouble of its own."""
    good = [
        f"guest{at:02d}@desk.example.org,Guest {at},DESK-{at:02d},{LANGUAGES[at % 3]}"
        for at in range(GOOD_ROWS)
    ]
    trouble = [
        "Guest00@desk.example.org,Guest 0,desk-00,de",  # asks what the first row asks
        "einkauf@mueller-soehne.example,,DESK-50,",  # has a card that can be charged
        "guest07 at desk.example.org,,DESK-51,",
        ",Nobody,DESK-52,",
        "cus_thatNobodyHas,,DESK-53,",
        "guest0\N{FULLWIDTH DIGIT SEVEN}@desk.example.org,,DESK-54,",  # looks like the eighth
        "guest55@desk.example.org,,DESK-55,klingon",
        f"guest56@desk.example.org,,{'R' * 300},",
    ]
    path = folder / "customers.csv"
    path.write_text("\n".join(["email,name,reference,language", *good, *trouble, ""]), "utf-8")
    return path


def test_from_a_list_of_fifty_to_the_money_of_one(
    server: Server, people: dict[str, BrowserContext], mails: MailServer, tmp_path: Path
) -> None:
    alice = sign_in(people["alice"], server.url, "alice")
    makes_links(alice, server, file_of_fifty(tmp_path))
    assert mails.taken == [], "nothing is sent before somebody clicks"

    on_the_board(alice, server)
    press_for_all(alice, "Send 42 links")
    until(lambda: len(mails.taken) == GOOD_ROWS)
    assert Counter(str(mail["Subject"]) for mail in mails.taken) == dict.fromkeys(
        SUBJECTS.values(), GOOD_ROWS // 3
    )
    assert len(set(mails.addresses())) == GOOD_ROWS

    customer = people["customer"]
    for at, language in enumerate(LANGUAGES):
        address = address_in(mail_to(mails, f"guest{at:02d}@"))
        assert scanned(address) == 200
        assert sessions_of(server, at) == 0, "a scanner makes no page at Stripe"
        save_card(customer, address, language)
        assert scanned(address) == 410
    goes_back(customer, address_in(mail_to(mails, "guest03@")))

    time_passes(server, 4)
    on_the_board(alice, server)
    for name in ("Saved · 3", "Opened · 1", "Sent · 38"):
        expect(
            alice.get_by_role("button", name=name).or_(alice.get_by_role("radio", name=name))
        ).to_be_visible()
    alice.get_by_text("Only reminders that are due · 39", exact=True).click()
    press_for_all(alice, "Send 39 reminders")
    until(lambda: len(mails.taken) == GOOD_ROWS + 39)
    reminded = mails.addresses()[GOOD_ROWS:]
    assert len(set(reminded)) == 39
    assert not any(f"guest{at:02d}@" in address for address in reminded for at in range(3))

    charged_on_arrival(server, people, mails, alice)
    assert len(mails.taken) == GOOD_ROWS + 39 + 1


def test_a_payer_answers_please_not(
    server: Server, people: dict[str, BrowserContext], mails: MailServer, tmp_path: Path
) -> None:
    run_id = approved_run(server, tmp_path)
    bob = sign_in(people["bob"], server.url, "bob")
    bob.goto(f"{server.url}/runs?run={run_id}")
    bob.get_by_text("Announce to the payers").click()
    wait_until_drawn(bob)
    bob.get_by_role("button", name="Tell 2 payers", exact=True).click()
    until(lambda: len(mails.taken) == 2)
    address = address_in(mails.taken[0])
    assert "/l/answer/" in address
    assert scanned(address) == 200
    with urllib.request.urlopen(address, timeout=30) as opened:
        assert opened.status == 200

    bob.goto(server.url)
    wait_until_drawn(bob)
    expect(bob.get_by_text("answered “please not”")).to_have_count(0)
    page = people["customer"].new_page()
    page.goto(address)
    page.get_by_role("button", name="Please do not charge this").click()
    expect(page.get_by_role("heading", name="We have your answer")).to_be_visible()

    bob.goto(server.url)
    expect(bob.get_by_text("1 payer of Told before answered “please not”.")).to_be_visible()
    wait_until_drawn(bob)
    bob.goto(f"{server.url}/runs?run={run_id}")
    wait_until_drawn(bob)
    bob.get_by_role("button", name="Do not charge this customer").click()
    expect(bob.get_by_text("1 payer answered “please not”: not charged any more.")).to_be_visible()
    with closing(sqlite3.connect(server.data_dir / "onfile.db", timeout=30)) as db:
        holds = db.execute("SELECT set_by FROM customer_holds WHERE lifted_at IS NULL").fetchall()
    assert holds == [("bob",)]


def approved_run(server: Server, folder: Path) -> str:
    """Of two who have paid before, by the command line."""
    payers = {
        str(one.customer): str(one.payment_method)
        for one in PracticeStripe(server.data_dir / "practice.db").money_moved()
        if one.kind == "charge" and one.currency == "eur"
    }
    rows = [f"{who},50.00,eur,TOLD-{at},{card}" for at, (who, card) in enumerate(payers.items())]
    path = folder / "told.csv"
    path.write_text(
        "\n".join(["customer,amount,currency,reference,payment_method", *rows[:2], ""]), "utf-8"
    )
    made = on_command_line(server, "alice", "runs", "import", str(path), "--name", "Told before")
    assert (made["valid"], made["errors"]) == (2, [])
    run_id = str(made["run_id"])
    on_command_line(server, "alice", "runs", "submit", run_id)
    on_command_line(server, "bob", "runs", "approve", run_id)
    return run_id


def on_command_line(server: Server, name: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "lib", "--as", name, "--json", *words],
        cwd=ROOT,
        env=environment(server.data_dir, free_port(), ONFILE_PASSWORD=PRACTICE_PASSWORD),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def makes_links(page: Page, server: Server, path: Path) -> None:
    page.goto(f"{server.url}/new_links")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Check all rows").click()
    figures = page.get_by_test_id("stMetric")
    for label, number in (
        ("Links to make", "42"),
        ("Asked already", "1"),
        ("Not asked again", "1"),
        ("Cannot be made", "6"),
    ):
        expect(figures.filter(has_text=label)).to_contain_text(number)
    wait_until_drawn(page)
    page.get_by_role("button", name="Make 42 links").click()
    expect(figures.filter(has_text="Links made")).to_contain_text("42")
    wait_until_drawn(page)
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Results as CSV").click()
    text = fetched.value.path().read_text("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text))
    assert Counter(row["onfile_state"] for row in rows) == {
        "created": 42,
        "existing": 1,
        "has_card": 1,
        "failed": 6,
    }


def on_the_board(page: Page, server: Server) -> None:
    """Links of the list alone: practice mode begins with some of its own."""
    page.goto(f"{server.url}/follow_up?follow_up_search=DESK-")
    expect(page.get_by_role("heading", name="Follow up")).to_be_visible()
    wait_until_drawn(page)


def press_for_all(page: Page, name: str) -> None:
    wait_until_drawn(page)
    page.get_by_text(re.compile("of this filter, not only those that are marked")).click()
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_text(re.compile(r"\d+ messages? in the outbox\."))).to_be_visible()


def charged_on_arrival(
    server: Server, people: dict[str, BrowserContext], mails: MailServer, alice: Page
) -> None:
    """A run with a row of somebody who came back without saving: approved first, and charged once there is a card."""
    alice.goto(f"{server.url}/new_run")
    alice.get_by_text("Paste rows").click()
    alice.get_by_label("Rows with their heading").fill(
        "customer\tamount\tcurrency\treference\nguest03@desk.example.org\t50.00\teur\tDESK-LATER"
    )
    alice.get_by_role("button", name="Read the rows").click()
    alice.get_by_label("Name of the run").fill("When they come")
    alice.get_by_role("button", name="Check all rows").click()
    expect(alice.get_by_role("heading", name="When they come", exact=True)).to_be_visible()
    wait_until_drawn(alice)
    alice.get_by_text("Wait for cards", exact=True).click()
    alice.get_by_role("textbox", name="Rows you expect").fill("1")
    alice.get_by_role("textbox", name="Totals you expect").fill("50.00 eur")
    alice.get_by_role("button", name="Submit", exact=True).click()
    expect(alice.get_by_text("Waits for approval")).to_be_visible()

    bob = sign_in(people["bob"], server.url, "bob")
    bob.goto(alice.url)
    bob.get_by_label("Your password", exact=True).fill(PRACTICE_PASSWORD)
    bob.get_by_role("button", name="Approve", exact=True).click()
    expect(bob.get_by_text(re.compile(r"\bApproved$")).first).to_be_visible()
    wait_until_drawn(bob)
    start_run(bob, re.compile(r"Charge 1 row"))
    expect(bob.get_by_text(re.compile(r"\bFinished\b")).first).to_be_visible()
    assert moved(server) == []

    bob.goto(f"{server.url}/waiting")
    expect(bob.get_by_text("not asked yet")).to_be_visible()
    wait_until_drawn(bob)
    before = len(mails.taken)
    bob.get_by_role("button", name="Send 1 link", exact=True).click()
    until(lambda: len(mails.taken) > before)
    mail = mails.taken[-1]
    assert "guest03@" in str(mail["To"])
    assert mail["Content-Language"] == "de", "as the list said of them, days ago"
    assert re.search(r"50,00\s€", text_of(mail)), "it says what is going to be charged"

    page = people["customer"].new_page()
    page.goto(address_in(mail))
    expect(page.get_by_text(re.compile(r"50,00\s€")).first).to_be_visible()
    fill_in(page)
    until(lambda: moved(server) == [5000])
    bob.reload()
    expect(bob.get_by_text("No charge waits for a card")).to_be_visible()


def save_card(context: BrowserContext, address: str, language: str) -> None:
    """What a customer does with the link in their mail, up to the page that thanks them."""
    page = context.new_page()
    page.goto(address)
    expect(page).to_have_url(re.compile(r"/practice/checkout/cs_test_"))
    expect(page.locator("html")).to_have_attribute("lang", language)
    fill_in(page)
    expect(page.get_by_role("heading", name=SAVED[language])).to_be_visible()
    page.close()


def fill_in(page: Page) -> None:
    """By the names of its fields, as what stands beside them is in the customer's language."""
    for name, value in (
        ("number", GOOD),
        ("expiry", "12 / 34"),
        ("cvc", "123"),
        ("name", "C. Guest"),
    ):
        page.locator(f"input[name={name}]").fill(value)
    page.locator("button.primary").click()
    page.wait_for_url(re.compile("/setup/return"))


def goes_back(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    page.goto(address)
    page.locator("a.back").click()
    page.wait_for_url(re.compile("/setup/cancelled"))
    page.close()


def scanned(address: str) -> int:
    """What a mail scanner is answered that only asks whether the address works."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, method="HEAD"), timeout=30
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def mail_to(mails: MailServer, who: str) -> EmailMessage:
    return next(mail for mail in mails.taken if who in str(mail["To"]))


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def address_in(mail: EmailMessage) -> str:
    found = re.search(r"http\S+/l/[\w/-]+", text_of(mail))
    assert found is not None, text_of(mail)
    return found.group()


def until(holds: Callable[[], bool]) -> None:
    """What the worker does by itself has no page to wait for."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def sessions_of(server: Server, at: int) -> int:
    with closing(sqlite3.connect(server.data_dir / "onfile.db", timeout=30)) as db:
        (count,) = db.execute(
            "SELECT count(*) FROM link_sessions JOIN setup_links ON setup_links.id = link_sessions.link_id "
            "WHERE setup_links.reference = ?",
            (f"DESK-{at:02d}",),
        ).fetchone()
    return int(count)


def time_passes(server: Server, days: int) -> None:
    """For what was sent: so many days ago, which the database lets nobody write but a test that opens it by hand."""
    guard = "setup_links_keep_what_happened"
    with closing(sqlite3.connect(server.data_dir / "onfile.db", timeout=30)) as db:
        db.isolation_level = None
        db.execute("BEGIN IMMEDIATE")
        (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (guard,)).fetchone()
        db.execute(f"DROP TRIGGER {guard}")
        db.execute(
            "UPDATE setup_links SET sent_at = sent_at - ? WHERE reference LIKE 'DESK-%'",
            (days * DAY,),
        )
        db.execute(text)
        db.execute("COMMIT")


def moved(server: Server) -> list[int]:
    """Minor units, by Stripe's own books."""
    return [
        one.amount
        for one in PracticeStripe(server.data_dir / "practice.db").money_moved()
        if one.metadata.get("onfile_reference") == "DESK-LATER"
    ]
