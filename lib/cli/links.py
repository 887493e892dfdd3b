"""The commands of setup links, one or for a whole file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person, read_file, write_file
from lib.cli.messages import lines_of
from lib.domain.actors import Actor, Permission
from lib.domain.files.readings import Choices, Hidden
from lib.domain.files.sheets import Note
from lib.domain.link_batches import BatchCounts, LinkRowState, first_message
from lib.domain.links import LinkState, ListedLink
from lib.ids import new_id
from lib.services.messages.ask import RequestResult

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.runs import Finding
    from lib.services.collect.batch_views import LinkRowView

_NOT_MADE = (LinkRowState.HAS_CARD, LinkRowState.ENDED)


def create(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    by, customer = person(actor), arguments.customer
    made = services.links.create(
        form_key=new_id("form"),
        by=by,
        customer=customer and services.customers.named(customer),
        email=arguments.email,
        name=arguments.name,
        guest=arguments.guest,
        currency=arguments.currency,
        reference=arguments.reference,
        locale=arguments.locale,
        despite=dict.fromkeys(arguments.despite, arguments.note),
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


def listing(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    state = LinkState(arguments.status) if arguments.status else None
    rows = [_link_object(services, listed) for listed in services.links.listing(state=state)]
    if not person(actor).may(Permission.MANAGE_LINKS):
        # Whoever has the address can save a card with it.
        rows = [row | {"durable_url": None} for row in rows]
    return Answer({"links": rows}, [_link_line(row) for row in rows])


def revoke(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.links.expire(arguments.link, by=person(actor))
    revoked = ListedLink(*services.links.show(arguments.link), LinkState.REVOKED)
    row = _link_object(services, revoked)
    return Answer(row, [f"Ended. Nobody can save a card with {arguments.link} any more."])


def import_file(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    path, by = Path(arguments.file), person(actor)
    files, batches = services.link_files, services.link_batches
    upload = files.open(read_file(path), path.name, encoding=arguments.encoding)
    hidden = Hidden(arguments.hidden) if arguments.hidden else None
    batch = files.draft(
        upload, name=arguments.name or path.stem, by=by, choices=Choices(hidden=hidden)
    )
    if not arguments.dry_run:
        batches.start(batch.id, despite_card=arguments.despite_card, renew=arguments.renew, by=by)
        batches.work(batch.id)
    rows = batches.views.rows(batch.id)
    counts = batches.views.view(batch.id).counts
    if arguments.out:
        write_file(Path(arguments.out), files.results(batch.id, arguments.out)[1])
    result = RequestResult()
    if arguments.send and not arguments.dry_run:
        made = [view.row.link_id for view in rows if view.row.link_id]
        result = services.messages.requests.send(made, by=by)
    notes = [*upload.sheet.notes, *(Note("column", doubt) for doubt in upload.guess.doubts)]
    return Answer(
        {
            "batch_id": batch.id,
            "created": counts.of(LinkRowState.CREATED),
            "existing": counts.of(LinkRowState.EXISTING),
            "skipped": counts.of(*_NOT_MADE),
            "failed": counts.of(LinkRowState.FAILED),
            "rows": [_object(view) for view in rows],
            "notes": [asdict(note) for note in notes],
            "reading": batch.reading,
            **({"sent": result.as_json()} if arguments.send else {}),
        },
        [
            f"{batch.name} ({batch.id}): {_summary(counts)}",
            f"  {batch.reading['words']}" if batch.reading else "",
            *(f"  look at this: {note.message}" for note in notes),
            *(_line(view) for view in rows),
            *(lines_of(result) if arguments.send else []),
        ],
    )


def _summary(counts: BatchCounts) -> str:
    return ", ".join(
        f"{n:,} {state.value.replace('_', ' ')}" for state, n in counts.by_state.items()
    )


def _why(view: LinkRowView) -> Finding | None:
    is_there = view.row.state in (LinkRowState.CREATED, LinkRowState.NEW, LinkRowState.NEW_CUSTOMER)
    return None if is_there else first_message(view.row.findings)


def _object(view: LinkRowView) -> dict[str, object]:
    row, why = view.row, _why(view)
    is_error = why is not None and row.state is not LinkRowState.EXISTING
    return {
        "row": row.number,
        "link_id": row.link_id,
        "durable_url": view.url,
        "state": row.state.value,
        "customer": row.customer,
        "error": {"code": why.code, "message": why.message} if why and is_error else None,
        "findings": [{"code": one.code, "message": one.message} for one in row.findings],
    }


def _line(view: LinkRowView) -> str:
    why = _why(view)
    words = [
        f"  row {view.row.number}: {view.row.state.value.replace('_', ' ')}",
        view.row.request.who,
        view.url or "",
        why.message if why else "",
    ]
    return "  ".join(word for word in words if word)


def _link_object(services: Services, listed: ListedLink) -> dict[str, object]:
    link, session = listed.link, listed.session
    is_open = listed.state is LinkState.OPEN
    return {
        "link_id": link.id,
        "status": listed.state.value,
        "refusal": link.refusal if is_open else None,
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


def _link_line(row: dict[str, object]) -> str:
    words = [f"{row['status']:<10}", row["name"] or row["email"] or "no customer yet"]
    refusal = f"Stripe makes no page: {row['refusal']}" if row["refusal"] else None
    words += [row["reference"] or "", row["durable_url"] or "", refusal or ""]
    return "  ".join(str(word) for word in words).rstrip()
