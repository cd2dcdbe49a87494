"""Plain workbook files (xlsx, csv) as a tool."""

from duban.connectors.workbook.connector import WorkbookConnector as WorkbookConnector
