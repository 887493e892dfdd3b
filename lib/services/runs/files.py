"""Files of charge runs: an upload becomes a draft, a download is its results."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.corrections import Correction, carried
from lib.domain.files import encodings
from lib.domain.files.columns import Guess, refuse_rows_for_headings
from lib.domain.files.readings import Choices, HiddenUnconfirmed
from lib.domain.files.row_orders import RowOrder
from lib.domain.files.run_columns import RUN_COLUMNS
from lib.domain.files.run_files import ParsedFile, parse
from lib.domain.files.sheets import Sheet
from lib.domain.files.unseen_rows import guess_seen
from lib.domain.runs import Finding, RowRequest, Run, Severity
from lib.errors import InvalidInput
from lib.services.runs.draft import Replacement, RunDrafts, RunSource
from lib.services.runs.view import RunViews
from lib.spreadsheets import reading, writing
from lib.store.meta import RUN_COLUMNS as REMEMBERED
from lib.store.unit_of_work import UnitOfWork

TEMPLATE_COLUMNS = ("customer", "name", "amount", "currency", "reference", "description")
# As many as a run can well have; a workbook of them takes a second.
TEMPLATE_CUSTOMERS = 50_000


_UNREADABLE = Finding(
    "row_correction_unreadable",
    Severity.RED,
    "This row was corrected in the run that the file comes from, and what it was corrected to cannot be read.",
)


@dataclass(frozen=True, slots=True)
class RunUpload:
    """A file as it was read, before anybody decided anything."""

    sheet: Sheet
    guess: Guess
    file_name: str | None
    digest: str
    """SHA-256 of its bytes."""
    earlier: tuple[Run, ...]
    """Runs that were made from exactly this file, newest first."""

    def parsed(
        self,
        columns: Mapping[str, int] | None = None,
        *,
        default_currency: str | None = None,
        choices: Choices | None = None,
    ) -> ParsedFile:
        return parse(
            self.sheet,
            self.guess if columns is None else columns,
            default_currency=default_currency,
            choices=choices,
        )


class RunFiles:
    def __init__(
        self, uow: UnitOfWork, drafts: RunDrafts, views: RunViews, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._drafts = drafts
        self._views = views
        self._clock = clock

    def open(self, data: bytes, file_name: str, *, encoding: str | None = None) -> RunUpload:
        """
        Args:
            encoding: as a person calls it; for a text file that is not Unicode.

        Raises:
            InvalidInput: it is no table that can be read without a guess.
        """
        chosen_encoding = encodings.named(encoding) if encoding else None
        sheet = reading.read_file(data, file_name, encoding=chosen_encoding)
        return self._opened(sheet, data, file_name)

    def open_pasted(self, text: str) -> RunUpload:
        """Rows copied out of a spreadsheet; raises like `open`."""
        return self._opened(reading.read_pasted(text), text.encode(), None)

    def create_run(
        self,
        upload: RunUpload,
        *,
        name: str,
        by: Actor,
        columns: Mapping[str, int] | None = None,
        default_currency: str | None = None,
        choices: Choices | None = None,
    ) -> Run:
        """
        A judged draft of the file's rows.

        Args:
            columns: as a person chose or confirmed them, which is remembered for the next file; None
                for what was guessed, which is not.
            choices: what a person said where the file can be read in several ways.

        Raises:
            InvalidInput: a column that is needed is missing, there are no rows, or nobody chose what
                becomes of what is hidden (`hidden_unconfirmed`).
        """
        by.must(Permission.IMPORT)
        source, rows = _read(upload, name, columns, default_currency, choices)
        requests, corrections = _with_earlier(rows, by=by, at=epoch(self._clock()))
        run = self._drafts.create(source, requests, by=by, corrections=corrections)
        self._remember(upload, columns)
        return run

    def replace(
        self,
        run_id: str,
        upload: RunUpload,
        *,
        by: Actor,
        columns: Mapping[str, int] | None = None,
        default_currency: str | None = None,
        choices: Choices | None = None,
    ) -> Replacement:
        """
        Put this file under a draft in the place of its own; what was decided is kept for rows whose
        customer, reference, amount and currency are unchanged.

        Raises like `create_run`, and:
            NotFound: no such run.
            StaleState: it is no draft.
        """
        by.must(Permission.IMPORT)
        source, rows = _read(upload, "", columns, default_currency, choices)
        requests, corrections = _with_earlier(rows, by=by, at=epoch(self._clock()))
        replacement = self._drafts.replace_file(
            run_id, source, requests, by=by, corrections=corrections
        )
        self._remember(upload, columns)
        return replacement

    def _remember(self, upload: RunUpload, columns: Mapping[str, int] | None) -> None:
        if columns is not None:
            with self._uow.write() as stores:
                stores.meta.remember_headings(
                    REMEMBERED, RUN_COLUMNS.chosen(upload.sheet.header, columns)
                )

    def results(self, run_id: str, file_name: str, *, by: Actor) -> tuple[int, bytes]:
        """
        How many rows, and the file as this person sees it: XLSX where the name ends so, CSV otherwise.

        Raises:
            NotFound: no such run.
        """
        header, lines = self._views.results(run_id, by=by)
        rows = list(lines)
        if file_name.lower().endswith(".xlsx"):
            return len(rows), writing.to_xlsx(header, rows, sheet="Results")
        return len(rows), writing.to_csv(header, rows)

    def messages(self, run_id: str, *, by: Actor, numbers: Collection[int] | None = None) -> bytes:
        """
        A CSV file for a mail merge: a row for each customer who can do something about a failure,
        of these rows or of all.

        Raises:
            NotFound: no such run.
        """
        by.must(Permission.MANAGE_LINKS)
        header, lines = self._views.messages(run_id, numbers=numbers)
        return writing.to_csv(header, lines)

    def template(self, *, by: Actor) -> bytes:
        """
        An XLSX file with a row for each customer that has a usable method, the newest
        `TEMPLATE_CUSTOMERS`; amounts are empty.
        """
        by.must(Permission.CHARGE)
        with self._uow.read() as stores:
            today = stores.meta.today(epoch(self._clock()))
            customers = stores.preflight.payers(
                year=today.year, month=today.month, limit=TEMPLATE_CUSTOMERS
            )
            usual = stores.preflight.usual_currencies([customer.id for customer in customers])
        rows = [
            (customer.id, customer.label, "", usual.get(customer.id, ""), "", "")
            for customer in customers
        ]
        return writing.to_xlsx(TEMPLATE_COLUMNS, rows, sheet="Charges")

    def _opened(self, sheet: Sheet, data: bytes, file_name: str | None) -> RunUpload:
        refuse_rows_for_headings(sheet.header)
        digest = hashlib.sha256(data).hexdigest()
        with self._uow.read() as stores:
            remembered = stores.meta.headings(REMEMBERED)
            earlier = stores.runs.same_file(digest)
        guess = guess_seen(sheet.header, remembered, sheet.origin.hidden_columns, RUN_COLUMNS)
        return RunUpload(sheet, guess, file_name, digest, tuple(earlier))


def _read(
    upload: RunUpload,
    name: str,
    columns: Mapping[str, int] | None,
    default_currency: str | None,
    choices: Choices | None,
) -> tuple[RunSource, Sequence[RowOrder]]:
    """
    Raises:
        InvalidInput: a column is missing, or nobody chose what becomes of what is hidden.
    """
    used = upload.guess if columns is None else columns
    missing = [
        column.label
        for column in RUN_COLUMNS.columns
        if column.required
        and column.name not in used
        and not (column.name == "currency" and default_currency)
    ]
    if missing:
        raise InvalidInput(
            f"The file has no column for: {', '.join(missing)}. Rename a heading, or say which one it is.",
            field="columns",
            code="columns_missing",
        )
    parsed = upload.parsed(columns, default_currency=default_currency, choices=choices)
    if parsed.hidden_question:
        raise HiddenUnconfirmed(parsed.hidden_question, parsed.reading.hidden_choices)
    how = parsed.reading.as_json() | {"words": parsed.reading.in_words()}
    source = RunSource(parsed.header, name, upload.file_name, upload.digest, reading=how)
    return source, parsed.rows


def _with_earlier(
    rows: Sequence[RowOrder], *, by: Actor, at: int
) -> tuple[list[RowRequest], list[Correction]]:
    """Of a results file, with what was corrected in the run that it came from."""
    requests: list[RowRequest] = []
    corrections: list[Correction] = []
    for row in rows:
        request = row.request()
        try:
            corrections += carried(
                request,
                row.earlier_corrections,
                reason=row.earlier_reason,
                by=by.username,
                at=at,
            )
        except InvalidInput as refused:
            # Without it, the row would be charged as it was before it was corrected.
            finding = replace(_UNREADABLE, message=f"{_UNREADABLE.message} {refused}")
            request = replace(request, findings=(*request.findings, finding))
        requests.append(request)
    return requests, corrections
