"""The rules: pure functions and tables. No I/O and no clock; `now` is always an argument."""
