"""The connector for Teambition, on plain HTTP: the SDK on the index does not work as it comes (facts, section 12)."""

from duban.connectors.teambition.connector import TeambitionConnector

__all__ = ["TeambitionConnector"]
