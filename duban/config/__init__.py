"""The configuration: duban.yaml and directory.yaml, read, checked and resolved. All mistakes come at once.

:func:`load_config` is what the commands call; :func:`config_schema` and :func:`directory_schema` are for editors.
"""

from duban.config.directory import directory_schema, load_directory
from duban.config.loading import Config, load_config
from duban.config.schema import config_schema

__all__ = ["Config", "config_schema", "directory_schema", "load_config", "load_directory"]
