"""One program on every backend and pair: what it comes to is the same, but for what is declared."""
