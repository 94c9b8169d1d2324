"""Measure how far rounding alone moves a model's logits, so that any larger difference counts as a wrong answer.

A fixed tolerance is too wide for float32 and too narrow for bfloat16 or for a deep model. So the plain forward pass is run
a second time with the output of every innermost module changed at random in its last place (Monte Carlo arithmetic:
D. S. Parker, "Monte Carlo Arithmetic", UCLA CSD-970002, 1997). What that changes is what rounding can change.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

FACTOR = 10.0
"""How many times the measured noise counts as rounding: two orders of computation differ by a few times one of them."""


@contextlib.contextmanager
def perturbed(model: torch.nn.Module, seed: int = 0) -> Iterator[None]:
    """Inside, every innermost module's floating-point output is off by up to one unit in its last place."""
    dice: dict[torch.device, torch.Generator] = {}

    def disturb(module: torch.nn.Module, given: Any, out: Any) -> Any:
        if not isinstance(out, torch.Tensor) or not out.is_floating_point():
            return out
        if out.device not in dice:
            dice[out.device] = torch.Generator(out.device).manual_seed(seed)
        noise = torch.empty_like(out, dtype=torch.float32).uniform_(-1, 1, generator=dice[out.device])
        return (out.float() * (1 + noise * torch.finfo(out.dtype).eps)).to(out.dtype)

    inner = [module for module in model.modules() if next(module.children(), None) is None]
    hooks = [module.register_forward_hook(disturb) for module in inner]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def within(value: torch.Tensor, plain: torch.Tensor, disturbed: torch.Tensor) -> tuple[bool, float, float]:
    """Is `value` the same as `plain` but for rounding? All: [..., numbers], compared line by line.

    Returns the answer, the largest root mean square difference of a line, and what rounding allows.
    """
    value, plain, disturbed = value.double(), plain.double(), disturbed.double()
    least = torch.finfo(torch.float32).eps * float(_size(plain).max())
    allowed = FACTOR * max(least, float(_size(disturbed - plain).max()))
    off = float(_size(value - plain).max()) if bool(torch.isfinite(value).all()) else float("inf")
    return off <= allowed, off, allowed


def _size(lines: torch.Tensor) -> torch.Tensor:
    return lines.square().mean(dim=-1).sqrt()
