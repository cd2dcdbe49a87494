"""Sending what waits: what draining needs of the ledger, and the loop that drains it through channels.

The order of marks is the promise (see the package): *sending* before a channel sees the message, *sent* after one took
it. Each mark must be durable when its call returns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from duban.connectors.limits import Pace
from duban.errors import AuthError, DubanError, Interrupted, OutcomeUnknown, Unavailable
from duban.item import Ref
from duban.notify.channels import Channel
from duban.notify.message import Message

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)


class Waiting(Protocol):
    """A message as an outbox keeps it. ``text`` are the message's ``words``; ``attempts`` were begun before."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def template(self) -> str: ...  # noqa: D102
    @property
    def rule(self) -> str | None: ...  # noqa: D102
    @property
    def ref(self) -> Ref: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def to(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def cc(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def text(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102


class Outbox(Protocol):
    """What draining needs; the ledger has it. Times are aware."""

    def pending_messages(self, *, now: datetime, source: str | None = None) -> Sequence[Waiting]:
        """Return what is to be sent now, oldest first: never tried, failed with its next attempt at or before ``now``,
        or left as being sent by a run that died. ``source`` narrows it to rows of one source."""
        ...

    def mark_sending(self, key: str, *, at: datetime) -> bool:
        """Count an attempt, before it is made; false when the message no longer waits and must not be sent."""
        ...

    def mark_sent(self, key: str, *, at: datetime) -> None:
        """Note that the message being sent left; it never waits again."""
        ...

    def mark_failed(self, key: str, error: str, *, retry_at: datetime | None = None) -> None:
        """Note that the message being sent did not leave: it waits until ``retry_at``."""
        ...


class Delivery(NamedTuple):
    """What became of one message in one drain: ``queued`` means that it was not tried, ``error`` says why."""

    message: Message
    status: Literal["sent", "failed", "queued"]
    error: str | None = None
    retry_at: datetime | None = None


def drain(
    outbox: Outbox, channels: Sequence[Channel], now: datetime, pace: Pace, *, source: str | None = None,
    quiet: Collection[tuple[str, str]] = (),
) -> list[Delivery]:  # fmt: skip
    """Send every message that is due, and say what became of each.

    ``channels`` are asked in their order until one takes the message. An error costs only that message its turn; it
    waits longer after each. A channel that takes nothing now (``AuthError``, ``Unavailable``) is not asked again in
    this drain; when all are like that, the rest stays queued without an attempt. Rows of ``quiet`` tables, as
    (source, table), keep what waits: a table that went back to shadow mode sends nothing.
    Raises ``Interrupted`` between two messages when ``pace`` is told to stop; what was done is then recorded.
    """
    closed: dict[str, str] = {}  # channel -> why it takes nothing in this drain
    deliveries = []
    for waiting in outbox.pending_messages(now=now, source=source):
        pace.sleep(0)
        if (waiting.ref.source, waiting.ref.table) in quiet:
            continue
        open_channels = [channel for channel in channels if channel.name not in closed]
        if not open_channels:
            why = "; ".join(closed.values()) or "there is no channel to send by"
            deliveries.append(Delivery(message_of(waiting), "queued", why))
        elif outbox.mark_sending(waiting.key, at=now):
            deliveries.append(_deliver(outbox, waiting, open_channels, closed, now))
    return deliveries


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts: one minute, doubled each time, at most six hours."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 20)), _LONGEST_PAUSE)


def message_of(waiting: Waiting) -> Message:
    """Return the message that an outbox keeps."""
    text = waiting.text
    return Message(
        waiting.template, waiting.rule or "", waiting.ref, waiting.code, waiting.to, waiting.cc, waiting.key,
        text.get("title", waiting.template), text.get("body", ""), text.get("language", "zh"),
        tuple(text.get("esc", ())),
    )  # fmt: skip


def _deliver(
    outbox: Outbox, waiting: Waiting, channels: Sequence[Channel], closed: dict[str, str], now: datetime
) -> Delivery:
    message, errors = message_of(waiting), []
    for channel in channels:
        try:
            channel.send(message)
        except Interrupted:
            raise  # the message stays marked as being sent: it may have gone out, and the next run repeats it
        except DubanError as error:
            errors.append(f"{channel.name}: {error}")
            if isinstance(error, AuthError | Unavailable):
                closed[channel.name] = errors[-1]
            if isinstance(error, OutcomeUnknown):
                break  # another channel would perhaps be the second to tell
        else:
            outbox.mark_sent(message.key, at=now)
            return Delivery(message, "sent")
    why, retry_at = "; ".join(errors), now + back_off(waiting.attempts + 1)
    outbox.mark_failed(message.key, why, retry_at=retry_at)
    return Delivery(message, "failed", why, retry_at)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in :class:`MemoryOutbox`."""

    key: str
    template: str
    rule: str | None
    ref: Ref
    code: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    text: Mapping[str, Any]
    status: Literal["queued", "sending", "sent", "failed"] = "queued"
    attempts: int = 0
    error: str | None = None
    next_at: datetime | None = None


@dataclass
class MemoryOutbox:
    """An outbox of one process, for tests and for runs without a ledger; it keeps the contract of the ledger's."""

    kept: dict[str, Kept] = field(default_factory=dict)

    def put(self, message: Message) -> bool:
        """Queue a message; tell whether its key is new. A known key changes nothing."""
        if message.key in self.kept:
            return False
        self.kept[message.key] = Kept(
            message.key, message.template, message.rule, message.ref, message.code, message.to, message.cc,
            message.words,
        )  # fmt: skip
        return True

    def pending_messages(self, *, now: datetime, source: str | None = None) -> Sequence[Kept]:
        """See :class:`Outbox`."""
        return [
            kept
            for kept in self.kept.values()
            if kept.status in {"queued", "sending"}
            and (kept.next_at is None or kept.next_at <= now)
            and source in {None, kept.ref.source}
        ]

    def mark_sending(self, key: str, *, at: datetime) -> bool:  # noqa: ARG002 - the ledger stores when
        """See :class:`Outbox`."""
        kept = self.kept[key]
        if kept.status not in {"queued", "sending"}:
            return False
        self.kept[key] = replace(kept, status="sending", attempts=kept.attempts + 1, next_at=None)
        return True

    def mark_sent(self, key: str, *, at: datetime) -> None:  # noqa: ARG002
        """See :class:`Outbox`."""
        self.kept[key] = replace(self.kept[key], status="sent", error=None)

    def mark_failed(self, key: str, error: str, *, retry_at: datetime | None = None) -> None:
        """See :class:`Outbox`; without ``retry_at`` the message has failed for good."""
        status: Literal["queued", "failed"] = "failed" if retry_at is None else "queued"
        self.kept[key] = replace(self.kept[key], status=status, error=error, next_at=retry_at)
