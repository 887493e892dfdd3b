"""A tab without a browser: Streamlit's websocket, spoken as its own page does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

PATIENCE_SECONDS = 60
_ENDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
# From here on a run is over for everybody who listens.
_COMPILE_ERROR = ForwardMsg.FINISHED_WITH_COMPILE_ERROR


class Drawn:
    """What one run of the script sent."""

    def __init__(self, messages: list[ForwardMsg]) -> None:
        self.messages = messages
        sent = b"".join(message.SerializeToString() for message in messages)
        self.text = sent.decode("utf-8", "ignore")

    @property
    def headings(self) -> list[str]:
        elements = (one.delta.new_element for one in self.messages)
        return [one.heading.body for one in elements if one.WhichOneof("type") == "heading"]

    @property
    def errors(self) -> list[str]:
        elements = (one.delta.new_element for one in self.messages)
        return [one.alert.body for one in elements if one.WhichOneof("type") == "alert"]

    @property
    def exceptions(self) -> list[str]:
        elements = (one.delta.new_element for one in self.messages)
        return [one.exception.message for one in elements if one.WhichOneof("type") == "exception"]

    @property
    def buttons(self) -> dict[str, str]:
        """The ids of widgets by key."""
        elements = (one.delta.new_element for one in self.messages)
        ids = (one.button.id for one in elements if one.WhichOneof("type") == "button")
        # "$$ID-<hash>-<key>"
        return {one.split("-", 2)[2]: one for one in ids if one.count("-") >= 2}

    @property
    def sent_to(self) -> str:
        """Where the browser goes: `st.login` and `st.logout`."""
        urls = (one.auth_redirect.url for one in self.messages)
        return next(filter(None, urls), "")

    @property
    def signs_in(self) -> bool:
        return "sign_in_password" in self.text


class RawTab:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._pages: dict[str, str] = {}

    def visit(self, page: str, query: str = "", *, click: str | None = None) -> Drawn:
        """
        Args:
            page: the name in its address.
            click: the id of a button, whether the tab was ever shown it or not.
        """
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string = query
        rerun.page_name = page
        rerun.page_script_hash = self._pages.get(page, "")
        if click is not None:
            state = rerun.widget_states.widgets.add()
            state.id = click
            state.trigger_value = True
        self._connection.send(message.SerializeToString())
        return Drawn(list(self._until_it_is_drawn()))

    def _until_it_is_drawn(self) -> Iterator[ForwardMsg]:
        while True:
            received = self._connection.recv(timeout=PATIENCE_SECONDS)
            assert isinstance(received, bytes)
            message = ForwardMsg()
            message.ParseFromString(received)
            kind = message.WhichOneof("type")
            if kind == "navigation":
                for one in message.navigation.app_pages:
                    self._pages[one.url_pathname or "home"] = one.page_script_hash
            if kind in ("delta", "auth_redirect"):
                yield message
            if kind == "script_finished":
                assert message.script_finished != _COMPILE_ERROR
                if message.script_finished in _ENDED:
                    return


@contextmanager
def raw_tab(url: str, cookie: str | None, *, xsrf: str = "") -> Iterator[RawTab]:
    """
    Args:
        cookie: as a browser would send it.
        xsrf: the cookie of that name, which a page of ours sends once more.
    """
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)
    with connect(
        f"ws://{parts.netloc}/_stcore/stream",
        sock=connection,
        origin=url,
        subprotocols=["streamlit", *filter(None, [xsrf])],  # type: ignore[list-item]
        additional_headers={"Cookie": cookie} if cookie else {},
        max_size=None,
    ) as opened:
        yield RawTab(opened)
