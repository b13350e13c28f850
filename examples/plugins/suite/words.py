"""What all of the suite speaks of: a failure, and waiting for something."""

import time

# Longer than anything takes on a busy machine.
PATIENCE = 180


class Failed(Exception):
    """Something is not as it should be; the text says what."""


def same(what, found, expected):
    if found != expected:
        raise Failed(f"{what}: expected {expected!r}, found {found!r}")


def eventually(what, look, patience=PATIENCE):
    """What `look` finds, as soon as that is something."""
    end = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {patience} s")
        time.sleep(0.02)
