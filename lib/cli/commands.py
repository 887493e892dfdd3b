"""One function a command: call a service, shape the answer."""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace

from lib.bootstrap import Services
from lib.cli import auditing, backups, runs, sandbox, syncing
from lib.cli.answers import Answer, Command, person
from lib.cli.parser import Arguments
from lib.cli.staff import new_password, signed_in
from lib.clock import epoch
from lib.domain.actors import Actor, Permission
from lib.domain.charges import ChargeState
from lib.domain.links import LinkSession, LinkStatus, SetupLink
from lib.ids import new_id
from lib.money import format_money, parse_amount
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.view import ChargeView
from lib.store.users import User


def _doctor(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    if arguments.sandbox:
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


def _users_add(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    by = signed_in(arguments, services.users) if arguments.as_ is not None else None
    user = services.users.add(
        arguments.name,
        name=arguments.full_name,
        email=arguments.email,
        roles=arguments.roles,
        password=new_password(arguments.name),
        by=by,
    )
    return _user_answer(user, "Added")


def _users_list(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.MANAGE_USERS)
    users = services.users.list()
    return Answer(
        {"users": [_user_object(user) for user in users]},
        [
            f"{user.username:<20} {' '.join(sorted(user.roles)):<30} {user.email}"
            + ("" if user.is_active else "  (disabled)")
            for user in users
        ],
    )


def _users_disable(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    return _user_answer(services.users.disable(arguments.name, by=person(actor)), "Disabled")


def _users_set_password(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    user = services.users.set_password(
        arguments.name, new_password(arguments.name), by=person(actor)
    )
    return _user_answer(user, "New password set for")


def _links_create(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.links.create(
        form_key=new_id("form"),
        by=person(actor),
        customer=arguments.customer,
        email=arguments.email,
        name=arguments.name,
        guest=arguments.guest,
        currency=arguments.currency,
        reference=arguments.reference,
        locale=arguments.locale,
    )
    return Answer(
        {
            "link_id": made.link.id,
            "session_id": made.session_id,
            "customer": made.link.customer,
            "url": made.url,
            "durable_url": made.durable_url,
            "expires_at": made.session_expires_at,
            "durable_expires_at": made.link.expires_at,
        },
        [f"Send this to the customer: {made.durable_url}"],
    )


def _links_list(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    status = LinkStatus(arguments.status) if arguments.status else None
    now = epoch(services.clock())

    def shown(link: SetupLink, session: LinkSession | None) -> dict[str, object]:
        is_open = link.status(now) is LinkStatus.OPEN
        return {
            "link_id": link.id,
            "status": link.status(now).value,
            "customer": link.customer,
            "email": link.email,
            "name": link.name,
            "reference": link.reference,
            "currency": link.currency,
            "charge_id": link.charge_id,
            "session_id": session.session_id if session else None,
            "durable_url": services.links.durable_url(link) if is_open else None,
            "created_by": link.created_by,
            "created_at": link.created_at,
            "expires_at": link.expires_at,
        }

    rows = [shown(link, session) for link, session in services.links.listing(status=status)]
    return Answer(
        {"links": rows},
        [
            f"{row['status']:<10} {row['name'] or row['email'] or 'no customer yet'}  {row['reference'] or ''}  {row['durable_url'] or ''}"
            for row in rows
        ],
    )


def _charge(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    order = ChargeOrder(
        customer=arguments.customer,
        money=parse_amount(arguments.amount, arguments.currency),
        reference=arguments.reference,
        payment_method=arguments.payment_method,
        description=arguments.description,
        despite=dict.fromkeys(arguments.despite, arguments.note),
    )
    review = services.charges.review(order, by=person(actor))
    # What the warnings speak of, whatever is saved in between.
    charged = services.charges.charge(order, by=person(actor), seen=review.fingerprint)
    answer = charge_answer(charged)
    return replace(
        answer,
        data={**answer.data, "warnings": list(review.warnings)},
        lines=[*review.warnings, *answer.lines],
    )


def charge_answer(view: ChargeView) -> Answer:
    charge = view.charge
    money = format_money(charge.amount, charge.currency)
    done = charge.state in (ChargeState.SUCCEEDED, ChargeState.PROCESSING)
    lines = [f"{money} for {charge.reference}: {charge.state.value.replace('_', ' ')}"]
    error: dict[str, object] | None = None
    if not done:
        message = f"{view.what_happened or ''} {view.next_step or ''}".strip()
        error = {"code": charge.state.value, "message": message}
        if view.recovery_url:
            lines.append(f"New link for the customer: {view.recovery_url}")
    return Answer(view.as_json(), lines, error=error)


def _worker(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    from lib.worker.loop import Worker  # the other commands need none

    worker = Worker(services)
    if arguments.once:
        worker.run_once()
        return Answer({"state": "done"}, ["Did what was due."])
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    worker.start()
    sys.stderr.write("The worker runs. Stop it with Ctrl+C.\n")
    try:
        stopping.wait()
    finally:
        worker.stop()
    return Answer({"state": "stopped"}, ["Stopped."])


def _user_object(user: User) -> dict[str, object]:
    return {
        "name": user.username,
        "full_name": user.name,
        "email": user.email,
        "roles": sorted(user.roles),
        "active": user.is_active,
    }


def _user_answer(user: User, verb: str) -> Answer:
    return Answer({"user": _user_object(user)}, [f"{verb} {user.username}."])


COMMANDS: dict[str, Command] = {
    "doctor": Command(_doctor, needs_person=False),
    "users add": Command(_users_add, needs_person=False),
    "users list": Command(_users_list),
    "users disable": Command(_users_disable),
    "users set-password": Command(_users_set_password),
    "links create": Command(_links_create),
    "links list": Command(_links_list),
    "sync": Command(syncing.sync),
    "charge": Command(_charge),
    "runs import": Command(runs.import_file),
    "runs submit": Command(runs.submit),
    "runs approve": Command(runs.approve),
    "runs reject": Command(runs.reject),
    "runs cancel": Command(runs.cancel),
    "runs pause": Command(runs.pause),
    "runs resume": Command(runs.resume),
    "runs start": Command(runs.start),
    "runs show": Command(runs.show),
    "runs results": Command(runs.results),
    "runs certificate": Command(runs.certificate),
    "reconcile": Command(syncing.reconcile),
    "audit verify": Command(auditing.verify),
    "audit head": Command(auditing.head),
    "audit export": Command(auditing.export),
    "backup": Command(backups.backup),
    "restore": Command(backups.restore, needs_person=False),
    "worker": Command(_worker, needs_person=False),
}
