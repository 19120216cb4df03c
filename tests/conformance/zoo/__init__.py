"""The suite's own test: backends that are wrong, odd or dishonest on purpose."""
