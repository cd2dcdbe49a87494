"""One page ahead: while the caller works on a page, the next one is on its way.

A page's token is in the page before, so pages cannot be asked for side by side; but decoding cells and making items of
them need not wait for the service, nor it for them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(pages: Iterator[T]) -> Generator[T]:
    """Yield the same, fetched in a thread and one step early; an exception comes in its place among the pages.

    Closing the generator waits for the step that is under way.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, pages, _END)
        while (page := coming.result()) is not _END:
            coming = thread.submit(next, pages, _END)
            yield page  # type: ignore[misc]  # mypy does not narrow by identity with a sentinel object
