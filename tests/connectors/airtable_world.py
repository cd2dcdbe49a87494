"""What the tests of the Airtable connector share: a seeded service and a connector on it."""

from zoneinfo import ZoneInfo

from duban.connectors.airtable import AirtableConnector
from duban.connectors.limits import Pace
from duban.connectors.settings import AirtableSource, AirtableTable, Secret
from duban.sandbox.airtable import AirtableService

ZONE = ZoneInfo("Asia/Shanghai")


class Unlimited:
    """Slots that are always free, and that remember what was frozen."""

    def __init__(self):
        self.frozen = []

    def take(self, limit, hold):
        return 0, 0.0

    def release(self, limit, slot, after):
        pass

    def freeze(self, limit, seconds):
        self.frozen.append((limit.key, seconds))


class QuickPace(Pace):
    """A pace that never really sleeps, but remembers for how long it would have."""

    def __init__(self, slots=None):
        super().__init__(slots or Unlimited())
        self.slept = []

    def sleep(self, seconds):
        super().sleep(0)
        self.slept.append(seconds)


class World:
    """One base with one table of tasks, served; limits off unless a test turns them on."""

    def __init__(self):
        self.service = AirtableService()
        self.service.switches.limits = "off"
        self.token = self.service.add_token()
        self.base = self.service.add_base("Works")
        self.tasks = self.base.add_table(
            "Tasks",
            [
                ("Name", "singleLineText"), ("Status", "singleSelect", ["Todo", "Doing"]), ("Notes", "multilineText"),
                ("预警级别", "singleSelect", ["绿", "黄", "红"]), ("预警内容", "multilineText"),
                ("预警时间", "dateTime"), ("预警次数", "number"),
            ],
        )  # fmt: skip
        self.pace = QuickPace()
        self._connectors = []

    def connect(self, pace=None, tables=None, token=None, base=None):
        settings = AirtableSource(
            name="sales", tool="airtable", base_url=self.service.url, token=Secret(token or self.token),
            base=base or self.base.id,
            tables=tables or (AirtableTable(name="channel", table=self.tasks.id, holds="task"),),
        )  # fmt: skip
        self._connectors.append(AirtableConnector(settings, zone=ZONE, pace=pace or self.pace))
        return self._connectors[-1]

    def close(self):
        """Close every connector: a socket that is left open warns in somebody else's test."""
        for connector in self._connectors:
            connector.close()

    def column(self, heading):
        return self.tasks.field(heading).id

    def fill(self, count):
        return [self.tasks.add_row({"Name": f"row {number}", "Notes": f"note {number}"}) for number in range(count)]

    def writes(self):
        """Every PATCH that was answered, as (status, rows)."""
        return [(entry.status, len(entry.body["records"])) for entry in self.service.requests("PATCH")]


def rows_of(connector, table="channel"):
    schema = connector.describe(table)
    wanted = [column.id for column in schema.columns]
    return [row for page in connector.pull(table, schema, wanted) for row in page.rows]
