"""The benchmark: Caesura beside what people would use instead, in one run. `make bench`, or `make bench SUITE=send`."""
