"""The guide's worked example, ``scenario.yaml``: rows of three tools at one moment, put into the simulated services."""
