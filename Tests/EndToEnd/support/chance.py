"""Chance in the tests: all of it comes from one seed, SWLOCK_SEED.

What the kernel's scheduler does is not repeated by it: the same kills at the same moments are.
"""

import os
import random

SEED = int(os.environ.get("SWLOCK_SEED", "20"))


def dice_for(what):
    """The same for the same name and seed."""
    return random.Random(f"{SEED} {what}")
