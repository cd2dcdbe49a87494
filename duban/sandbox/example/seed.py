"""Putting a scenario into the three simulated services, with people, applications and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from duban.sandbox.airtable import AirtableService, SeededBase
from duban.sandbox.example.airtable import AirtablePlace
from duban.sandbox.example.feishu import FeishuPlace
from duban.sandbox.example.scenario import Scenario, Sheet, Tool
from duban.sandbox.example.teambition import TeambitionPlace
from duban.sandbox.feishu import Base, FeishuService
from duban.sandbox.server import Service
from duban.sandbox.teambition import TeambitionService

OPERATOR = "督办机器人"


class Place(Protocol):
    """One seeded table: ``records`` are the record ids by the rows' names."""

    sheet: Sheet
    records: dict[str, str]

    @property
    def address(self) -> Mapping[str, str]:
        """What the configuration says of this table."""
        ...

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        """Change cells as a person does."""
        ...

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the non-empty cells by record id and heading."""
        ...


@dataclass(frozen=True, slots=True)
class Keys:
    """The applications and tokens of the three services. They open nothing but the simulators of one process."""

    feishu_app: str
    feishu_secret: str
    teambition_app: str
    teambition_secret: str
    airtable_token: str


def new_keys() -> Keys:
    """Return fresh keys, in the vendors' forms."""
    token = f"pat{secrets.token_hex(7)}.{secrets.token_hex(32)}"
    some = secrets.token_hex
    return Keys(f"cli_{some(8)}", some(16), some(12), some(16), token)


@dataclass(frozen=True, slots=True)
class Seeded:
    """The three services with a scenario in them. ``people`` are the ids of everybody in the directory, by tool."""

    scenario: Scenario
    feishu: FeishuService
    teambition: TeambitionService
    airtable: AirtableService
    keys: Keys
    organization: str
    operator: str
    airtable_base: str
    places: Mapping[str, Place]
    people: Mapping[str, Mapping[str, str]]

    @property
    def services(self) -> Mapping[Tool, Service]:
        """The services by tool."""
        return {"feishu": self.feishu, "teambition": self.teambition, "airtable": self.airtable}

    def place_of(self, row: str) -> Place:
        """Return the table that a row of the scenario stands in; ``LookupError`` if there is none."""
        for place in self.places.values():
            if row in place.records:
                return place
        raise LookupError(f"there is no row {row}; rows are named as in the file, {self._some_names()}")

    def _some_names(self) -> str:
        names = [name for place in self.places.values() for name in place.records]
        return f"such as {names[0]}" if names else "and this one has none"

    def cells(self, row: str) -> dict[str, Any]:
        """Return a row's non-empty cells by heading, as people see them."""
        place = self.place_of(row)
        return place.rows()[place.records[row]]

    def edit(self, row: str, cells: Mapping[str, Any]) -> None:
        """Change a row's cells as a person does; values as in the file of rows."""
        place = self.place_of(row)
        place.edit(place.records[row], cells)


def seed(scenario: Scenario) -> Seeded:
    """Make the services and fill them; their clocks run from the scenario's moment."""
    keys, feishu, teambition, airtable = new_keys(), FeishuService(), TeambitionService(), AirtableService()
    if scenario.now is not None:
        for service in (feishu, teambition, airtable):
            service.clock.set(scenario.now.timestamp(), running=True)
    feishu.add_app(keys.feishu_app, keys.feishu_secret)
    organization = teambition.add_organization()
    teambition.add_app(keys.teambition_app, keys.teambition_secret)
    airtable.add_token(keys.airtable_token)
    operator = teambition.add_member(OPERATOR)
    numbered = enumerate(scenario.people(), 1)
    people = {name: _person(name, number, feishu, teambition, airtable) for number, name in numbered}
    places = dict(_places(scenario, feishu, teambition, airtable, operator))
    bases = [place.base.id for place in places.values() if isinstance(place, AirtablePlace)]
    return Seeded(
        scenario, feishu, teambition, airtable, keys, organization, operator, bases[0] if bases else "", places, people
    )


def _person(
    name: str, number: int, feishu: FeishuService, teambition: TeambitionService, airtable: AirtableService
) -> Mapping[str, str]:
    mail = f"p{number:02}@example.com"
    return {
        "feishu": feishu.add_person(name, email=mail).union_id, "teambition": teambition.add_member(name, email=mail),
        "airtable": airtable.add_user(name, mail).id, "email": mail,
    }  # fmt: skip


def _places(
    scenario: Scenario, feishu: FeishuService, teambition: TeambitionService, airtable: AirtableService, operator: str
) -> Iterator[tuple[str, Place]]:
    bases: dict[str, Base] = {}
    base: SeededBase | None = None
    for key, sheet in scenario.sheets.items():
        strangers = scenario.strangers(sheet)
        container = sheet.container.partition("/")[0].strip()
        if sheet.tool == "feishu":
            if container not in bases:
                bases[container] = feishu.add_base(container, time_zone=scenario.zone.key)
            yield key, FeishuPlace(scenario, sheet, bases[container])
        elif sheet.tool == "teambition":
            for name in strangers:
                teambition.add_member(name)
            yield key, TeambitionPlace(scenario, sheet, teambition, operator)
        else:
            for name in strangers:
                airtable.add_user(name)
            base = base or airtable.add_base(container)
            yield key, AirtablePlace(scenario, sheet, airtable, base)
