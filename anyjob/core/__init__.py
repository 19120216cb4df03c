"""What a job is: values, rules and the two contracts.

Nothing here does I/O, starts a thread, runs an event loop or reads a clock of its own: time, chance
and storage are handed in by the layers above.
"""
