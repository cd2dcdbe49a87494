"""The guide's worked example: rows of three tools at one moment (``scenario.yaml``), put into the simulated services."""
