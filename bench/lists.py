"""
Measures every page, and what people ask its list for, with a million charges and Checkout Sessions.

    .venv/bin/python -m bench.lists --folder FOLDER [--charges 1000000] [--runs 5] [--only PAGES]

Fills FOLDER once, see `bench.large`, and keeps it. Then times whole reruns of each page, as `bench.pages`
does, in the order, the periods and the states that people ask for. Prints a table; judges nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import large
from bench.pages import print_times, times_of
from lib.ui import navigation

# What the addresses of pages say; every other page as it is first seen.
_ASKED: dict[str, tuple[dict[str, str], ...]] = {
    "charges": (
        {},
        {"charges_period": "last_month"},
        {"charges_period": "this_year"},
        {"charges_state": "declined"},
        {"charges_state": "needs_customer", "charges_period": "last_month"},
        {"charges_order": "largest"},
        {"charges_order": "smallest", "charges_period": "last_month"},
        {"charges_order": "largest", "charges_state": "needs_customer"},
        {"customer": large.id_of("cus", 77)},
        {"charges_search": "INV-0000777"},
        {"charges_search": "ashmoor dental"},
        {"charges_search": "zqxjzqxj"},
        {"charges_search": "inv-00"},
        {"charges_search": "inv-00", "charges_state": "unknown"},
        {"charges_search": "inv-00", "charges_order": "largest"},
    ),
    "failures": (
        {},
        {"failures_period": "last_month"},
        {"failures_period": "this_year"},
        {"failures_period": "this_year", "failures_reason": "not_enough_money"},
        {"failures_period": "this_year", "failures_order": "largest"},
        {"failures_search": "ashmoor dental"},
        {"failures_search": "ashmoor dental", "failures_period": "this_year"},
        {"failures_search": "inv-0", "failures_period": "this_year"},
    ),
    "refunds": (
        {},
        {"refunds_period": "last_month"},
        {"refunds_state": "requested"},
        {"refunds_search": "INV-00007"},
        {"refunds_search": "ashmoor dental"},
        {"refunds_search": "inv-00"},
    ),
    "disputes": ({}, {"disputes_period": "last_month"}, {"disputes_search": "ashmoor dental"}),
    "setup_links": (
        {},
        {"setup_links_period": "last_month"},
        {"setup_links_search": "ashmoor dental"},
        {"setup_links_search": "zqxjzqxj"},
        {"setup_links_state": "open"},
    ),
    "payment_methods": ({}, {"payment_methods_period": "last_month"}),
    "sessions": ({}, {"sessions_period": "last_month"}),
    "audit": (
        {},
        {"audit_period": "this_year"},
        {"audit_search": "ashmoor dental"},
        {"audit_search": "inv-00"},
    ),
    "customers": (
        {},
        {"customers_period": "this_year"},
        {"customers_search": "accounts.77@"},
        {"customer": large.id_of("cus", 77)},
    ),
    "runs": ({}, {"runs_search": "dental of week 77"}),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="pages by their addresses, with commas between")
    arguments = parser.parse_args()
    services = large.ledger(arguments.folder, arguments.charges)
    only = arguments.only.split(",") if arguments.only else None
    print_times(None)
    for spec in navigation.existing():
        if only is None or spec.url_path in only:
            for query in _ASKED.get(spec.url_path, ({},)):
                asked = ", ".join([spec.url_path, *query.values()])
                print_times(asked, times_of(services, str(spec.path), arguments.runs, query))


if __name__ == "__main__":
    main()
