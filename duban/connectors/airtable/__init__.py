"""The connector for Airtable, on pyairtable with its own retries off.

pyairtable is imported here at the top: the registry imports this package only when a source says ``tool: airtable``.
"""

from duban.connectors.airtable.connector import AirtableConnector

__all__ = ["AirtableConnector"]
