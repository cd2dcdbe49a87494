"""HTTP for the connectors: one pooled session, one retry policy, one place where secrets are taken out of texts.

No library below retries: urllib3's retries are off, redirects are refused, every request has a timeout. ``requests``
would take credentials from a netrc file over our own header (facts/feishu-bitable section 10), so the environment is
not trusted except for its proxies.
"""

from __future__ import annotations

import json as json_module
import os
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import requests
from pydantic_core import from_json
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from duban import __version__
from duban.connectors.base import Traffic
from duban.connectors.limits import Limit, Pace
from duban.errors import ConnectorError, OutcomeUnknown, Rejected, Unavailable

T = TypeVar("T")
_COUNTING = threading.Lock()
TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two bytes of the answer
ATTEMPTS = 5


class Answer(NamedTuple):
    """One HTTP answer. ``body`` is the decoded JSON, ``None`` when it is not JSON at all."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


class Transient(ConnectorError):
    """Worth repeating as it is: ``wait`` seconds if the vendor named them, else with growing pauses.

    ``unknown`` marks a write that may have been done although no good answer came.
    """

    def __init__(self, message: str, *, wait: float | None = None, unknown: bool = False) -> None:
        super().__init__(message)
        self.wait, self.unknown = wait, unknown


_PATTERNS = (
    re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"()\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    re.compile(r"(/hook/)[A-Za-z0-9-]+"),
    re.compile(r"()\b[tu]-[A-Za-z0-9_.-]{16,}"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without secrets: the given ones, and everything that looks like a token."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text


def pooled_session() -> requests.Session:
    """Return a session that keeps connections, never retries and takes nothing but proxies from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=16, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = f"duban/{__version__}"
    return session


def transport_error(error: requests.RequestException, *, writing: bool) -> Transient:
    """Sort a failure below HTTP: never sent, or sent with the answer lost."""
    never_sent = isinstance(error, requests.ConnectTimeout) or "Failed to establish a new connection" in str(error)
    what = "could not be reached" if never_sent else "did not answer"
    return Transient(f"the server {what} ({type(error).__name__})", unknown=writing and not never_sent)


def with_retries(
    attempt: Callable[[], T], *, pace: Pace, traffic: Traffic, repeat_unknown: bool = False, attempts: int = ATTEMPTS
) -> T:
    """Call ``attempt`` until it does not raise :class:`Transient`.

    A write whose outcome is unknown is repeated only where ``repeat_unknown`` says that repeating is harmless, else
    ``OutcomeUnknown`` is raised at once. Raises ``Unavailable`` (or ``OutcomeUnknown``) after the last attempt.
    """

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Transient) and error.wait is not None:
            return error.wait + random.uniform(0, 0.25)  # noqa: S311 - jitter, not a secret
        return min(30.0, 0.5 * 2.0 ** (state.attempt_number - 1)) * random.uniform(0.75, 1.25)  # noqa: S311

    def count(_: RetryCallState) -> None:
        with _COUNTING:
            traffic.retried += 1

    def guarded() -> T:
        try:
            return attempt()
        except Transient as error:
            if error.unknown and not repeat_unknown:
                raise OutcomeUnknown(str(error)) from error
            raise

    policy = Retrying(
        retry=retry_if_exception_type(Transient),
        stop=stop_after_attempt(attempts),
        wait=wait,
        sleep=pace.sleep,
        before_sleep=count,
        reraise=True,
    )
    try:
        return policy(guarded)
    except Transient as error:
        raise (OutcomeUnknown if error.unknown else Unavailable)(str(error)) from error


class Http:
    """One vendor's HTTP: base address, headers, limits, counting, redaction. Thread-safe.

    ``headers`` is called before each request, so that a token can be renewed; ``secrets`` are taken out of every text
    that leaves this class. ``judge`` turns an answer into its result: it returns the result, or raises
    :class:`Transient`, ``Rejected``, ``AuthError`` - the vendor's table of codes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Callable[[], Mapping[str, str]],
        judge: Callable[[Answer, bool], T],
        pace: Pace,
        traffic: Traffic,
        secrets: Sequence[str] = (),
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self.base_url, self.pace, self.traffic = base_url.rstrip("/"), pace, traffic
        self._headers, self._judge, self._secrets, self._timeout = headers, judge, tuple(secrets), timeout
        self._session = pooled_session()
        self._proxies = get_environ_proxies(self.base_url)  # a fifth of a millisecond, so once and not per request
        self._counting = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        *,
        kind: Literal["read", "write"],
        limits: Sequence[Limit] = (),
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        repeat_unknown: bool | None = None,
        peek: Callable[[bytes], None] | None = None,
        gist: Callable[[bytes], Any] | None = None,
    ) -> Any:
        """Send one request until it is answered, and return what ``judge`` makes of the answer.

        Reads repeat freely; writes whose outcome is unknown repeat only with ``repeat_unknown`` (absolute values).
        ``peek`` sees every raw answer as soon as it is there, before it is parsed. ``gist`` may return what counts in
        a raw answer with status 200, so that the rest of it is not parsed; ``None`` parses it. ``json`` may be the
        bytes that :func:`json_body` has made of it.
        """
        body = json if json is None or isinstance(json, bytes) else json_body(json)

        def attempt() -> Any:
            status, headers, content = self._send(method, path, kind, limits, params, body)
            if peek is not None:
                peek(content)
            text = content.decode("utf-8", "replace") if status >= 300 else ""
            known = gist(content) if gist is not None and status == 200 else None
            return self._judge(Answer(status, headers, known or decoded(content), text), kind == "write")

        repeat = kind == "read" if repeat_unknown is None else repeat_unknown
        try:
            return with_retries(attempt, pace=self.pace, traffic=self.traffic, repeat_unknown=repeat)
        except ConnectorError as error:
            error.args = (redact(str(error), self._secrets),)
            raise

    def _send(
        self, method: str, path: str, kind: Literal["read", "write"], limits: Sequence[Limit], params: Any,
        body: bytes | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = self.base_url + path
        headers = dict(self._headers())
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        try:
            with self.pace.request(limits):
                with self._counting:
                    setattr(self.traffic, kind, getattr(self.traffic, kind) + 1)
                return self._exchange(method, url, headers, params, body)
        except requests.exceptions.InvalidURL as error:
            raise Rejected(f"the request cannot be sent: {error}") from error
        except requests.RequestException as error:
            raise transport_error(error, writing=kind == "write") from error

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], params: Any, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        session = self._session
        prepared = session.prepare_request(requests.Request(method, url, params=params, data=body, headers=headers))
        with session.send(  # not session.request: that looks for settings of the environment each time
            prepared, timeout=self._timeout, stream=True, allow_redirects=False, proxies=self._proxies,
            verify=session.verify, cert=None,
        ) as reply:  # fmt: skip
            # In one piece: requests' own 10 KiB pieces cost a page of 2 MB 230 fights for the interpreter's lock.
            return reply.status_code, reply.headers, b"".join(reply.iter_content(None))

    def close(self) -> None:
        """Give the pooled connections back."""
        self._session.close()


def json_body(value: Any) -> bytes:
    """Return a request's JSON. Texts stay UTF-8, half the size of escapes; half a surrogate pair needs the escape.

    Raises ``Rejected`` for what JSON has no form for (NaN).
    """
    try:
        return json_module.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json_module.dumps(value, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise Rejected(f"the request cannot be sent: {error}") from error


def decoded(content: bytes) -> Any:
    """Return an answer's JSON, ``None`` when it is none. pydantic's parser takes half the time of the library's, which
    stays for what it refuses: a byte order mark, half a surrogate pair, broken UTF-8 inside a text."""
    try:
        return from_json(content)
    except ValueError:
        pass
    try:
        return json_module.loads(content.decode("utf-8-sig", "replace"))
    except ValueError:
        return None
