"""
One function a command: call a service, shape the answer.

Each group of commands is loaded when one of it runs: all of them together take longer than most take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, Command
from lib.domain.actors import Actor, Permission

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments


def _doctor(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    if arguments.sandbox:
        from lib.cli import sandbox

        return sandbox.run(services, arguments)
    checks = services.doctor.checks()
    return Answer(
        {
            "mode": services.settings.mode.value,
            "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks],
        },
        [f"{'ok  ' if c.ok else 'FAIL'}  {c.name}: {c.detail}" for c in checks],
        failed=not all(check.ok for check in checks),
    )


def _doctors() -> dict[str, Command]:
    return {
        "doctor": Command(_doctor, None),
    }


def _users() -> dict[str, Command]:
    from lib.cli import users

    return {
        "users add": Command(users.add, None),
        "users list": Command(users.listing, Permission.MANAGE_USERS),
        "users disable": Command(users.disable, Permission.MANAGE_USERS),
        "users set-roles": Command(users.roles, Permission.MANAGE_USERS),
        "users unlock": Command(users.unlock, Permission.MANAGE_USERS),
        "users reset-second-factor": Command(users.reset, Permission.MANAGE_USERS),
        "users recover": Command(users.recover, None),
        "users vouch": Command(users.vouch, None),
        "users link-sso": Command(users.link_sso, Permission.MANAGE_USERS),
        "users unlink-sso": Command(users.unlink_sso, Permission.MANAGE_USERS),
        "users invite": Command(users.invite, Permission.MANAGE_USERS),
        # One's own is everybody's; the service asks for more where it is another's.
        "users set-password": Command(users.set_password, Permission.VIEW),
        "admin-changes list": Command(users.changes, Permission.MANAGE_USERS),
        "admin-changes agree": Command(users.agree, Permission.MANAGE_USERS),
        "admin-changes disagree": Command(users.disagree, Permission.MANAGE_USERS),
        "admin-changes withdraw": Command(users.withdraw, Permission.MANAGE_USERS),
    }


def _links() -> dict[str, Command]:
    from lib.cli import links, messages, payment_methods

    return {
        "links create": Command(links.create, Permission.MANAGE_LINKS),
        "links import": Command(links.import_file, Permission.MANAGE_LINKS),
        "links list": Command(links.listing, Permission.VIEW),
        "links revoke": Command(links.revoke, Permission.MANAGE_LINKS),
        "links send": Command(messages.send, Permission.MANAGE_LINKS),
        "payment-methods attach": Command(payment_methods.attach, Permission.MANAGE_METHODS),
    }


def _outbox() -> dict[str, Command]:
    from lib.cli import messages

    return {
        "outbox list": Command(messages.listing, Permission.VIEW),
        "outbox pause": Command(messages.pause, Permission.MANAGE_LINKS),
        "outbox resume": Command(messages.resume, Permission.MANAGE_LINKS),
        "outbox release": Command(messages.release, Permission.MANAGE_LINKS),
        "outbox cancel": Command(messages.cancel, Permission.MANAGE_LINKS),
        "outbox rules": Command(messages.rules, Permission.VIEW),
        "outbox rule": Command(messages.rule, Permission.MANAGE_LINKS),
        "outbox decide": Command(messages.decide, Permission.MANAGE_LINKS),
    }


def _charges() -> dict[str, Command]:
    from lib.cli import books, charges, waiting

    return {
        "charge": Command(charges.charge, Permission.CHARGE),
        "charges list": Command(books.charges, Permission.VIEW),
        "charges export": Command(books.export_charges, Permission.VIEW),
        "charges cancel-payment": Command(charges.cancel_payment, Permission.CHARGE),
        "charges waiting": Command(waiting.listing, Permission.VIEW),
        "charges cancel-waiting": Command(waiting.cancel, Permission.CHARGE),
        **charges.OUTCOMES.commands(),
        "month-end": Command(books.month_end, Permission.VIEW),
    }


def _refunds() -> dict[str, Command]:
    from lib.cli import refunds

    return {
        "refunds request": Command(refunds.request, Permission.CHARGE),
        "refunds approve": Command(refunds.approve, Permission.APPROVE),
        "refunds list": Command(refunds.listing, Permission.VIEW),
        **refunds.OUTCOMES.commands(),
    }


def _limits() -> dict[str, Command]:
    from lib.cli import limits

    return {
        "limits list": Command(limits.listing, Permission.MANAGE_USERS),
        "limits set": Command(limits.set_limits, Permission.MANAGE_USERS),
    }


def _syncing() -> dict[str, Command]:
    from lib.cli import syncing

    return {
        "sync": Command(syncing.sync, Permission.SYNC),
        "reconcile": Command(syncing.reconcile, Permission.SYNC),
    }


def _runs() -> dict[str, Command]:
    from lib.cli import announcements, books, drafts, runs

    return {
        "runs import": Command(runs.import_file, Permission.IMPORT),
        "runs list": Command(runs.list_runs, Permission.VIEW),
        "runs correct": Command(drafts.correct, Permission.CHARGE),
        "runs replace": Command(drafts.replace, Permission.IMPORT),
        "runs links": Command(drafts.links, Permission.CHARGE),
        "runs newer-methods": Command(drafts.newer_methods, Permission.CHARGE),
        "runs submit": Command(runs.submit, Permission.CHARGE),
        "runs approve": Command(runs.approve, Permission.APPROVE),
        "runs reject": Command(runs.reject, Permission.APPROVE),
        "runs cancel": Command(runs.cancel, Permission.CHARGE),
        "runs announce": Command(announcements.announce, Permission.CHARGE),
        "runs announcements": Command(announcements.listing, Permission.VIEW),
        "runs answer": Command(announcements.answer, Permission.HOLD),
        "runs pause": Command(runs.pause, Permission.CHARGE),
        "runs resume": Command(runs.resume, Permission.CHARGE),
        "runs start": Command(runs.start, Permission.CHARGE),
        "runs show": Command(runs.show, Permission.VIEW),
        "runs results": Command(books.run_results, Permission.VIEW),
        "runs certificate": Command(runs.certificate, Permission.SYNC),
    }


def _incidents() -> dict[str, Command]:
    from lib.cli import incidents

    return {
        "incidents list": Command(incidents.listing, Permission.VIEW),
        "incidents show": Command(incidents.show, Permission.VIEW),
        "incidents adopt": Command(incidents.adopt, Permission.CHARGE),
        "incidents refund": Command(incidents.refund, Permission.CHARGE),
        "incidents cancel": Command(incidents.cancel, Permission.CHARGE),
        "incidents settle": Command(incidents.settle, Permission.SETTLE),
        "incidents approve": Command(incidents.approve, Permission.APPROVE),
        "incidents reject": Command(incidents.reject, Permission.APPROVE),
        "incidents withdraw": Command(incidents.withdraw, Permission.SETTLE),
    }


def _customers() -> dict[str, Command]:
    from lib.cli import customers, protection

    return {
        "customers hold": Command(customers.hold, Permission.HOLD),
        "customers release": Command(customers.release, Permission.HOLD),
        "customers show": Command(customers.show, Permission.VIEW),
        "customers note": Command(customers.note, Permission.NOTE),
        "customers print": Command(customers.print_record, Permission.VIEW),
        "customers list": Command(customers.listing, Permission.VIEW),
        "customers export": Command(protection.export, Permission.PROTECT_DATA),
        "customers erase": Command(protection.erase, Permission.PROTECT_DATA),
        "retention list": Command(protection.rules, Permission.PROTECT_DATA),
        "retention set": Command(protection.set_rule, Permission.PROTECT_DATA),
        "retention apply": Command(protection.apply, Permission.PROTECT_DATA),
    }


def _audit() -> dict[str, Command]:
    from lib.cli import auditing

    return {
        "audit verify": Command(auditing.verify, Permission.VIEW),
        "audit head": Command(auditing.head, Permission.VIEW),
        "audit export": Command(auditing.export, Permission.VIEW),
    }


def _backups() -> dict[str, Command]:
    from lib.cli import backups

    return {
        "backup": Command(backups.backup, Permission.BACK_UP),
        "restore": Command(backups.restore, None),
    }


def _processes() -> dict[str, Command]:
    from lib.cli import processes

    return {
        "worker": Command(processes.worker, None),
        "public": Command(processes.public, None),
    }


_GROUPS: dict[str, Callable[[], dict[str, Command]]] = {
    "doctor": _doctors,
    "users": _users,
    "admin-changes": _users,
    "links": _links,
    "payment-methods": _links,
    "outbox": _outbox,
    "charges": _charges,
    "month-end": _charges,
    "refunds": _refunds,
    "limits": _limits,
    "sync": _syncing,
    "charge": _charges,
    "runs": _runs,
    "incidents": _incidents,
    "customers": _customers,
    "retention": _customers,
    "reconcile": _syncing,
    "audit": _audit,
    "backup": _backups,
    "restore": _backups,
    "worker": _processes,
    "public": _processes,
}


def command_of(name: str) -> Command:
    return _GROUPS[name.partition(" ")[0]]()[name]


def names() -> Iterator[str]:
    """Of all commands, which loads all of them."""
    for group in dict.fromkeys(_GROUPS.values()):
        yield from group()
