"""What holds for every test."""

from __future__ import annotations

import signal

# A shell that starts the tests in the background has SIGINT ignored, nohup SIGHUP, and the programs that tests interrupt
# inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
