"""How improbable a reading is when nothing was there.

Let ``v`` be 192 soft chips with no preferred direction, as noise gives them. The chance that one given codeword correlates with it by
``rho`` or more is the cap of a sphere, half of the incomplete beta function I(1 - rho^2; 191/2, 1/2). There are 2^32 codewords and each
decoding is one attempt, so the chance that any attempt on a clip reads *some* id is at most attempts x 2^32 x cap. That is what is
printed beside a reading. That the id must also have been issued makes it rarer still, and is not counted.

It does not speak about a clip that is marked: there the chips have a direction, and the code's own distance keeps ids apart.
"""

from __future__ import annotations

import math
from typing import Final

CHIPS: Final = 192
IDS: Final = 2**32
#: A reading needs this correlation. The bound is then 3.0e-10 for 200 attempts. It comes from the bound, not from data.
RHO: Final = 0.62
#: No clip is given more attempts than this, so no reading's bound is worse than that.
MAX_ATTEMPTS: Final = 200


def cap(rho: float, chips: int = CHIPS) -> float:
    """The share of the sphere in ``chips`` dimensions within the angle arccos(rho) of a point."""
    if rho <= 0:
        return 0.5 if rho == 0 else 1.0 - cap(-rho, chips)
    if rho >= 1:
        return 0.0
    # The integral of (1 - x^2)^((n-3)/2) from rho to 1, by Simpson's rule on x = rho + (1 - rho) s^2, over the whole of it.
    power = (chips - 3) / 2
    steps = 2000
    total = 0.0
    for k in range(steps):  # the end, s = 1, adds nothing
        s = k / steps
        x = rho + (1 - rho) * s * s
        weight = 1 if k == 0 else 4 if k % 2 else 2
        total += weight * 2 * s * math.exp(power * math.log1p(-x * x))
    part = total * (1 - rho) / (3 * steps)
    whole = math.exp(math.lgamma(0.5) + math.lgamma((chips - 1) / 2) - math.lgamma(chips / 2))
    return part / whole


def false_alarm(rho: float, attempts: int, ids: int = IDS) -> float:
    """The most that chance can do on one clip; never above 1."""
    return min(1.0, attempts * ids * cap(rho))
