"""The wish to stop, set by the first SIGTERM or SIGINT: every wait ends, and work stops between two requests."""

import threading

STOP = threading.Event()
