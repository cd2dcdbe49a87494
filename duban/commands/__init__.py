"""The commands, one module per kind of work; ``cli`` puts them together."""
