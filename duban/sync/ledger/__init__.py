"""What duban remembers between cycles. Start at ``ledger.Ledger``; the values that go in and out are in ``values``."""

from duban.sync.ledger.ledger import Ledger
from duban.sync.ledger.slots import LedgerSlots
from duban.sync.ledger.values import (
    Committed,
    Cycle,
    Due,
    Intent,
    IntentState,
    Judged,
    Lease,
    Message,
    MessageStatus,
    Moment,
    Rules,
    Run,
    TableMemory,
    TableRead,
    changed,
)  # fmt: skip

__all__ = [
    "Committed", "Cycle", "Due", "Intent", "IntentState", "Judged", "Lease", "Ledger", "LedgerSlots", "Message",
    "MessageStatus", "Moment", "Rules", "Run", "TableMemory", "TableRead", "changed",
]  # fmt: skip
