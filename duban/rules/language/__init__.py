"""The rule language: conditions over items, typed and checked when a rules file is loaded, then compiled once.

``parse`` text -> tree · ``scope`` which names exist and what they mean · ``functions`` the fixed table of calls ·
``compile`` tree -> checked Python source. Every mistake is a :class:`duban.rules.language.parse.LanguageError` with
character offsets into the condition, so that the book can show file, line, column and a caret.

Nothing loops but over lists of the snapshot, nothing is called but the functions of the table, patterns run in RE2,
depth and length are bounded: a condition takes bounded time whatever an admin writes.

Missing values: ``==``, ``!=`` and ``in`` are total (an empty value differs from everything); an ordering, arithmetic
or pattern on an empty value is unknown, and unknown never fires, also under ``not``. A field that the table has no
column for is unknown everywhere but in ``mapped(x)`` and ``absent(x)``.
"""
