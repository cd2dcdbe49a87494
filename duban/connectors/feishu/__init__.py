"""The connector for Feishu Bitable."""

from duban.connectors.feishu.connector import FeishuConnector as FeishuConnector
