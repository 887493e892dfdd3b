"""Files of links: an upload becomes a judged batch, a download is its results."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.files import encodings, link_files
from lib.domain.files.columns import Guess, refuse_rows_for_headings
from lib.domain.files.link_files import LINK_COLUMNS, RESULT_COLUMNS, ParsedLinks
from lib.domain.files.readings import Choices, HiddenUnconfirmed
from lib.domain.files.sheets import Sheet
from lib.domain.files.unseen_rows import guess_seen
from lib.domain.link_batches import (
    BatchSource,
    BatchState,
    LinkBatch,
    LinkRowState,
    clean_name,
    first_message,
)
from lib.domain.messages import MessageKind
from lib.errors import InvalidInput
from lib.ids import new_id
from lib.money import format_major
from lib.services.collect.batch_views import LinkRowView
from lib.services.collect.link_batches import LinkBatches
from lib.spreadsheets import reading, writing
from lib.store.meta import LINK_COLUMNS as REMEMBERED
from lib.store.unit_of_work import UnitOfWork

MAIL_MERGE = ("email", "name", "reference", "amount", "currency", "purpose", "link")
# Of whose cells it is asked whether a column of customers holds ids or names.
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class LinkUpload:
    """A file as it was read, before anybody decided anything."""

    sheet: Sheet
    guess: Guess
    file_name: str | None
    digest: str
    """SHA-256 of its bytes."""

    def parsed(
        self, columns: Mapping[str, int] | None = None, *, choices: Choices | None = None
    ) -> ParsedLinks:
        return link_files.parse(
            self.sheet, self.guess if columns is None else columns, choices=choices
        )


class LinkFiles:
    def __init__(self, uow: UnitOfWork, batches: LinkBatches, *, clock: Clock) -> None:
        self._uow = uow
        self._batches = batches
        self._clock = clock

    def open(self, data: bytes, file_name: str, *, encoding: str | None = None) -> LinkUpload:
        """
        Args:
            encoding: as a person calls it; for a text file that is not Unicode.

        Raises:
            InvalidInput: it is no table that can be read without a guess.
        """
        named = encodings.named(encoding) if encoding else None
        sheet = reading.read_file(data, file_name, encoding=named)
        return self._opened(sheet, data, file_name)

    def open_pasted(self, text: str) -> LinkUpload:
        """Rows copied out of a spreadsheet; raises like `open`."""
        return self._opened(reading.read_pasted(text), text.encode(), None)

    def draft(
        self,
        upload: LinkUpload,
        *,
        name: str,
        by: Actor,
        columns: Mapping[str, int] | None = None,
        choices: Choices | None = None,
    ) -> LinkBatch:
        """
        A judged batch of the file's rows; no link is made.

        Args:
            columns: as a person chose or confirmed them, which is remembered for the next file; None
                for what was guessed, which is not.
            choices: what a person said where the file can be read in several ways.

        Raises:
            InvalidInput: no column says who is meant, there are no rows, or nobody chose what becomes
                of what is hidden (`hidden_unconfirmed`).
        """
        by.must(Permission.MANAGE_LINKS)
        used = upload.guess if columns is None else columns
        if not link_files.names_somebody(used):
            raise InvalidInput(
                "The file has no column that says who is meant: E-mail or Customer. Rename a heading, or say "
                "which one it is.",
                field="columns",
                code="columns_missing",
            )
        parsed = upload.parsed(columns, choices=choices)
        if parsed.hidden_question:
            raise HiddenUnconfirmed(parsed.hidden_question, parsed.reading.hidden_choices)
        batch = LinkBatch(
            id=new_id("batch"),
            state=BatchState.DRAFT,
            source=BatchSource.FILE if upload.file_name else BatchSource.PASTED,
            name=clean_name(name),
            header=parsed.header,
            created_by=by.username,
            created_at=epoch(self._clock()),
            file_name=upload.file_name,
            file_digest=upload.digest,
            reading=parsed.reading.as_json() | {"words": parsed.reading.in_words()},
        )
        self._batches.draft(batch, parsed.rows, by=by)
        if columns is not None:
            with self._uow.write() as stores:
                stores.meta.remember_headings(
                    REMEMBERED, LINK_COLUMNS.chosen(upload.sheet.header, columns)
                )
        return batch

    def results(self, batch_id: str, file_name: str) -> tuple[int, bytes]:
        """
        How many rows, and the file: XLSX where the name ends so, CSV otherwise.

        Raises:
            NotFound: no such batch.
        """
        batch = self._batches.views.find(batch_id)
        header = (*batch.header, *RESULT_COLUMNS)
        rows = [_result(view) for view in self._batches.views.rows(batch_id)]
        if file_name.lower().endswith(".xlsx"):
            return len(rows), writing.to_xlsx(header, rows, sheet="Links")
        return len(rows), writing.to_csv(header, rows)

    def mail_merge(self, link_ids: Sequence[str], *, by: Actor) -> bytes:
        """A CSV file to write to the customers of open links by: a row for each, in this order."""
        by.must(Permission.MANAGE_LINKS)
        with self._uow.read() as stores:
            links = stores.links.some(link_ids)
            charges = {
                link.charge_id: stores.charges.find(link.charge_id)
                for link in links.values()
                if link.charge_id
            }
            waiting = stores.waiting_charges.still(list(charges))
        lines = []
        for link in (links[one] for one in link_ids if one in links):
            charge = charges.get(link.charge_id or "")
            url = self._batches.views.url(link)
            if url is not None:
                lines.append(
                    (
                        link.email or "",
                        link.name or "",
                        link.reference or "",
                        format_major(charge.amount, charge.currency) if charge else "",
                        charge.currency if charge else "",
                        MessageKind.CARD_FOR_CHARGE.value
                        if link.charge_id in waiting
                        else link.purpose.value,
                        url,
                    )
                )
        return writing.to_csv(MAIL_MERGE, lines)

    def _opened(self, sheet: Sheet, data: bytes, file_name: str | None) -> LinkUpload:
        refuse_rows_for_headings(sheet.header)
        with self._uow.read() as stores:
            remembered = stores.meta.headings(REMEMBERED)
        guess = guess_seen(sheet.header, remembered, sheet.origin.hidden_columns, LINK_COLUMNS)
        return LinkUpload(
            sheet, _names_in_place_of_ids(sheet, guess), file_name, hashlib.sha256(data).hexdigest()
        )


def _names_in_place_of_ids(sheet: Sheet, guess: Guess) -> Guess:
    """Lists of accounting call a name “Customer”, beside the address that says who it is."""
    at = guess.get("customer")
    if at is None or "email" not in guess or "name" in guess:
        return guess
    cells = [row.cells[at].strip() for row in sheet.rows[:_LOOKED_AT]]
    if any(cell.startswith("cus_") or "@" in cell for cell in cells) or all(
        " " not in cell for cell in cells
    ):
        return guess
    columns = {name: index for name, index in guess.items() if name != "customer"} | {"name": at}
    doubt = f"“{sheet.header[at][:40]}” holds names and no ids, so it was taken for the name. Check that."
    return replace(guess, columns=columns, doubts=(*guess.doubts, doubt))


def _result(view: LinkRowView) -> tuple[str, ...]:
    row = view.row
    why = first_message(row.findings) if row.state is not LinkRowState.CREATED else None
    return (
        *row.request.cells,
        row.state.value,
        view.url or "",
        row.link_id or "",
        why.message if why else "",
    )
