"""How long the stream takes, since an event could be told."""

from bench.suites.api import lags


def test_an_event_counts_from_the_end_of_the_log_that_first_held_it() -> None:
    arrivals = [(5, 10.5), (9, 10.5), (7, 10.75), (8, 11.0), (20, 12.0)]
    ends = [(5, 10.0), (7, 10.25), (99, 10.3), (8, 10.5)]
    assert lags(arrivals, ends) == [250.0, 500.0, 500.0]


def test_without_an_end_that_was_seen_nothing_is_told() -> None:
    assert lags([(5, 10.5)], []) == lags([(5, 10.5)], [(5, 10.0)]) == lags([], [(5, 10.0)]) == []
