"""One cycle: pull, judge, plan, apply, tell. Start at ``cycle``."""
