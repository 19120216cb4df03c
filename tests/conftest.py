"""What every test of this repository shares."""

import os
import signal
from pathlib import Path

from hypothesis import settings

pytest_plugins = ["tests.skips", "tests.conformance.zoo.table"]

# The servers that `make servers` put here come first, whoever started the tests.
os.environ["PATH"] = f"{Path(__file__).parents[1] / '.servers' / 'bin'}:{os.environ['PATH']}"

# A shell starts what runs in its background with Ctrl-C ignored, and so would every program that
# a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: how long an example takes is the machine's business, and no test is timed.
settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile("certify", settings.get_profile("quick"), max_examples=2_000)
settings.load_profile("certify" if os.environ.get("CERTIFY") == "1" else "quick")
