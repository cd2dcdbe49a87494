def run_tests(book, *a, **k): raise LookupError("not there yet")
