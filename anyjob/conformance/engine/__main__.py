"""The child of a run by command line."""

import sys

from anyjob.conformance.engine.child import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
