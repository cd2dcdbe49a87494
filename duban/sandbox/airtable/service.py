"""The simulated Airtable: who asks, what for, and which part answers (facts/airtable, section 14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from duban.sandbox.airtable import comments, schema, stored
from duban.sandbox.airtable.cells import Sight
from duban.sandbox.airtable.limits import Limiter
from duban.sandbox.airtable.listing import LONGEST_URL, Pages, from_body, from_query
from duban.sandbox.airtable.model import ROLES, SCOPES, Base, Row, State, Table, Token, User
from duban.sandbox.airtable.records import Records
from duban.sandbox.airtable.refusal import Refusal, no_access
from duban.sandbox.airtable.seed import SeededBase
from duban.sandbox.airtable.switches import Switches
from duban.sandbox.server import Reply, Request, Service

READ, WRITE = "data.records:read", "data.records:write"


class AirtableService(Service):
    """Airtable's Web API on loopback. Weak facts are :attr:`switches`; ``POST /_sandbox/settings`` takes their names,
    ``POST /_sandbox/expire`` kills all page iterators, ``GET /_sandbox/state`` dumps everything."""

    name = "airtable"

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.switches = Switches()
        self.state = State(self.clock, self.lock, seed)
        self.limiter = Limiter()
        self.pages = Pages(self.state, self.switches)
        self.owner = self.add_user("Owner", "owner@example.com")

    # --- seeding

    def add_user(self, name: str, email: str | None = None, user_id: str | None = None) -> User:
        """Add a person; every base knows every person."""
        with self.lock:
            new = user_id or self.state.ids.new("usr")
            user = User(new, name, email or f"{new.lower()}@example.com")
            self.state.users[new] = user
        return user

    def add_token(
        self,
        text: str | None = None,
        *,
        user: User | None = None,
        scopes: Iterable[str] = SCOPES,
        role: str = "create",
        roles: Mapping[str, str] | None = None,
    ) -> str:
        """Add an access token and return it. ``role`` (read, comment, edit, create) holds in every base, or give
        ``roles`` by base id for those that the token reaches."""
        with self.lock:
            if text is None:
                random = self.state.ids.random
                text = f"{self.state.ids.new('pat')}.{random.getrandbits(256):064x}"
            by_base = None if roles is None else dict(roles)
            self.state.tokens[text] = Token(text, user or self.owner, frozenset(scopes), role, by_base)
        return text

    def add_base(self, name: str, base_id: str | None = None) -> SeededBase:
        """Add an empty base and return its handle."""
        with self.lock:
            base = Base(base_id or self.state.ids.new("app"), name)
            self.state.bases[base.id] = base
        return SeededBase(self.state, base, self.owner)

    def base(self, name: str) -> SeededBase:
        """Return a base's handle by id or name; ``LookupError`` if there is none."""
        for base in self.state.bases.values():
            if name in {base.id, base.name}:
                return SeededBase(self.state, base, self.owner)
        raise LookupError(f"there is no base {name}")

    def expire_iterators(self) -> None:
        """Kill every page iterator, as a restart of the real service does."""
        with self.lock:
            self.pages.expire()

    def dump(self) -> dict[str, Any]:
        """Return the whole state as JSON data; :meth:`load` takes it back."""
        with self.lock:
            return stored.dump(self.state)

    def load(self, document: Mapping[str, Any]) -> None:
        """Take over a dumped state; ids stay."""
        with self.lock:
            stored.load(self.state, document)

    def settings(self, changes: Mapping[str, Any]) -> None:
        """Set switches, or attributes of the service (``round_trip``, ``journal_enabled``)."""
        for key, value in changes.items():
            if hasattr(self.switches, key):
                setattr(self.switches, key, value)
            else:
                super().settings({key: value})

    # --- one request

    def _control(self, request: Request) -> Reply:
        action = request.path.removeprefix("/_sandbox/")
        if action == "expire":
            self.expire_iterators()
            return Reply(200, {"ok": True})
        if action == "state":
            return Reply(200, self.dump())
        return super()._control(request)

    def handle(self, request: Request) -> Reply:
        """Answer one request of the Web API."""
        try:
            return self._answer(request)
        except Refusal as refusal:
            return refusal.reply

    def _answer(self, request: Request) -> Reply:
        _, found, path = request.path.partition("/v0/")
        if not found:
            raise Refusal(404, "NOT_FOUND", bare=True)
        token = self._token(request)
        parts = path.rstrip("/").split("/")
        meta = parts[0] == "meta"
        base_id = (parts[2] if len(parts) > 2 else None) if meta else parts[0]
        refused = self._too_fast(base_id, token) or (None if meta else self._spent())
        if refused is not None:
            return refused
        if request.raw and request.body is None:
            raise Refusal(400, "INVALID_REQUEST_BODY", "Could not parse request body")
        if meta:
            return self._meta(request, token, parts[1:])
        base = self._base(token, base_id)
        table, rest = self._table(base, path.rstrip("/").partition("/")[2])
        return self._records(request, token, base, table, rest)

    def _token(self, request: Request) -> Token:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise Refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        token = self.state.tokens.get(text.strip())
        if token is None:
            raise Refusal(401, "UNAUTHORIZED", "Invalid token")
        return token

    def _too_fast(self, base: str | None, token: Token) -> Reply | None:
        known = base if base in self.state.bases else None
        wait = self.limiter.admit(self.clock.now(), known, token.user.id, self.switches.limits)
        if not wait:
            return None
        name, message = "RATE_LIMIT_REACHED", "Rate limit exceeded. Please try again later"
        body: Any = {
            "object": {"error": {"type": name, "message": message}},
            "list": {"errors": [{"error": name, "message": message}]},
            "bare": {"error": name},
        }[self.switches.too_fast_body]
        return Reply(429, body, {"Retry-After": str(int(wait) + 1)} if self.switches.retry_after else {})

    def _spent(self) -> Reply | None:
        self.limiter.calls_this_month += 1
        cap = self.switches.monthly_calls
        if cap is None or self.limiter.calls_this_month <= cap:
            return None
        name = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
        return Reply(429, {"error": {"type": name, "message": "The monthly API limit of this workspace is reached"}})

    # --- who may do what

    def _base(self, token: Token, base_id: str | None, role: str = "read") -> Base:
        base = self.state.bases.get(base_id or "")
        if base is None or token.role_in(base.id) == "none":
            raise no_access()
        _require_role(token, base, role)
        return base

    def _table(self, base: Base, path: str) -> tuple[Table, str]:
        """Find the table that a path begins with: names may hold slashes, so the longest name wins."""
        best: tuple[Table, str] | None = None
        for table in base.tables.values():
            for name in (table.id, table.name):
                if path == name or path.startswith(f"{name}/"):
                    rest = path[len(name) + 1 :]
                    if best is None or len(rest) < len(best[1]):
                        best = table, rest
        if best is None:
            if self.switches.missing_table == 404:
                raise Refusal(404, "TABLE_NOT_FOUND", f"Could not find table {path.partition('/')[0]}")
            raise no_access()
        return best

    def _row(self, base: Base, table: Table, record: str, *, reading: bool = False) -> tuple[Table, Row]:
        if record in table.rows:
            return table, table.rows[record]
        if reading and self.switches.cross_table_get:
            for other in base.tables.values():
                if record in other.rows:
                    return other, other.rows[record]
        if self.switches.missing_record == 403:
            raise no_access()
        raise Refusal(404, "MODEL_ID_NOT_FOUND", "Record not found")

    # --- records

    def _records(self, request: Request, token: Token, base: Base, table: Table, rest: str) -> Reply:
        if request.method == "GET" and not rest:
            return self._page(request, token, base, table, *self._from_url(request))
        if request.method == "POST" and rest == "listRecords":
            return self._page(request, token, base, table, *from_body(request))
        record, _, below = rest.partition("/")
        if below.split("/")[0] == "comments":
            return self._comments(request, token, self._row(base, table, record)[1], base, below)
        if below:
            raise Refusal(404, "NOT_FOUND", bare=True)
        if request.method == "GET":
            _require(token, base, READ, "read")
            where, row = self._row(base, table, record, reading=True)
            by_id = request.param("returnFieldsByFieldId", "") in {"1", "true"}
            return Reply(200, Sight(self.state, base).record(where, row, by_id=by_id))
        _require(token, base, WRITE, "edit")
        records = Records(self.state, base, table, token.user.id, always_bump=self.switches.always_bump)
        return Reply(200, records.answer(request, self._row(base, table, record)[1] if record else None))

    def _from_url(self, request: Request) -> Any:
        # 414 is a guess: what the real service answers to too long a URL is not known.
        if len(quote(request.path)) + len(urlencode(request.query)) + len(self.url) >= LONGEST_URL:
            raise Refusal(414, "URI_TOO_LONG", "The URL is too long, use POST listRecords")
        return from_query(request)

    def _page(self, _: Request, token: Token, base: Base, table: Table, listing: Any, offset: str) -> Reply:
        _require(token, base, READ, "read")
        return Reply(200, self.pages.page(Sight(self.state, base), table, token.text, listing, offset))

    def _comments(self, request: Request, token: Token, row: Row, base: Base, below: str) -> Reply:
        reading = request.method == "GET"
        _require(token, base, f"data.recordComments:{'read' if reading else 'write'}", "read" if reading else "comment")
        return comments.answer(self.state, token, row, below.partition("/")[2] or None, request)

    # --- metadata

    def _meta(self, request: Request, token: Token, parts: list[str]) -> Reply:
        line = (request.method, len(parts))
        if parts == ["whoami"]:
            known = {"id": token.user.id, "scopes": sorted(token.scopes)}
            return Reply(200, known | ({"email": token.user.email} if "user.email:read" in token.scopes else {}))
        if not parts or parts[0] != "bases" or (len(parts) > 2 and parts[2] != "tables"):
            raise Refusal(404, "NOT_FOUND", bare=True)
        if line == ("GET", 1):
            _require_scope(token, "schema.bases:read")
            reach = [base for base in self.state.bases.values() if token.role_in(base.id) != "none"]
            listed = [{"id": base.id, "name": base.name, "permissionLevel": token.role_in(base.id)} for base in reach]
            return Reply(200, {"bases": listed})
        base = self._base(token, parts[1] if len(parts) > 1 else None)
        if line == ("GET", 3):
            _require_scope(token, "schema.bases:read")
            return Reply(200, schema.tables_json(base))
        return self._change_schema(request, token, base, parts[3:])

    def _change_schema(self, request: Request, token: Token, base: Base, parts: list[str]) -> Reply:
        _require(token, base, "schema.bases:write", "create")
        body = request.body if isinstance(request.body, dict) else {}
        line = (request.method, len(parts))
        if line == ("POST", 0):
            table = schema.new_table(self.state, base, str(body.get("name") or ""))
            table.description = body.get("description")
            try:
                for spec in body.get("fields") or []:
                    schema.new_field_by_api(self.state, base, table, spec)
            except Refusal:
                del base.tables[table.id]
                raise
            return Reply(200, schema.table_json(table))
        found = base.table(parts[0]) if parts else None
        if found is None or (len(parts) > 1 and parts[1] != "fields"):
            raise no_access()
        if line == ("PATCH", 1):
            found.name, found.description = body.get("name") or found.name, body.get("description", found.description)
            return Reply(200, schema.table_json(found))
        if line == ("POST", 2):
            return Reply(200, schema.new_field_by_api(self.state, base, found, body).json())
        field = found.fields.get(parts[2]) if len(parts) > 2 else None
        if field is None or line != ("PATCH", 3):
            raise no_access()
        if body.get("name"):
            schema.free_name(found, body["name"], but=field)
            field.name = body["name"]
        field.description = body.get("description", field.description)
        return Reply(200, field.json())


def _require_scope(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise no_access()


def _require_role(token: Token, base: Base, role: str) -> None:
    if ROLES.index(token.role_in(base.id)) < ROLES.index(role):
        raise Refusal(403, "INVALID_PERMISSIONS", f"You are not permitted to perform this operation in {base.name}")


def _require(token: Token, base: Base, scope: str, role: str) -> None:
    _require_scope(token, scope)
    _require_role(token, base, role)
