"""What holds for every test."""

from __future__ import annotations

import signal

# A shell that starts the tests in the background has SIGINT ignored, and the programs that tests interrupt inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
