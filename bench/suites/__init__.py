"""The suites: each module has `measure(scene)`, which answers a report."""
