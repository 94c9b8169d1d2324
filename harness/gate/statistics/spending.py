"""Spend one error rate over all looks at the same cases: look k gets alpha / (k (k + 1)).

The shares of all looks there can ever be sum to alpha, so the chance that any of them promotes by luck is at most alpha,
however the looks depend on one another and on what was tried (a union bound; the spending idea is that of Lan and DeMets
1983, Biometrika 70:659, the weights those of Foster and Stine 2008, JRSS B 70:429). Half of alpha is the first look's.
"""


def spent(alpha: float, look: int) -> float:
    """The share of `alpha` for look number `look`, 1 for the first. Raises ValueError below 1."""
    if look < 1:
        raise ValueError(f"looks are counted from 1, not from {look}")
    return alpha / (look * (look + 1))
