"""Judging: the rule language, clocks and calendars, the alert ladder, and one pure function over all of them.

Start at ``evaluate``. Nothing here asks a clock, a tool or the ledger: everything is an argument.
"""
