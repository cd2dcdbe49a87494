"""duban (督办): one guide for cross-department work, checked over the tools that teams already have."""

__version__ = "0.1.0"
