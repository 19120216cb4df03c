"""What every test of this repository shares."""

import os

from hypothesis import settings

pytest_plugins = ["tests.skips"]

# No deadline: how long an example takes is the machine's business, and no test is timed.
settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile("certify", settings.get_profile("quick"), max_examples=2_000)
settings.load_profile("certify" if os.environ.get("CERTIFY") == "1" else "quick")
