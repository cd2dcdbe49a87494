"""Which column of a table holds which field: the automatic mapping and what the configuration overrules.

In: the table's columns from the tool's metadata (``Schema``) and what duban.yaml says of it (``settings.Table``).
Out: one :class:`TableMapping`. Nothing is ever guessed: where two columns or two fields compete the field stays
unmapped and the mapping holds a question for the admin (CFG-01). Catalogue section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from duban.connectors.base import Column, Schema
from duban.connectors.headings import normal, raci_role
from duban.connectors.matching import Found, Matcher, Question
from duban.connectors.own import exactly_human, find_own, own_names
from duban.connectors.settings import HoldsByColumn, Table
from duban.item import KINDS, Kind, fields_of, item_type_field
from duban.yamlfile import nearest

# A built-in column that is no field: whether the tool itself calls the task done (statuses.yaml, tool_notes).
DONE = "is_done"


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table is read and written.

    ``fields`` are the mapped columns per kind and field key; ``own`` duban's columns by own key. ``defaults`` are the
    raw values for fields that the table has no column for; they count as mapped. ``unmapped`` and ``missing_own``
    follow the order of the guide. ``raci_slips`` are headings that join 咨询 with I or 知会 with C (RAC-05).
    ``kind_values`` is how the configuration reads ``kind_column``. ``problems`` are sentences about the table's
    configuration that does not fit its columns; they stop nothing. ``how`` has one entry per use of a column.
    ``waiver`` are the columns of an approved extension, by the keys of ``waivers:``.
    """

    kinds: tuple[Kind, ...]
    fields: Mapping[Kind, Mapping[str, Column]]
    own: Mapping[str, Column]
    defaults: Mapping[str, Any]
    unmapped: tuple[str, ...]
    missing_own: tuple[str, ...]
    questions: tuple[Question, ...]
    problems: tuple[str, ...]
    raci_slips: tuple[str, ...]
    how: tuple[Found, ...]
    kind_column: Column | None = None
    kind_values: Mapping[str, Kind] | None = None
    done: Column | None = None
    waiver: Mapping[str, Column] = field(default_factory=dict)

    def mapped(self, kind: Kind) -> frozenset[str]:
        """Return the fields of a kind that this table can answer, by a column or by a default."""
        known = {field.key for field in fields_of(kind)}
        return frozenset(self.fields.get(kind, {})) | (known & self.defaults.keys())

    @property
    def ignored(self) -> tuple[str, ...]:
        """The headings that are recognised and never read (``type: ignore``)."""
        return tuple(found.column.name for found in self.how if found.why == "ignored")


def wanted_columns(mapping: TableMapping) -> tuple[str, ...]:
    """Return the ids of the columns that a read must ask for: mapped, own, and the one that tells the kind."""
    wanted = [column for fields in mapping.fields.values() for column in fields.values()]
    wanted += mapping.own.values()
    wanted += mapping.waiver.values()
    wanted += [column for column in (mapping.kind_column, mapping.done) if column is not None]
    return tuple(dict.fromkeys(column.id for column in wanted))


def kinds_of(table: Table) -> tuple[Kind, ...]:
    """Return the kinds that a table holds, in the guide's order."""
    if isinstance(table.holds, HoldsByColumn):
        return tuple(kind for kind in KINDS if kind in set(table.holds.values.values()))
    return (table.holds,)


def map_columns(
    table: Table, schema: Schema, before: Mapping[str, Mapping[str, str]] | None = None
) -> TableMapping:
    """Map a table's columns. Raises ``ConfigError`` when an own column is also a mapped human column.

    ``before`` is :func:`column_ids` of the mapping by which the table was last read: a column that was renamed since,
    to a heading that says nothing, goes on holding its field.
    """
    return _Mapper(table, schema).mapping(before or {})


def column_ids(mapping: TableMapping) -> dict[str, dict[str, str]]:
    """Return kind -> field -> id of its column: what a later mapping needs to know a renamed column again."""
    return {kind: {key: column.id for key, column in fields.items()} for kind, fields in mapping.fields.items()}


def find_column(columns: Iterable[Column], wanted: str) -> Column | None:
    """Return the column that a configuration names: by id, by heading, or by its normal form if only one fits."""
    columns = tuple(columns)
    for column in columns:
        if wanted in {column.id, column.name}:
            return column
    alike = [column for column in columns if normal(column.name) == normal(wanted)]
    return alike[0] if len(alike) == 1 else None


class _Mapper:
    """Collects the parts of one mapping; used once."""

    def __init__(self, table: Table, schema: Schema) -> None:
        self.table, self.columns, self.kinds = table, schema.columns, kinds_of(table)
        self.problems: list[str] = []
        self.matcher = Matcher(self.kinds, self.columns)

    def mapping(self, before: Mapping[str, Mapping[str, str]]) -> TableMapping:
        kind_column, kind_values = self._kind_column()
        configured = self._configured()
        reserved = {column.id for column in configured.values() if column is not None}
        if kind_column is not None:
            self.matcher.note(kind_column, item_type_field().key, "kind")
            reserved.add(kind_column.id)
        waiver = self._waiver()
        reserved |= {column.id for column in waiver.values()}
        reserved |= self._named_own()
        human = [column for column in self.columns if normal(column.name) not in own_names(self.kinds)]
        fields = self.matcher.match(configured, [column for column in human if column.id not in reserved])
        taken = {column.id: key for mapped in fields.values() for key, column in mapped.items()}
        if kind_column is not None:
            taken[kind_column.id] = item_type_field().key
        taken |= {column.id: f"waivers: {key}" for key, column in waiver.items()}
        own = find_own(self.table, self.kinds, self.columns, taken)
        for key, column in own.columns.items():
            self.matcher.note(column, key, "own")
        fields = {kind: self._with_renamed(kind, fields[kind], configured, before.get(kind, {})) for kind in fields}
        defaults = self._defaults(fields)
        return TableMapping(
            kinds=self.kinds,
            fields=MappingProxyType(fields),
            own=MappingProxyType(dict(own.columns)),
            defaults=MappingProxyType(defaults),
            unmapped=self._unmapped(fields, defaults),
            missing_own=own.missing,
            questions=tuple(self.matcher.questions),
            problems=(*self.problems, *own.problems),
            raci_slips=self._slips(fields),
            how=self.matcher.how(),
            kind_column=kind_column,
            kind_values=kind_values,
            done=next((column for column in self.columns if column.field == DONE), None),
            waiver=MappingProxyType(waiver),
        )

    def _with_renamed(
        self,
        kind: Kind,
        mapped: Mapping[str, Column],
        configured: Mapping[str, Column | None],
        before: Mapping[str, str],
    ) -> Mapping[str, Column]:
        """Return a kind's fields with those whose column has the same id as before and a new, unknown heading.

        Own columns are not sought like this: what a person has renamed may be his by now, and we would write there.
        """
        found = dict(mapped)
        by_id = {column.id: column for column in self.columns if column.id != column.name}
        for key, id_ in before.items():
            column = by_id.get(id_)
            if key in found or key in configured or column is None or self.matcher.noted(column):
                continue
            found[key] = column
            self.matcher.note(column, key, "renamed")
            self.problems.append(
                f"the column {column.name!r} has a new name and is still read as {key}; "
                f"write columns: {{{key}: {column.name}}} to keep it so"
            )
        return MappingProxyType({field.key: found[field.key] for field in fields_of(kind) if field.key in found})

    # --- what the configuration says

    def _kind_column(self) -> tuple[Column | None, Mapping[str, Kind] | None]:
        holds = self.table.holds
        if not isinstance(holds, HoldsByColumn):
            return None, None
        column = find_column(self.columns, holds.column)
        if column is None:
            hint = self._like(holds.column)
            self.problems.append(f"holds names the column {holds.column!r}, which the table does not have{hint}")
        return column, holds.values

    def _waiver(self) -> dict[str, Column]:
        """Return the columns that ``waivers:`` claims: before the automatic mapping, or 延期至 would be new_due."""
        said = {} if self.table.waivers is None else self.table.waivers.model_dump(exclude_none=True)
        answer: dict[str, Column] = {}
        for key, heading in said.items():
            column = find_column(self.columns, heading)
            if column is None:
                hint = self._like(heading)
                self.problems.append(f"waivers names the column {heading!r}, which the table does not have{hint}")
                continue
            answer[key] = column
            self.matcher.note(column, f"waivers.{key}", "waiver")
        return answer

    def _named_own(self) -> set[str]:
        """Return the columns that ``writes:`` claims and that no human field names outright."""
        named = [find_column(self.columns, heading) for heading in self.table.writes.values() if heading is not None]
        return {
            column.id for column in named if column is not None and not exactly_human(self.table, self.kinds, column)
        }

    def _configured(self) -> dict[str, Column | None]:
        """Return what ``columns:`` says: field key -> column, ``None`` where the table has none."""
        answer: dict[str, Column | None] = {}
        for name, heading in self.table.columns.items():
            key = self._field_key(name, "columns")
            if key is None:
                continue
            column = None if heading is None else find_column(self.columns, heading)
            if heading is not None and column is None:
                self.problems.append(
                    f"columns maps {name} to {heading!r}, which the table does not have{self._like(heading)}"
                )
                continue
            answer[key] = column
            if column is not None:
                self.matcher.note(column, key, "configured")
        return answer

    def _field_key(self, name: str, where: str) -> str | None:
        known = {field.key: field for kind in self.kinds for field in fields_of(kind) if field.type != "ignore"}
        if name in known:
            return name
        for key, entry in known.items():
            if name == entry.zh:
                return key
        close = nearest(name, known)
        hint = f"; did you mean {close}?" if close else ""
        self.problems.append(f"{where} names the field {name!r}, which {' and '.join(self.kinds)} do not have{hint}")
        return None

    def _defaults(self, fields: Mapping[Kind, Mapping[str, Column]]) -> dict[str, Any]:
        by_column = {key for mapped in fields.values() for key in mapped}
        keyed = {self._field_key(name, "defaults"): value for name, value in self.table.defaults.items()}
        return {key: value for key, value in keyed.items() if key is not None and key not in by_column}

    def _like(self, heading: str) -> str:
        close = nearest(heading, [column.name for column in self.columns])
        return f"; did you mean {close!r}?" if close else ""

    def _unmapped(self, fields: Mapping[Kind, Mapping[str, Column]], defaults: Mapping[str, Any]) -> tuple[str, ...]:
        missing = (
            field.key
            for kind in self.kinds
            for field in fields_of(kind)
            if field.type != "ignore" and field.key not in fields[kind] and field.key not in defaults
        )
        return tuple(dict.fromkeys(missing))

    def _slips(self, fields: Mapping[Kind, Mapping[str, Column]]) -> tuple[str, ...]:
        tasks = fields.get("task", {})
        roles = {tasks[key].name: raci_role(tasks[key].name) for key in ("consulted", "informed") if key in tasks}
        return tuple(heading for heading, role in roles.items() if role is not None and role.slip)
