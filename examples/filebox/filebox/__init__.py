"""A backend for anyjob that keeps jobs in a directory of files."""
