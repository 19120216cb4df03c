"""The state machines catch what each of them is for."""
