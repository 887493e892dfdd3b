"""The background threads: claim due work from the database, call one service method, wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from lib.bootstrap import Services
from lib.domain.runs import LOOK_SECONDS, RUNS_AT_ONCE
from lib.ids import new_id
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY

logger = logging.getLogger(__name__)

# Between looks at the inbox and the queue: short enough that a saved card shows up while the
# customer is still on the phone, long enough to cost nothing.
IDLE_SECONDS = 1.0
# Longest stay in a full inbox before settling and the heartbeat have their turn.
INBOX_SECONDS = 5.0
# A line is due once a day; a look reads two files.
ANCHOR_PAUSE_SECONDS = 60.0
# All open links are looked at; a customer who saved a card elsewhere is asked no more within a minute.
LINK_ENDS_PAUSE_SECONDS = 30.0
_INDEX_PAUSE_SECONDS = 0.02


class Worker:
    """Holds no state of its own: killing it at any line loses nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """What is quick and urgent never waits for what may take minutes."""
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._repeat, args=(work, pause), name=name, daemon=True)
            for name, work, pause in (
                ("onfile-news", self.do_urgent, IDLE_SECONDS),
                ("onfile-sync", self.do_sync, IDLE_SECONDS),
                ("onfile-jobs", self.do_long, IDLE_SECONDS),
                ("onfile-index", self.do_index, IDLE_SECONDS),
                ("onfile-new-cards", self.do_new_cards, IDLE_SECONDS),
                ("onfile-links", self.do_links, IDLE_SECONDS),
                ("onfile-link-ends", self.do_link_ends, LINK_ENDS_PAUSE_SECONDS),
                ("onfile-certificates", self.do_certificates, IDLE_SECONDS),
                ("onfile-mail", self.do_mail, IDLE_SECONDS),
                ("onfile-backup", self.do_backup, IDLE_SECONDS),
                ("onfile-anchor", self.do_anchor, ANCHOR_PAUSE_SECONDS),
                *((f"onfile-runs-{n}", self.do_runs, LOOK_SECONDS) for n in range(RUNS_AT_ONCE)),
            )
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the request at hand; a job goes on where it was after the next start."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=35)

    def run_once(self) -> None:
        """Everything due now. One failing piece is logged and never stops the others."""
        self.do_urgent()
        self.do_sync()
        self.do_long()
        self.do_index()
        self.do_new_cards()
        self.do_links()
        self.do_link_ends()
        self.do_runs()
        self.do_certificates()
        self.do_mail()
        self.do_backup()
        self.do_anchor()

    def do_urgent(self) -> None:
        services = self._services
        self._guarded("heartbeat", services.sync.beat)
        self._guarded("webhooks", self._work_through_inbox)
        self._guarded("charges of unknown outcome", services.charge_resolver.resolve_due)
        self._guarded("refunds", services.refund_resolver.resolve_due)
        self._guarded("do-not-charge marks", self._write_holds)
        self._guarded("schedule", services.sync.request_scheduled)
        self._guarded("reads", services.count_reads)

    def do_sync(self) -> None:
        self._guarded("sync", lambda: self._run(SYNC))

    def do_long(self) -> None:
        self._guarded("rebuild", self._rebuild)
        self._guarded("backfill", lambda: self._run(BACKFILL))
        self._guarded("verification", lambda: self._run(VERIFY))
        self._guarded("fees and payouts", self._services.settlement.read_due)

    def do_index(self) -> None:
        self._guarded("search index", self._index)

    def do_new_cards(self) -> None:
        runs = self._services.runs
        self._guarded("charges that wait", runs.waiting_charges.end_with_their_approval)
        self._guarded("new cards", runs.new_cards.charge_due)

    def do_links(self) -> None:
        self._guarded("batches of links", self._make_links)
        self._guarded("pages of revoked links", self._end_pages)

    def do_link_ends(self) -> None:
        self._guarded("links that are done", self._services.link_ends.end_done)
        self._guarded("messages by rule", self._services.messages.rules.ask_due)

    def do_certificates(self) -> None:
        self._guarded("certificates", self._services.runs.certificates.certify_due)

    def do_mail(self) -> None:
        self._guarded("mail", self._send_mail)

    def do_backup(self) -> None:
        self._guarded("backup", self._backup)

    def do_anchor(self) -> None:
        self._guarded("anchor", self._services.audit.anchor_day)
        self._guarded("retention", self._services.retention.apply_due)

    def do_runs(self) -> None:
        """In several threads at once: each takes what no other has, by the lease."""
        self._guarded("charge runs", self._execute_runs)

    def _write_holds(self) -> None:
        self._services.holds.write_due(should_stop=self._stopping.is_set)

    def _execute_runs(self) -> None:
        for run_id in self._services.runs.executor.waiting():
            if self._stopping.is_set():
                return
            # One that fails must not keep the others waiting.
            self._guarded(f"charge run {run_id}", partial(self._execute, run_id))

    def _execute(self, run_id: str) -> None:
        self._services.runs.executor.execute(run_id, should_stop=self._stopping.is_set)

    def _make_links(self) -> None:
        self._services.link_batches.work_due(should_stop=self._stopping.is_set)

    def _end_pages(self) -> None:
        self._services.page_ends.end_due(should_stop=self._stopping.is_set)

    def _send_mail(self) -> None:
        self._services.messages.delivery.send_due(should_stop=self._stopping.is_set)

    def _backup(self) -> None:
        self._services.backups.look_through_file()
        self._services.backups.take_due(should_stop=self._stopping.is_set)

    def _rebuild(self) -> None:
        self._services.rebuilds.rebuild_due(should_stop=self._stopping.is_set)

    def _run(self, kind: str) -> None:
        self._services.sync.run_waiting(kind, should_stop=self._stopping.is_set)

    def _index(self) -> None:
        while self._services.search_index.index_some() and not self._stopping.is_set():
            # Others want the write lock, too.
            self._stopping.wait(_INDEX_PAUSE_SECONDS)

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._stopping.is_set():
            work()
            self._stopping.wait(pause)

    def _guarded(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            logger.exception("worker: %s failed (%s)", name, new_id("err"))

    def _work_through_inbox(self) -> None:
        """Batch after batch while more is due, but not for so long that settling waits."""
        until = time.monotonic() + INBOX_SECONDS
        while self._services.webhooks.process_due(should_stop=self._stopping.is_set):
            if self._stopping.is_set() or time.monotonic() > until:
                break
