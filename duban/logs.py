"""Logging: one line per event for people, one JSON object per line on request. Secrets never pass."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from duban.connectors.http import redact

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class _Redacting(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class _Json(_Redacting):
    """``ts`` is UTC with milliseconds; ``event`` a constant word; every extra value is a key of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "action", record.name),
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD and key != "action"}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False, default=str), self._secrets)


def start_logging(*, as_json: bool, secrets: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Send duban's own log to standard error; libraries only speak up when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter((_Json if as_json else _Redacting)(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("duban").setLevel(level)
