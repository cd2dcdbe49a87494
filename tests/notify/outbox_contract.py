"""What every outbox must keep, told as tests: subclass and say how to make one and how to put a message in."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from duban.item import Ref
from duban.notify.message import Message
from duban.notify.outbox import Outbox, message_of

NOW = datetime(2024, 7, 24, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
MINUTE = timedelta(minutes=1)


def message(key: str, source: str = "rd") -> Message:
    ref, to, cc = Ref(source, "tasks", f"row {key}"), ("张磊",), ("徐洋",)
    return Message("催办", "EXP-01", ref, f"RD-{key}", to, cc, key, f"标题 {key}", "正文\n第二行", "zh")


class OutboxContract:
    """Tests of :class:`duban.notify.outbox.Outbox`."""

    def make(self) -> Outbox:
        raise LookupError("say how to make an outbox")

    def put(self, outbox: Outbox, *messages: Message) -> None:
        """Queue messages, in this order, at NOW; known keys change nothing."""
        raise LookupError("say how to queue a message")

    def keys(self, outbox: Outbox, now: datetime = NOW, source: str | None = None) -> list[str]:
        return [waiting.key for waiting in outbox.pending_messages(now=now, source=source)]

    def test_what_is_put_in_comes_out_as_it_was(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"))
        (waiting,) = outbox.pending_messages(now=NOW)
        assert message_of(waiting) == message("a")
        assert waiting.attempts == 0

    def test_a_known_key_is_never_put_in_again(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"), message("b"))
        outbox.mark_sending("a", at=NOW)
        outbox.mark_sent("a", at=NOW)
        self.put(outbox, message("a"), message("b"))
        assert self.keys(outbox) == ["b"]

    def test_what_a_crash_left_half_sent_waits_again_with_its_attempt_counted(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"))
        assert outbox.mark_sending("a", at=NOW) is True
        (waiting,) = outbox.pending_messages(now=NOW)
        assert waiting.attempts == 1
        assert outbox.mark_sending("a", at=NOW) is True

    def test_sent_is_for_ever(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"))
        outbox.mark_sending("a", at=NOW)
        outbox.mark_sent("a", at=NOW)
        assert self.keys(outbox, NOW + timedelta(days=400)) == []
        assert outbox.mark_sending("a", at=NOW) is False

    def test_a_failure_waits_until_its_time(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"), message("b"))
        outbox.mark_sending("a", at=NOW)
        outbox.mark_failed("a", "the chat is closed", retry_at=NOW + 5 * MINUTE)
        assert self.keys(outbox) == ["b"]
        assert self.keys(outbox, NOW + 4 * MINUTE) == ["b"]
        assert sorted(self.keys(outbox, NOW + 5 * MINUTE)) == ["a", "b"]

    def test_one_source_at_a_time(self) -> None:
        outbox = self.make()
        self.put(outbox, message("a"), message("b", source="market"))
        assert self.keys(outbox, source="market") == ["b"]
        assert self.keys(outbox) == ["a", "b"]
