"""Every fact about Airtable that is weak, as a switch: the default is the likelier or the harsher reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duban.sandbox.airtable.limits import LimitMode


@dataclass(slots=True)
class Switches:
    """How the simulator behaves where the facts are weak (facts/airtable section 16).

    * ``limits``: ``strict``, ``soft`` or ``off``. The windows run on the service's clock: a clock that stands still
      never frees them, so set it running or the limits off.
    * ``too_fast_body``: the 429 body: an ``object``, a ``list`` under "errors", or ``bare`` text.
    * ``retry_after``: whether a 429 carries that header. ``monthly_calls``: the workspace's cap, None = none.
    * ``missing_record``, ``missing_table``: status of a missing record (GET, single PATCH and DELETE) or table.
    * ``cross_table_get``: whether a record id of another table of the base is answered.
    * ``iterator_idle``: seconds of silence after which a page iterator dies.
    * ``drift``: whether rows that come and go shift the later pages of a running read.
    * ``short_pages``: every nth page is half filled, and every 2nd of these is empty; 0 = never.
    * ``shuffle``: whether the default order is arbitrary instead of the order of record ids.
    * ``always_bump``: whether a write that changes nothing still moves the modified time.
    """

    limits: LimitMode = "strict"
    too_fast_body: Literal["object", "list", "bare"] = "object"
    retry_after: bool = False
    monthly_calls: int | None = None
    missing_record: Literal[404, 403] = 404
    missing_table: Literal[403, 404] = 403
    cross_table_get: bool = True
    iterator_idle: float = 300.0
    drift: bool = True
    short_pages: int = 0
    shuffle: bool = False
    always_bump: bool = False
