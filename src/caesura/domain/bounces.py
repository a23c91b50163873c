"""When so many of a campaign's messages come back that it must not go on by itself."""

MINIMUM_DELIVERED = 20
"""Below so many messages a share says nothing."""


def is_over(threshold: int | None, delivered: int, bounced: int) -> bool:
    """Whether `bounced` of `delivered` messages reach the threshold, in percent; None is never reached.

    `delivered` counts what a server took or refused for good, `bounced` what of it was refused or bounced hard.
    """
    if threshold is None or delivered < MINIMUM_DELIVERED:
        return False
    return bounced * 100 >= threshold * delivered


def is_settled(threshold: int | None, delivered: int) -> bool:
    """Whether only another bounce can reach a threshold that is not reached: every message more lowers the share."""
    return threshold is None or delivered >= MINIMUM_DELIVERED


def words(threshold: int, delivered: int, bounced: int) -> str:
    """Why a campaign was paused, for people."""
    return f"{bounced} of {delivered} messages bounced; the threshold is {threshold} %"
