"""What the three simulated services share: a loopback HTTP server, a clock, faults, a delay and a journal.

A simulator subclasses :class:`Service` and answers :class:`Request` with :class:`Reply`. Headers and body leave in one
write with Nagle off: a standard-library server that writes them apart costs 40 ms per call (facts, all three sheets).
Control for tests and people: ``GET /_sandbox/journal``, ``POST /_sandbox/faults``, ``POST /_sandbox/clock``,
``POST /_sandbox/settings``, and whatever stands in ``controls``; what a service adds to these is in its own docstring.
Left out here: TLS, gzip, HTTP/2.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from duban.errors import DubanError

FaultKind = Literal[
    "drop", "drop_after", "hang", "html_502", "html_200", "empty", "truncate", "status", "body"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with the next matching request.

    ``drop`` closes the connection before the request is done, ``drop_after`` after it was applied, ``hang`` waits
    ``seconds`` and then drops, ``status``/``body`` answer without doing anything, ``truncate`` cuts a real answer.
    ``match`` is a part of ``METHOD path``; ``times`` how often it strikes; ``after`` how many matches pass before.
    """

    kind: FaultKind
    match: str = ""
    times: int = 1
    after: int = 0
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a simulator sees it. ``query`` keeps repeated keys in order; ``body`` is None when not JSON."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]  # lower-case names
    raw: bytes
    body: Any

    def param(self, name: str, default: str | None = None) -> str | None:
        """Return the last value of a query key."""
        found = default
        for key, value in self.query:
            if key == name:
                found = value
        return found

    def params(self, name: str) -> list[str]:
        """Return every value of a query key."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; a ``str`` or ``bytes`` body is sent as it is, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: what was asked, what was answered. ``at`` is the service's clock in seconds."""

    at: float
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Any
    status: int
    answer: Any
    fault: str | None = None


class Clock:
    """The service's own clock, in epoch seconds: it runs with the machine's until it is set or stopped."""

    def __init__(self) -> None:
        self._offset, self._frozen = 0.0, None

    _frozen: float | None

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def set(self, at: float, *, running: bool = False) -> None:
        """Set the clock; it stands still there unless ``running``."""
        self._frozen, self._offset = (None, at - time.time()) if running else (at, 0.0)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds


class Service:
    """One simulated service. Subclasses answer :meth:`handle`; state changes happen under :attr:`lock`.

    ``round_trip`` seconds are spent outside the lock for every request, half before and half after it is done.
    """

    name = "service"

    def __init__(self) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.journal: list[Entry] = []
        self.journal_enabled = True
        self.round_trip = 0.0
        self.controls: dict[str, Callable[[Any], Any]] = {}  # further actions under /_sandbox/: body in, answer out
        self._faults: deque[list[Any]] = deque()
        self._server: _Server | None = None

    # --- what a simulator implements

    def handle(self, request: Request) -> Reply:
        """Answer one request. Called under the lock."""
        raise LookupError(f"{self.name} answers nothing at {request.path}")

    def settings(self, changes: Mapping[str, Any]) -> None:
        """Change settings by name (``POST /_sandbox/settings``); an unknown name raises ``AttributeError``."""
        for key, value in changes.items():
            if not hasattr(self, key):
                raise AttributeError(f"{self.name} has no setting {key}")
            setattr(self, key, value)

    # --- control

    def fault(self, kind: FaultKind, match: str = "", **options: Any) -> None:
        """Queue one fault: ``service.fault("drop_after", "batch_update")``."""
        found = Fault(kind, match, **options)
        with self.lock:
            self._faults.append([found, found.times, found.after])

    def requests(self, match: str = "") -> list[Entry]:
        """Return the journal's entries whose ``METHOD path`` contains ``match``."""
        with self.lock:
            return [entry for entry in self.journal if match in f"{entry.method} {entry.path}"]

    # --- serving

    def start(self, port: int = 0) -> str:
        """Serve on loopback in a thread and return the base URL."""
        self._server = _Server(("127.0.0.1", port), self)
        name = f"sandbox-{self.name}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name=name, daemon=True).start()
        return self.url

    @property
    def url(self) -> str:
        """Return ``http://127.0.0.1:port``; only while serving."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop serving and close every connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- one request

    def answer(self, request: Request) -> tuple[Reply | None, Fault | None]:
        """Do one request: (reply, fault). No reply means that the connection is dropped."""
        if request.path.startswith("/_sandbox/"):
            return self._control(request), None
        time.sleep(self.round_trip / 2)
        with self.lock:
            fault = self._next_fault(f"{request.method} {request.path}")
            reply = self._faulty(request, fault) if fault else self.handle(request)
            if self.journal_enabled:
                self._write_down(request, reply, fault)
        if fault is not None and fault.seconds:
            time.sleep(fault.seconds)
        time.sleep(self.round_trip / 2)
        return reply, fault

    def _faulty(self, request: Request, fault: Fault) -> Reply | None:
        if fault.applied or fault.kind in {"drop_after", "truncate"}:
            done = self.handle(request)
            if fault.kind == "truncate":
                return done
        match fault.kind:
            case "drop" | "drop_after" | "hang":
                return None
            case "html_502":
                return Reply(502, "<html><body>502 Bad Gateway</body></html>", content_type="text/html")
            case "html_200":
                return Reply(200, "<html><body>sign in</body></html>", content_type="text/html")
            case "empty":
                return Reply(200, "")
            case _:
                return Reply(fault.status, fault.body, fault.headers)

    def _next_fault(self, line: str) -> Fault | None:
        for waiting in self._faults:
            fault: Fault = waiting[0]
            if fault.match not in line:
                continue
            if waiting[2] > 0:
                waiting[2] -= 1
                continue
            waiting[1] -= 1
            if waiting[1] <= 0:
                self._faults.remove(waiting)
            return fault
        return None

    def _write_down(self, request: Request, reply: Reply | None, fault: Fault | None) -> None:
        self.journal.append(
            Entry(
                self.clock.now(), request.method, request.path, request.query, request.headers, request.body,
                reply.status if reply else 0, reply.body if reply else None, fault.kind if fault else None,
            )
        )  # fmt: skip

    def _control(self, request: Request) -> Reply:
        action = request.path.removeprefix("/_sandbox/")
        with self.lock:
            if action == "journal":
                shown = ("at", "method", "path", "body", "status")
                return Reply(200, [{name: getattr(entry, name) for name in shown} for entry in self.journal])
            if action == "faults":
                for entry in request.body if isinstance(request.body, list) else [request.body]:
                    self.fault(**entry)
            elif action == "clock":
                self.clock.set(float(request.body["at"]), running=bool(request.body.get("running")))
            elif action == "settings":
                self.settings(request.body)
            elif action in self.controls:
                return self._controlled(action, request.body)
            else:
                return Reply(404, {"error": f"no control called {action}"})
        return Reply(200, {"ok": True})

    def _controlled(self, action: str, body: Any) -> Reply:
        try:
            return Reply(200, self.controls[action](body))
        except (LookupError, ValueError, TypeError, DubanError) as error:
            return Reply(400, {"error": str(error)})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection: clients keep it open, and it must not outlive the server."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that its handler is done with."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening, and end every connection that a client still holds."""
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Dropped connections are what this server is for; anything else is a bug worth a traceback."""
        import sys  # noqa: PLC0415 - only on the way down

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, OSError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one buffered write for headers and body
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        request = Request(
            self.command, unquote(parts.path), tuple(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()}, raw, body,
        )  # fmt: skip
        reply, fault = self.server.service.answer(request)
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = reply.encoded()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.kind == "truncate":
            content = content[: len(content) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing: the journal is the log."""


Handler = Callable[[Request], Reply]
