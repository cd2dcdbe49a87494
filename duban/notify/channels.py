"""The ways out for messages: the contract, and the log.

A channel takes one message at a time. It keeps its service's limits itself and uses ``message.key`` to drop repeats
where the service can do that; whether and when to try again is decided by ``outbox`` alone.
"""

from __future__ import annotations

import logging
from typing import Protocol

from duban.notify.message import Message


class Channel(Protocol):
    """One way to reach people. ``name`` is what the ledger remembers deliveries by: it never changes."""

    @property
    def name(self) -> str:
        """The channel's lasting name."""
        ...

    def send(self, message: Message) -> None:
        """Deliver one message; returning means that the channel took it.

        Raises ``Rejected`` for a message that this channel does not take, ``AuthError`` or ``Unavailable`` when it
        takes none at all now, ``OutcomeUnknown`` when the message may have gone out; each with a sentence for people.
        """
        ...


class LogChannel:
    """Writes one line per message through ``logging``: for shadow runs, tests, and teams without a chat to post to.

    The line begins with the action word ``message_sent``; a formatter that writes JSON finds its parts as attributes
    of the record.
    """

    name = "log"

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("duban.messages")

    def send(self, message: Message) -> None:
        """Write the line; only the title is shown, a line break in it becomes a space."""
        to, cc, esc = (",".join(names) for names in (message.to, message.cc, message.esc))
        parts = {
            "action": "message_sent", "template": message.template, "rule": message.rule, "ref": str(message.ref),
            "code": message.code, "to": to, "cc": cc, "esc": esc, "key": message.key,
            "title": " ".join(message.title.split()),
        }  # fmt: skip
        line = " ".join(f"{name}={text}" for name, text in parts.items() if text and name not in {"action", "title"})
        self._logger.info("message_sent %s title=%s", line, parts["title"], extra=parts)
