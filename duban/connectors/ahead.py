"""Pages that hang on each other's tokens, each asked for as early as possible.

A page's token is in the page before, so pages cannot be asked for side by side. But a request need not wait until the
answer before it is parsed, its cells are decoded and its rows are items: the token is looked up in the raw answer, the
next request leaves, and only then is this answer worked on. A token found in that way is a hint, the parsed answer
decides; a wrong hint costs one request, and the rest of the read goes without hints.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
Peek = Callable[[bytes], None]
Ask = Callable[["str | None", Peek], T]
AHEAD = 3  # pages that are on the way or wait for the reader
HEAD_START = 0.002  # seconds for the next request to leave: a parser keeps the interpreter for 10 ms and more


def pages_ahead(
    ask: Ask[T], following: Callable[[T], str | None], hint: Callable[[bytes], str | None]
) -> Generator[T]:
    """Yield the pages in order, beginning with that of the token ``None``.

    ``ask(token, peek)`` gets one page and calls ``peek`` with the raw answer before it parses it; ``following`` says
    which token a page names (``None``: it was the last), ``hint`` what it would say, seeing the raw answer alone.
    Exceptions of ``ask`` and ``following`` come where their page would have come. The next request leaves after the
    whole answer before has come, never earlier; closing the generator waits for it.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="pages-ahead") as pool:
        flights = _Flights(pool, ask, hint)
        token: str | None = None
        while True:
            page = flights.land(token)
            token = following(page)
            if token is not None:
                flights.start(token)
            yield page
            if token is None:
                return


class _Flights(Generic[T]):
    """The pages that were asked for and not yet taken."""

    def __init__(self, pool: ThreadPoolExecutor, ask: Ask[T], hint: Callable[[bytes], str | None]) -> None:
        self._pool, self._ask, self._hint = pool, ask, hint
        self._lock = threading.Lock()
        self._flying: dict[str | None, Future[T]] = {}
        self._asked: set[str | None] = set()
        self._hints = True

    def start(self, token: str | None) -> None:
        """Ask for the page that certainly follows, unless a hint has done so."""
        with self._lock:
            if token not in self._flying:
                self._hints = self._hints and not self._flying  # somebody else is on the way: the hint was wrong
                self._send(token)

    def land(self, token: str | None) -> T:
        """Wait for a page and take it."""
        self.start(token)
        page = self._flying[token].result()
        with self._lock:
            del self._flying[token]
        return page

    def _send(self, token: str | None) -> None:
        self._asked.add(token)
        self._flying[token] = self._pool.submit(self._ask, token, self._peek)

    def _peek(self, content: bytes) -> None:
        token = self._hint(content)
        with self._lock:
            if not token or not self._hints or token in self._asked or len(self._flying) >= AHEAD:
                return
            self._send(token)
        time.sleep(HEAD_START)
