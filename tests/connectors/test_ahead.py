"""Pages ahead of their reader: in order, each asked for once, never too far ahead, whatever the hints say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from duban.connectors.ahead import AHEAD, Peek, pages_ahead

LAST = 7


class Service:
    """Page n names the token n + 1; the raw answer is the token as bytes."""

    def __init__(self, hint: Callable[[int], str | None] = lambda number: f"t{number + 1}") -> None:
        self.asked: list[str | None] = []
        self.moved = threading.Condition()
        self._hint = hint

    def ask(self, token: str | None, peek: Peek) -> int:
        number = int(token[1:]) if token else 0
        with self.moved:
            self.asked.append(token)
            self.moved.notify_all()
        peek((self._hint(number) or "").encode() if number < LAST else b"")
        return number

    def following(self, number: int) -> str | None:
        return f"t{number + 1}" if number < LAST else None

    def pages(self) -> Iterator[int]:
        return pages_ahead(self.ask, self.following, lambda content: content.decode() or None)


TOKENS = [None, *(f"t{number}" for number in range(1, LAST + 1))]


@pytest.mark.parametrize("hint", [lambda number: f"t{number + 1}", lambda _: None], ids=["right", "none"])
def test_every_page_comes_once_and_in_order(hint: Callable[[int], str | None]) -> None:
    service = Service(hint)
    assert list(service.pages()) == list(range(LAST + 1))
    assert service.asked == TOKENS


def test_the_next_request_does_not_wait_for_the_reader() -> None:
    service = Service()
    pages = service.pages()
    assert next(pages) == 0
    with service.moved:  # the reader stands still; the service is asked for what follows all the same
        assert service.moved.wait_for(lambda: len(service.asked) > 1, timeout=5)
    assert list(pages) == list(range(1, LAST + 1))


def test_it_is_never_more_than_a_few_pages_ahead() -> None:
    service = Service()
    for taken, number in enumerate(service.pages(), 1):
        assert number == taken - 1
        assert len(service.asked) <= taken + AHEAD


def test_a_wrong_hint_costs_one_request_and_ends_the_hints() -> None:
    service = Service(lambda number: "t900" if number == 1 else f"t{number + 1}")
    assert list(service.pages()) == list(range(LAST + 1))
    assert service.asked.count("t900") == 1
    assert sorted(service.asked, key=str) == sorted([*TOKENS, "t900"], key=str)


def test_a_hint_at_a_later_page_repeats_nothing() -> None:
    service = Service(lambda number: "t5" if number == 1 else f"t{number + 1}")
    assert list(service.pages()) == list(range(LAST + 1))
    assert sorted(service.asked, key=str) == sorted(TOKENS, key=str)


def test_an_error_comes_in_its_place() -> None:
    service = Service()

    def ask(token: str | None, peek: Peek) -> int:
        number = service.ask(token, peek)
        if number == 3:
            raise ValueError("page 3")
        return number

    pages = pages_ahead(ask, service.following, lambda content: content.decode() or None)
    assert [next(pages), next(pages), next(pages)] == [0, 1, 2]
    with pytest.raises(ValueError, match="page 3"):
        next(pages)


def test_a_reader_who_leaves_ends_the_reading() -> None:
    service = Service()
    pages = service.pages()
    next(pages)
    pages.close()
    asked = list(service.asked)
    assert len(asked) <= 1 + AHEAD
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pages-ahead")]
