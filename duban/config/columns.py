"""One heading, one meaning: two fields in one column, and own columns that people fill in.

The second matters most: a cell of a human column is never written, whatever a file says (spec section 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from duban.config.mistakes import Place
from duban.config.words import TableData
from duban.connectors.headings import lexicon, normal
from duban.connectors.own import headings_of, own_of
from duban.errors import Problem
from duban.item import KINDS, Kind, OwnColumn, fields_of, own_columns


def heading_problems(table: TableData, names: Mapping[str, str], own: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the headings of a table that mean two things. ``names`` and ``own`` give the keys of its words."""
    fields = {kind: frozenset(field.key for field in fields_of(kind)) for kind in table.kinds}
    columns = {kind: frozenset(column.key for column in own_columns(kind)) for kind in table.kinds}
    yield from _shared(table, "columns", names, fields)
    yield from _shared(table, "writes", own, columns)
    human = _human_headings(table)
    yield from _waiver_columns(table)
    yield from _overwritten(table, names, own, human)
    yield from _claimed(table, own, human)


def _shared(
    table: TableData, part: str, names: Mapping[str, str], keys: Mapping[Kind, frozenset[str]]
) -> Iterator[Problem]:
    """Two fields of one kind cannot share a column; fields of different kinds in one table can."""
    seen: dict[tuple[Kind, str], str] = {}
    for name, heading in table.part(part).items():
        if not isinstance(heading, str):
            continue
        spots = [(kind, normal(heading)) for kind, members in keys.items() if names.get(name) in members]
        other = next((seen[spot] for spot in spots if spot in seen), None)
        if other:
            yield table.problem((part, name), f"{heading!r} is the column of {other!r} already; keep one of the two")
        seen.update(dict.fromkeys(spots, name))


def _waiver_columns(table: TableData) -> Iterator[Problem]:
    """Columns of an approved extension: of tasks only, and of nothing else."""
    claimed = table.part("waivers")
    if claimed and table.kinds != KINDS and "task" not in table.kinds:
        message = "only tasks have a due date to extend; take waivers out here"
        yield table.problem(("waivers",), message, on_key=True)
    taken = {normal(heading): f"columns: {name}" for name, heading in table.part("columns").items()
             if isinstance(heading, str)}  # fmt: skip
    for key, what in ((table.part("holds").get("column"), "holds"), (table.data.get("key"), "key")):
        if isinstance(key, str):
            taken[normal(key)] = what
    for name, heading in claimed.items():
        if not isinstance(heading, str):
            continue
        other = taken.setdefault(normal(heading), f"waivers: {name}")
        if other != f"waivers: {name}":
            yield table.problem(("waivers", name), f"{heading!r} is the column of {other} already; keep one of the two")


def _human_headings(table: TableData) -> dict[str, tuple[str, Place]]:
    """Return the headings that the file itself gives to people: normal form -> (what for, where it says so)."""
    said: list[tuple[object, str, Place]] = [
        (heading, f"columns: {name}", ("columns", name)) for name, heading in table.part("columns").items()
    ]
    said.append((table.part("holds").get("column"), "holds", ("holds", "column")))
    said.append((table.data.get("key"), "key", ("key",)))
    said += [
        (heading, f"waivers: {name}", ("waivers", name)) for name, heading in table.part("waivers").items()
    ]
    return {normal(heading): (what, place) for heading, what, place in said if isinstance(heading, str)}


def _overwritten(
    table: TableData, names: Mapping[str, str], own: Mapping[str, str], human: Mapping[str, tuple[str, Place]]
) -> Iterator[Problem]:
    """Own columns whose heading in ``writes:`` belongs to people or to another own column."""
    written = {own.get(name) for name in table.part("writes")}
    mapped = {names.get(name) for name in table.part("columns")}
    for name, heading in table.part("writes").items():
        if not isinstance(heading, str):
            continue
        form, reason = normal(heading), ""
        owner = default_owner(table.kinds, form)
        if form in human:
            reason = f"is also a mapped human column ({human[form][0]}); give the own column a name of its own"
        elif owner and owner.key not in {*written, own.get(name)}:
            reason = f"is the own column {owner.key!r} already; give this one another name"
        elif not owner and (field := _meaning(table.kinds, heading, mapped)):
            hint = f"choose another, or say columns: {{{field}: null}}"
            reason = f"is also a mapped human column: it means {field!r}; {hint}"
        if reason:
            yield table.problem(("writes", name), f"{heading!r} {reason}")


def _claimed(table: TableData, own: Mapping[str, str], human: Mapping[str, tuple[str, Place]]) -> Iterator[Problem]:
    """Human columns that carry the default name of an own column which ``writes:`` does not move away."""
    written = {own.get(name) for name in table.part("writes")}
    for form, (_, place) in human.items():
        owner = default_owner(table.kinds, form)
        if owner and owner.key not in written:
            hint = f"map another column, or say writes: {{{owner.key}: null}}"
            yield table.problem(place, f"this human column is also the own column {owner.key!r}; {hint}")


def default_owner(kinds: tuple[Kind, ...], form: str) -> OwnColumn | None:
    """Return the own column whose default name has this normal form, ``None`` when there is none or kinds are unknown.

    上报对象 and 上报时间 are human columns of a dispute table, in both languages (catalogue section 4).
    """
    for column in own_of(kinds) if kinds != KINDS else ():
        if form in map(normal, headings_of(column, kinds)):
            return column
    return None


def _meaning(kinds: tuple[Kind, ...], heading: str, mapped: set[str | None]) -> str | None:
    """Return the field that a heading would be mapped to by itself, unless ``columns:`` says otherwise of the field."""
    for kind in kinds if kinds != KINDS else ():
        read = {field.key for field in fields_of(kind) if field.type != "ignore"}
        hit = lexicon(kind).exact_match(heading)
        for key in hit.fields if hit else ():
            if key not in mapped and key in read:
                return key
    return None
