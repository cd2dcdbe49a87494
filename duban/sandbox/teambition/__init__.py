"""The simulated Teambition."""

from duban.sandbox.teambition.call import Quirks
from duban.sandbox.teambition.seed import SeededProject
from duban.sandbox.teambition.service import TeambitionService

__all__ = ["Quirks", "SeededProject", "TeambitionService"]
