"""The pages as data: file, title, icon, address, section, and who may open them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib.domain.actors import Permission

PAGES_DIR = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class PageSpec:
    file: str
    title: str
    icon: str
    url_path: str
    section: str
    help: str
    permission: Permission = Permission.VIEW
    counter: str | None = None
    """The name of a number shown behind the title while work waits there."""
    is_listed: bool = True
    """In the menu; others are reached by a link."""

    @property
    def path(self) -> Path:
        return PAGES_DIR / self.file


PAGES: tuple[PageSpec, ...] = (
    PageSpec("home.py", "Home", "home", "home", "", "What needs you now, then the picture."),
    PageSpec(
        "setup_links.py",
        "Setup links",
        "add_link",
        "setup_links",
        "Collect",
        "Make a link with which a customer saves a card, and see what became of earlier ones.",
        counter="open_links",
    ),
    PageSpec(
        "new_links.py",
        "Links for many",
        "dataset_linked",
        "new_links",
        "Collect",
        "Make links for a whole list of customers: check each row, make, follow.",
        permission=Permission.MANAGE_LINKS,
    ),
    PageSpec(
        "follow_up.py",
        "Follow up",
        "forward_to_inbox",
        "follow_up",
        "Collect",
        "How far each customer came with their link, and whom to remind.",
    ),
    PageSpec(
        "outbox.py",
        "Outbox",
        "outbox",
        "outbox",
        "Collect",
        "Messages to customers: what was sent, what waits, what was refused.",
        counter="messages",
    ),
    PageSpec(
        "message_texts.py",
        "Message texts",
        "edit_note",
        "message_texts",
        "Collect",
        "What messages to customers say, in each language.",
    ),
    PageSpec(
        "sessions.py",
        "Sessions",
        "assignment_turned_in",
        "sessions",
        "Collect",
        "Every setup session at Stripe: open, completed, expired, or in need of a customer.",
        counter="unattached",
    ),
    PageSpec(
        "customers.py",
        "Customers",
        "group",
        "customers",
        "Customers",
        "Find a customer, and see their methods, links and charges.",
    ),
    PageSpec(
        "payment_methods.py",
        "Saved methods",
        "credit_card",
        "payment_methods",
        "Customers",
        "Saved cards and bank accounts: usable, expiring, or why not.",
    ),
    PageSpec(
        "new_charge.py",
        "New charge",
        "add_card",
        "new_charge",
        "Charge",
        "Charge a saved method once.",
        permission=Permission.CHARGE,
    ),
    PageSpec(
        "runs.py",
        "Runs",
        "playlist_add_check",
        "runs",
        "Charge",
        "Charge many invoices at once: check, approve, charge, report.",
        counter="runs",
    ),
    PageSpec(
        "new_run.py",
        "New run",
        "playlist_add",
        "new_run",
        "Charge",
        "Read a file of charges and check every row.",
        permission=Permission.CHARGE,
    ),
    PageSpec(
        "approvals.py",
        "Approvals",
        "approval_delegation",
        "approvals",
        "Charge",
        "Decide on what others prepared: runs, refunds, outcomes and incidents settled by hand.",
        counter="approvals",
    ),
    PageSpec(
        "waiting.py",
        "Waiting for a card",
        "credit_card_clock",
        "waiting",
        "Charge",
        "Approved charges whose customers have no card yet: send the link, cancel, or note as paid.",
    ),
    PageSpec(
        "charges.py",
        "Charges",
        "receipt_long",
        "charges",
        "Charge",
        "Everything that was charged, with its attempts.",
    ),
    PageSpec(
        "failures.py",
        "Failures",
        "error",
        "failures",
        "Charge",
        "Charges that did not work: the reason, and what to do next.",
        counter="failures",
    ),
    PageSpec(
        "refunds.py",
        "Refunds",
        "undo",
        "refunds",
        "Charge",
        "What was given back, asked for or turned down.",
    ),
    PageSpec(
        "disputes.py",
        "Disputes",
        "gavel",
        "disputes",
        "Charge",
        "What customers disputed at their banks, and until when to answer.",
    ),
    PageSpec(
        "unknown.py",
        "Unknown",
        "help",
        "unknown",
        "Charge",
        "Charges whose outcome is not known yet, and how Onfile is finding out.",
        counter="unknown",
    ),
    PageSpec(
        "incidents.py",
        "Incidents",
        "warning",
        "incidents",
        "Charge",
        "What Stripe has and this ledger did not expect, and the ways to settle it.",
        counter="incidents",
    ),
    PageSpec(
        "month_end.py",
        "Month end",
        "event_available",
        "month_end",
        "Evidence",
        "Close a month: its figures as they are now, its files, and what came later.",
    ),
    PageSpec(
        "webhooks.py",
        "Webhooks",
        "webhook",
        "webhooks",
        "Evidence",
        "What Stripe told Onfile, what became of it, and replaying what did not work.",
    ),
    PageSpec(
        "sync.py",
        "Sync health",
        "monitor_heart",
        "sync",
        "Evidence",
        "Whether everything that Stripe has is here, and when that was verified.",
    ),
    PageSpec(
        "audit.py",
        "Audit",
        "fact_check",
        "audit",
        "Evidence",
        "Who did what, when, with proof that no entry was changed.",
    ),
    PageSpec(
        "users.py",
        "Users",
        "manage_accounts",
        "users",
        "Admin",
        "Who may sign in, with which roles.",
        permission=Permission.MANAGE_USERS,
    ),
    PageSpec(
        "settings.py",
        "Settings",
        "settings",
        "settings",
        "Admin",
        "How this installation is set up.",
        permission=Permission.MANAGE_USERS,
    ),
    PageSpec(
        "backups.py",
        "Backups",
        "backup",
        "backups",
        "Admin",
        "Copies of everything Onfile knows: the last good one, and what is kept.",
        permission=Permission.BACK_UP,
    ),
    PageSpec(
        "data_protection.py",
        "Data protection",
        "shield_person",
        "data_protection",
        "Admin",
        "Export and erase what is kept of one person, and for how long things are kept.",
        permission=Permission.PROTECT_DATA,
    ),
    PageSpec(
        "account.py",
        "Your account",
        "person",
        "account",
        "",
        "Your time zone and your password.",
        is_listed=False,
    ),
)
