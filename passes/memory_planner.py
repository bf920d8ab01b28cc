"""Places buffers with lifetimes in one arena: an offline packing, apart from any IR.

A buffer is live over an inclusive range of positions; two buffers that are live at one position must not share a byte.
The peak of the sums of live sizes is a lower bound of any packing. Greedy best-fit placement in several orders, then a
bounded, deterministic improvement of the best order (dynamic storage allocation is NP-complete: Garey and Johnson 1979,
SR2; greedy by size: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WORK = 150_000
"""Pairs of buffers that one packing may look at in all: under 0.1 s."""


@dataclass(frozen=True)
class Block:
    """A buffer to be placed: `size_bytes`, live at positions `first` to `last`, both inclusive."""

    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Packing:
    """Byte offset per block, and the bytes from 0 to the end of the last block."""

    offsets: tuple[int, ...]
    total_bytes: int


def align(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment


def peak_bytes(blocks: Sequence[Block]) -> int:
    """The largest sum of sizes of blocks live at one position: no packing needs less."""
    changes: dict[int, int] = {}
    for block in blocks:
        changes[block.first] = changes.get(block.first, 0) + block.size_bytes
        changes[block.last + 1] = changes.get(block.last + 1, 0) - block.size_bytes
    live = peak = 0
    for position in sorted(changes):
        live += changes[position]
        peak = max(peak, live)
    return peak


def disjoint(blocks: Sequence[Block], alignment: int = 1) -> Packing:
    """One after the other: nothing is shared."""
    offsets, end = [], 0
    for block in blocks:
        start = align(end, alignment)
        offsets.append(start)
        end = start + block.size_bytes
    return Packing(tuple(offsets), end)


class _Packer:
    def __init__(self, blocks: Sequence[Block], alignment: int, clash: Callable[[int, int], bool]):
        self.blocks, self.alignment = blocks, alignment
        count = len(blocks)
        self.clashes: list[list[int]] = [[] for _ in range(count)]
        for i in range(count):
            for j in range(i):
                if clash(i, j):
                    self.clashes[i].append(j)
                    self.clashes[j].append(i)
        self.work = count * (count - 1) // 2
        # Whatever the order, one placement of all looks at each clashing pair once and at each block.
        self.cost = count + sum(map(len, self.clashes))

    def place(self, order: Sequence[int]) -> Packing:
        """Each block in turn at the offset that leaves the smallest hole, else on top of what it clashes with."""
        self.work += self.cost
        blocks, alignment = self.blocks, self.alignment
        offsets = [-1] * len(blocks)
        total = 0
        for i in order:
            size = blocks[i].size_bytes
            taken = sorted((offsets[j], offsets[j] + blocks[j].size_bytes) for j in self.clashes[i] if offsets[j] >= 0)
            best, best_waste, end = -1, -1, 0
            for low, high in taken:
                start = -(-end // alignment) * alignment
                waste = low - start - size
                if waste >= 0 and (best < 0 or waste < best_waste):
                    best, best_waste = start, waste
                end = max(end, high)
            if best < 0:
                best = -(-end // alignment) * alignment
            offsets[i] = best
            total = max(total, best + size)
        return Packing(tuple(offsets), total)

    def best(self, floor: int, budget: int) -> Packing:
        """The best of several orders, improved while it lasts: what tops the arena out goes to the front of the order."""
        blocks = self.blocks
        indices = range(len(blocks))
        length = [b.last - b.first + 1 for b in blocks]
        orders: list[list[int]] = [
            sorted(indices, key=lambda i: (-blocks[i].size_bytes, -length[i], blocks[i].first, i)),
            sorted(indices, key=lambda i: (-blocks[i].size_bytes * length[i], blocks[i].first, i)),
            sorted(indices, key=lambda i: (blocks[i].first, -blocks[i].size_bytes, i)),
            sorted(indices, key=lambda i: (-length[i], -blocks[i].size_bytes, i)),
            self._by_pressure(),
        ]
        best, best_order = None, orders[0]
        for order in orders:
            if best is not None and (best.total_bytes <= floor or self.work > budget):
                break
            packing = self.place(order)
            if best is None or packing.total_bytes < best.total_bytes:
                best, best_order = packing, order
        assert best is not None
        current, order = best, best_order
        seed, tried = 1, 0
        while best.total_bytes > floor and self.work <= budget and tried < 400:
            tried += 1
            top = max(indices, key=lambda i: (current.offsets[i] + blocks[i].size_bytes, blocks[i].size_bytes))
            candidate = [i for i in order if i != top]
            at = order.index(top)
            # A linear congruential sequence: the same for the same input, on every machine.
            seed = (seed * 1103515245 + 12345) % (1 << 31)
            if at and tried % 4:
                candidate.insert(seed % at if tried % 2 else 0, top)
            else:
                candidate = list(order)
                a = seed % len(order)
                b = (seed // 65536) % len(order)
                candidate[a], candidate[b] = candidate[b], candidate[a]
            packing = self.place(candidate)
            if packing.total_bytes <= current.total_bytes:
                current, order = packing, candidate
                if packing.total_bytes < best.total_bytes:
                    best = packing
        return best

    def _by_pressure(self) -> list[int]:
        """Blocks of the fullest position first, largest first among them; then those of the next fullest, and so on."""
        blocks = self.blocks
        positions = sorted({b.first for b in blocks})
        load = {p: sum(b.size_bytes for b in blocks if b.first <= p <= b.last) for p in positions}
        heaviest = [max((load[p] for p in positions if b.first <= p <= b.last), default=0) for b in blocks]
        return sorted(range(len(blocks)), key=lambda i: (-heaviest[i], -blocks[i].size_bytes, i))


def overlap(a: Block, b: Block) -> bool:
    """Whether two blocks are live at one position."""
    return a.first <= b.last and b.first <= a.last


def pack(
    blocks: Sequence[Block],
    alignment: int = 1,
    clash: Callable[[int, int], bool] | None = None,
    budget: int = WORK,
    good_enough_bytes: int = 0,
) -> Packing:
    """Offsets, multiples of `alignment`, so that no two blocks that clash share a byte.

    clash: whether two blocks, by number, must be apart; by default, whether they are live at one position.
    good_enough_bytes: a packing of that size needs no improvement. Takes at most about `budget` looks at pairs of blocks.
    """
    if not blocks:
        return Packing((), 0)
    floor = max(peak_bytes(blocks), good_enough_bytes)
    return _Packer(blocks, alignment, clash or (lambda i, j: overlap(blocks[i], blocks[j]))).best(floor, budget)
