"""Feishu Bitable as a local server, for tests, for the demo and for people who write rules."""

from duban.sandbox.feishu.service import FeishuService as FeishuService
from duban.sandbox.feishu.table import Base as Base
from duban.sandbox.feishu.table import Field as Field
from duban.sandbox.feishu.table import Table as Table
from duban.sandbox.feishu.world import Switches as Switches
