"""Background jobs with one meaning on every backend."""

# A literal, because importlib.metadata would cost every import some milliseconds.
__version__ = "0.1.0"
