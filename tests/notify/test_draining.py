"""Draining: the order of marks, failures that hold up nobody, crashes at every step, and the log channel."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from outbox_contract import MINUTE, NOW, OutboxContract, message

from duban.connectors.limits import Pace
from duban.errors import AuthError, DubanError, Interrupted, OutcomeUnknown, Rejected, Unavailable
from duban.notify.channels import LogChannel
from duban.notify.message import Message
from duban.notify.outbox import MemoryOutbox, Outbox, back_off, drain


class TestMemoryOutbox(OutboxContract):
    def make(self) -> MemoryOutbox:
        return MemoryOutbox()

    def put(self, outbox: Outbox, *messages: Message) -> None:
        assert isinstance(outbox, MemoryOutbox)
        for each in messages:
            outbox.put(each)


class Chat:
    """A receiver that keeps what it got and refuses what it is told to refuse."""

    def __init__(self, name: str = "chat", refuse: Callable[[Message], DubanError | None] = lambda _: None) -> None:
        self.name, self.refuse = name, refuse
        self.asked: list[str] = []
        self.got: list[str] = []

    def send(self, message: Message) -> None:
        self.asked.append(message.key)
        if error := self.refuse(message):
            raise error
        self.got.append(message.key)


def filled(*keys: str) -> MemoryOutbox:
    outbox = MemoryOutbox()
    for key in keys:
        outbox.put(message(key))
    return outbox


def statuses(outbox: MemoryOutbox) -> dict[str, str]:
    return {key: kept.status for key, kept in outbox.kept.items()}


def test_everything_goes_out_once_and_in_order() -> None:
    outbox, chat = filled("a", "b", "c"), Chat()
    deliveries = drain(outbox, [chat], NOW, Pace())
    assert [(each.message.key, each.status, each.error) for each in deliveries] == [
        ("a", "sent", None), ("b", "sent", None), ("c", "sent", None)
    ]  # fmt: skip
    assert chat.got == ["a", "b", "c"]
    assert drain(outbox, [chat], NOW, Pace()) == []
    assert chat.got == ["a", "b", "c"]


def test_a_channel_sees_a_message_that_is_marked_as_being_sent() -> None:
    outbox = filled("a")
    seen = []

    def look(each: Message) -> None:
        seen.append(outbox.kept[each.key].status)

    drain(outbox, [Chat(refuse=look)], NOW, Pace())
    assert seen == ["sending"]
    assert statuses(outbox) == {"a": "sent"}


def test_a_refused_message_holds_up_nobody_and_waits_longer_each_time() -> None:
    outbox = filled("a", "b", "c")
    chat = Chat(refuse=lambda each: Rejected("the text is too long; shorten it") if each.key == "b" else None)
    now = NOW
    waits = []
    for _ in range(4):
        deliveries = drain(outbox, [chat], now, Pace())
        (failed,) = [each for each in deliveries if each.status == "failed"]
        assert failed.error == "chat: the text is too long; shorten it"
        assert failed.retry_at is not None
        waits.append((failed.retry_at - now) / MINUTE)
        assert drain(outbox, [chat], failed.retry_at - MINUTE / 60, Pace()) == []
        now = failed.retry_at
    assert waits == [1, 2, 4, 8]
    assert chat.got == ["a", "c"]
    chat.refuse = lambda _: None
    assert [each.status for each in drain(outbox, [chat], now, Pace())] == ["sent"]
    assert outbox.kept["b"].error is None
    assert back_off(1) == MINUTE
    assert back_off(10_000) == timedelta(hours=6)


@pytest.mark.parametrize("error", [AuthError("no right to post; grant it"), Unavailable("the chat is down")])
def test_a_channel_that_takes_nothing_is_asked_once_a_drain(error: DubanError) -> None:
    outbox, chat = filled("a", "b", "c"), Chat(refuse=lambda _: error)
    deliveries = drain(outbox, [chat], NOW, Pace())
    assert [each.status for each in deliveries] == ["failed", "queued", "queued"]
    assert all(each.error == f"chat: {error}" for each in deliveries)
    assert chat.asked == ["a"]
    assert [kept.attempts for kept in outbox.kept.values()] == [1, 0, 0]
    chat.refuse = lambda _: None
    drain(outbox, [chat], NOW + MINUTE, Pace())
    assert sorted(chat.got) == ["a", "b", "c"]


def test_channels_are_asked_in_order_until_one_takes_the_message() -> None:
    outbox = filled("a", "b")
    first = Chat("direct", refuse=lambda each: Rejected("nobody of these can be reached") if each.key == "a" else None)
    second = Chat("group")
    assert [each.status for each in drain(outbox, [first, second], NOW, Pace())] == ["sent", "sent"]
    assert (first.got, second.got) == (["b"], ["a"])


def test_an_unknown_outcome_is_repeated_later_and_not_through_another_channel() -> None:
    outbox = filled("a")
    first, second = Chat("direct", refuse=lambda _: OutcomeUnknown("no answer came")), Chat("group")
    assert [each.status for each in drain(outbox, [first, second], NOW, Pace())] == ["failed"]
    assert second.asked == []
    drain(outbox, [first, second], NOW + MINUTE, Pace())
    assert first.asked == ["a", "a"]


def test_without_a_channel_everything_stays_queued() -> None:
    outbox = filled("a")
    (delivery,) = drain(outbox, [], NOW, Pace())
    assert (delivery.status, delivery.error) == ("queued", "there is no channel to send by")
    assert outbox.kept["a"].attempts == 0


def test_a_wish_to_stop_takes_effect_between_two_messages() -> None:
    outbox, pace = filled("a", "b", "c"), Pace()

    def stop_after_b(each: Message) -> None:
        if each.key == "b":
            pace.stop.set()

    chat = Chat(refuse=stop_after_b)
    with pytest.raises(Interrupted):
        drain(outbox, [chat], NOW, pace)
    assert statuses(outbox) == {"a": "sent", "b": "sent", "c": "queued"}
    drain(outbox, [chat], NOW, Pace())
    assert chat.got == ["a", "b", "c"]


class Killed(BaseException):
    """The process is gone: nothing after this point was done."""


class Dying(MemoryOutbox):
    """An outbox whose process dies at one step, before or after the mark is durable."""

    def __init__(self, outbox: MemoryOutbox, dies_at: int) -> None:
        super().__init__(outbox.kept)
        self.steps = dies_at

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Killed

    def mark_sending(self, key: str, *, at: datetime) -> bool:
        self.step()
        waits = super().mark_sending(key, at=at)
        self.step()
        return waits

    def mark_sent(self, key: str, *, at: datetime) -> None:
        self.step()
        super().mark_sent(key, at=at)
        self.step()

    def mark_failed(self, key: str, error: str, *, retry_at: datetime | None = None) -> None:
        self.step()
        super().mark_failed(key, error, retry_at=retry_at)
        self.step()


def test_killed_at_every_step_nothing_is_lost_and_only_the_one_in_flight_is_repeated() -> None:
    repeats = 0
    for dies_at in range(16):
        outbox, chat = filled("a", "b", "c", "d"), Chat()
        try:
            drain(Dying(outbox, dies_at), [chat], NOW, Pace())
            died = False
        except Killed:
            died = True
        assert died
        drain(outbox, [chat], NOW + MINUTE, Pace())
        assert statuses(outbox) == dict.fromkeys("abcd", "sent")
        assert sorted(set(chat.got)) == ["a", "b", "c", "d"]
        assert len(chat.got) <= 5
        repeats += len(chat.got) - 4
    assert repeats == 4  # exactly where the channel had taken it and the mark was not yet durable


def test_random_refusals_and_crashes_end_with_everything_told() -> None:
    dice = random.Random(11)
    errors = [Rejected("no"), Unavailable("down"), AuthError("no right"), OutcomeUnknown("lost")]
    keys = [f"k{number}" for number in range(12)]
    for _ in range(100):
        outbox, chat = filled(*keys), Chat(refuse=lambda _: dice.choice(errors) if dice.random() < 0.3 else None)
        now, crashes = NOW, 0
        for _ in range(60):
            try:
                drain(Dying(outbox, dice.randrange(40)), [chat], now, Pace())
            except Killed:
                crashes += 1
            now += timedelta(hours=7)
        assert statuses(outbox) == dict.fromkeys(keys, "sent")
        assert len(chat.got) - len(keys) <= crashes


def test_the_log_channel_writes_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "duban.messages")
    outbox = filled("a")
    drain(outbox, [LogChannel()], NOW, Pace())
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("message_sent template=催办 rule=EXP-01 ref=rd/tasks/row a code=RD-a to=张磊 cc=徐洋 key=a ")
    assert line.endswith("title=标题 a")
    assert "\n" not in line
    assert (record.action, record.template, record.key) == ("message_sent", "催办", "a")  # type: ignore[attr-defined]
