"""A strict simulated Airtable on loopback, for tests, the demo and people who write rules.

Facts: the fact sheet ``airtable``; weak ones are switches (``switches``). ``AirtableService`` is the server and seeds
users, tokens and bases; ``seed`` is what people do in tables.

Left out: webhooks and their payloads (duban reads by polling); attachment upload and fetching of attachment urls;
CSV sync, enterprise and workspace endpoints; OAuth; creating computed fields over the API; editing select choices over
the API; comment reactions and attachments; user groups; locale formats of ``cellFormat=string`` (plain text comes
back); ``includeDateDependencyMetadata``; field permissions; conversions of a field's type. Formulas know the functions
of ``functions`` only, rollups SUM, MIN, MAX, COUNT and ARRAYJOIN.
"""

from duban.sandbox.airtable.seed import SeededBase, SeededTable
from duban.sandbox.airtable.service import AirtableService
from duban.sandbox.airtable.switches import Switches

__all__ = ["AirtableService", "SeededBase", "SeededTable", "Switches"]
