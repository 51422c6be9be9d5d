"""Attention and feed-forward, the two halves of a transformer's block (Vaswani et al. 2017), from plain linear layers.

Each half normalizes its input by its root mean square (Zhang and Sennrich 2019), and once more before its last linear
layer: ternary layers learn best from inputs of one size ("SubLN", BitNet, Wang et al. 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """``heads`` heads; queries from ``x``, keys and values from ``memory``, which is ``x`` unless given.

    ``key_value_heads`` may be fewer, each for several queries' heads side by side (Ainslie et al. 2023); 0 is as many.
    ``eps`` is the norms', None the smallest float32 step at 1; ``base`` is the rotary frequencies'.
    """

    def __init__(
        self, width: int, heads: int, *, causal: bool = False, positions: int = 0, key_value_heads: int = 0,
        eps: float | None = None, base: float = 10000.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % heads or (width // heads) % 2:
            raise ValueError(f"{heads} heads do not share a width of {width} evenly, two by two")
        self.heads, self.causal = heads, causal
        self.key_value_heads = key_value_heads or heads
        if heads % self.key_value_heads:
            raise ValueError(f"{heads} heads do not share {key_value_heads} of keys and values evenly")
        self.size = width // heads
        kept = self.key_value_heads * self.size
        self.norm = nn.RMSNorm(width, eps)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kept, bias=False)
        self.value = nn.Linear(width, kept, bias=False)
        self.inner_norm = nn.RMSNorm(width, eps)
        self.out = nn.Linear(width, width, bias=False)
        self.rotary = Rotary(self.size, positions, base) if positions else None

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """Return what is to be added to ``x``, ``(n, positions, width)``."""
        queries = self.norm(x)
        source = queries if memory is None else memory
        query, key = self._split(self.query(queries), self.heads), self._split(self.key(source))
        if self.rotary is not None:
            query, key = self.rotary(query), self.rotary(key)
        value = self._split(self.value(source))
        key, value = self._for_each_head(key), self._for_each_head(value)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        out: Tensor = self.out(self.inner_norm(mixed.transpose(1, 2).flatten(2)))
        return out

    def step(self, x: Tensor, cache: Cache, position: Tensor) -> Tensor:
        """Return the same for one position, ``(1, width)``; ``cache`` holds the keys and values up to here."""
        x = self.norm(x)
        query = self._split(self.query(x)[None], self.heads)
        key, value = (self._split(layer(x)[None]) for layer in (self.key, self.value))
        if self.rotary is not None:
            query, key = self.rotary.at(query, position), self.rotary.at(key, position)
        scores = self._grouped(query) @ cache.put("keys", key, position).transpose(-2, -1)
        scores = self._alone(scores / query.shape[-1] ** 0.5)
        chances = torch.softmax(scores + functional.embedding(position, cache.later), -1)
        mixed = self._alone(self._grouped(chances) @ cache.put("values", value, position))
        out: Tensor = self.out(self.inner_norm(mixed.transpose(1, 2).flatten(1)))
        return out

    def cache(self, positions: int) -> Cache:
        """Return an empty cache for ``step``."""
        return Cache(self.key_value_heads, positions, self.size)

    def _split(self, x: Tensor, heads: int = 0) -> Tensor:
        """``(n, positions, width)`` to ``(n, heads, positions, width / heads)``; 0 is the heads of keys and values."""
        return x.unflatten(2, (heads or self.key_value_heads, -1)).transpose(1, 2)

    def _for_each_head(self, x: Tensor) -> Tensor:
        """Repeat keys or values, ``(n, key_value_heads, ...)``, for the queries' heads."""
        return (
            x
            if self.key_value_heads == self.heads
            else x.repeat_interleave(self.heads // self.key_value_heads, 1)
        )

    def _grouped(self, x: Tensor) -> Tensor:
        """``(1, heads, 1, size)`` to ``(1, key_value_heads, heads of each, size)``: rows of one matrix product."""
        return (
            x if self.key_value_heads == self.heads else x.reshape(1, self.key_value_heads, -1, x.shape[-1])
        )

    def _alone(self, x: Tensor) -> Tensor:
        """The reverse."""
        return x if self.key_value_heads == self.heads else x.reshape(1, self.heads, 1, x.shape[-1])


class Cache(nn.Module):
    """Keys and values of the positions so far, and masks that hide those to come."""

    keys: Tensor
    values: Tensor
    later: Tensor

    def __init__(self, heads: int, positions: int, size: int) -> None:
        super().__init__()
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(1, heads, positions, size))
        self.register_buffer(
            "later", torch.full((positions, positions), -torch.inf).triu(1), persistent=False
        )

    def put(self, name: str, rows: Tensor, position: Tensor) -> Tensor:
        """Write ``rows``, ``(1, heads, 1, size)``, at ``position`` and return all."""
        kept: Tensor = getattr(self, name)
        kept.copy_(kept.index_copy(2, position, rows))
        return kept


class Rotary(nn.Module):
    """Rotate pairs of a head's values by angles that grow with the position (RoPE, Su et al. 2021)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, size: int, positions: int, base: float = 10000.0) -> None:
        super().__init__()
        self.size, self.positions = size, positions
        self.fill(base)

    def fill(self, base: float) -> None:
        """Compute the tables, on the CPU; a model made on the device "meta" has none."""
        frequency = base ** (-torch.arange(0, self.size, 2) / self.size)
        angle = torch.arange(self.positions)[:, None] * frequency
        self.register_buffer("cos", angle.cos().repeat(1, 2), persistent=False)
        # the sign of the rotation's second half is in the table
        self.register_buffer("sin", torch.cat([-angle.sin(), angle.sin()], 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, ``(n, heads, positions, size)``, rotated."""
        return self._turn(x, self.cos, self.sin)

    def at(self, x: Tensor, position: Tensor) -> Tensor:
        """Return ``x``, ``(1, heads, 1, size)``, rotated as at ``position``, ``(1,)``."""
        return self._turn(x, *(functional.embedding(position, table) for table in (self.cos, self.sin)))

    @staticmethod
    def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([second, first], -1) * sin


FEED_FORWARDS = ("gated", "squared-relu", "gated-squared-relu")


class FeedForward(nn.Module):
    """``down(silu(gate(x)) * up(x))`` (Shazeer 2020), or "squared-relu": ``down(relu(up(x))**2)`` (So et al. 2021).

    "gated-squared-relu" is both, ``down(relu(gate(x))**2 * up(x))``, as BitNet b1.58 2B4T (Ma et al. 2025) has it.
    """

    def __init__(self, width: int, hidden: int, kind: str = "gated", eps: float | None = None) -> None:
        super().__init__()
        if kind not in FEED_FORWARDS:
            raise ValueError(f"no feed-forward is called {kind!r}; there are {', '.join(FEED_FORWARDS)}")
        self.squared = kind.endswith("squared-relu")
        self.norm = nn.RMSNorm(width, eps)
        self.gate = nn.Linear(width, hidden, bias=False) if kind.startswith("gated") else None
        self.up = nn.Linear(width, hidden, bias=False)
        self.inner_norm = nn.RMSNorm(hidden, eps)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is to be added to ``x``, ``(n, positions, width)``."""
        x = self.norm(x)
        if self.gate is None:
            inner = functional.relu(self.up(x)).square()
        elif self.squared:
            inner = functional.relu(self.gate(x)).square() * self.up(x)
        else:
            inner = functional.silu(self.gate(x)) * self.up(x)
        out: Tensor = self.down(self.inner_norm(inner))
        return out


class Block(nn.Module):
    """Attention, attention to ``memory`` where there is one, and feed-forward, each added to what comes in."""

    def __init__(
        self, width: int, heads: int, hidden: int, *, positions: int, causal: bool = False, crossed: bool = False,
        kind: str = "gated", key_value_heads: int = 0, eps: float | None = None, base: float = 10000.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.attention = Attention(
            width,
            heads,
            causal=causal,
            positions=positions,
            key_value_heads=key_value_heads,
            eps=eps,
            base=base,
        )
        self.crossed = Attention(width, heads, eps=eps) if crossed else None
        self.feed_forward = FeedForward(width, hidden, kind, eps)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """Return ``(n, positions, width)`` for ``x`` of that shape."""
        x = x + self.attention(x)
        if self.crossed is not None:
            x = x + self.crossed(x, memory)
        x = x + self.feed_forward(x)
        return x

    def step(self, x: Tensor, cache: Cache, position: Tensor) -> Tensor:
        """Return ``(1, width)`` for one position of a block without ``memory``."""
        x = x + self.attention.step(x, cache, position)
        return x + self.feed_forward(x)
