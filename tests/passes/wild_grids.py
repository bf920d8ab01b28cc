"""Grids on buffers of any kind that verifies: windows that overlap, cross and run backwards, kernels of odd maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from random import Random

SHAPES: tuple[tuple[int, ...], ...] = ((12,), (3, 4), (24,), (4, 6), (2, 3, 4), (2, 12))


def memref(*shape: int) -> str:
    return f"memref<{'x'.join(map(str, shape))}xf32>"


def affine(coefficients: list[int], constant: int) -> str:
    terms = [f"d{i} * {c}" for i, c in enumerate(coefficients) if c]
    return " + ".join([*terms, str(constant)]) if terms else str(constant)


@dataclass
class Wild:
    random: Random
    lines: list[str] = field(default_factory=list)
    buffers: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def offsets(self, shape: tuple[int, ...], sizes: list[int], extents: list[int], apart: list[int]) -> list[str]:
        """Offsets inside a buffer; the dimensions `apart` of the grid move the box by its own size at least."""
        random, found = self.random, []
        left = list(apart)
        for extent, size in zip(shape, sizes, strict=True):
            coefficients, room, span = [0] * len(extents), extent - size, size
            for d in list(left):
                step = span * (extents[d] - 1)
                if step <= room and (extents[d] > 1 or random.random() < 0.5):
                    coefficients[d] = span * random.choice((1, 1, -1))
                    room, span = room - step, span * extents[d]
                    left.remove(d)
            if not apart and random.random() < 0.8:
                for d in random.sample(range(len(extents)), min(len(extents), random.choice((1, 1, 2)))):
                    limit = room // max(extents[d] - 1, 1)
                    coefficients[d] = random.randint(-limit, limit)
                    room -= abs(coefficients[d]) * (extents[d] - 1)
            low = sum(min(c * (e - 1), 0) for c, e in zip(coefficients, extents, strict=True))
            found.append(affine(coefficients, random.randint(0, max(room, 0)) - low))
        return [] if any(extents[d] > 1 for d in left) else found

    def window(self, extents: list[int], parallel: list[int] | None) -> tuple[str, list[int]] | None:
        """A random window, of an out if `parallel` is given, and its sizes."""
        name, shape = self.random.choice(self.buffers)
        sizes = [self.random.randint(1, min(s, 4)) for s in shape]
        offsets = self.offsets(shape, sizes, extents, parallel or [])
        if not offsets:
            return None
        if parallel is not None and not parallel:
            offsets = [str(self.random.randint(0, s - size)) for s, size in zip(shape, sizes, strict=True)]
        if name == "%input" and parallel is not None:
            return None
        return f"{name}[{', '.join(offsets)}]{sizes} : {memref(*shape)}", sizes

    def kernel(self, name: str, ins: list[tuple[str, list[int]]], outs: list[tuple[str, list[int]]]) -> str:
        random = self.random
        bounds = [random.randint(1, 3) for _ in range(random.randint(1, 2))]

        def one_map(sizes: list[int]) -> str:
            results = []
            for size in sizes:
                d = random.randrange(len(bounds))
                span = bounds[d] - 1
                kind = random.random()
                if kind < 0.5 and span < size:
                    results.append(f"d{d} + {random.randint(0, size - 1 - span)}")
                elif kind < 0.7 and span * 2 < size:
                    results.append(f"d{d} * 2")
                elif kind < 0.85 and span // 2 < size:
                    results.append(f"d{d} floordiv 2")
                else:
                    results.append(str(random.randint(0, size - 1)))
            return f"({', '.join(results)})"

        maps = ", ".join(one_map(sizes) for _, sizes in (*ins, *outs))
        arguments = ", ".join(f"%v{i}: f32" for i in range(len(ins) + len(outs)))
        reads = random.random() < 0.5
        first = f"%v{len(ins)}" if reads else "%z"
        body = ["%z = arith.constant 0.5 : f32"]
        last = first
        for i in range(len(ins)):
            body.append(f"%s{i} = arith.addf {last}, %v{i} : f32")
            last = f"%s{i}"
        yields = ", ".join([last] * len(outs))
        types = ", ".join(["f32"] * len(outs))
        tiles = ", ".join(t for t, _ in ins), ", ".join(t for t, _ in outs)
        new_line = "\n"
        return f"""cedr.kernel @{name} {bounds} maps [{maps}] ins({tiles[0]}) outs({tiles[1]}) {{
          ^bb0({arguments}):
            {new_line.join(body)}
            cedr.yield {yields} : {types}
          }}"""

    def grid(self, number: int) -> bool:
        random = self.random
        extents = [random.randint(1, 4) for _ in range(random.randint(0, 3))]
        reduction = bool(extents) and random.random() < 0.4
        kinds = ["parallel"] * (len(extents) - reduction) + ["reduction"] * reduction
        parallel = list(range(len(extents) - reduction))
        outs = [self.window(extents, parallel) for _ in range(random.choice((1, 1, 2)))]
        ins = [self.window(extents, None) for _ in range(random.randint(0, 3))]
        if any(w is None for w in outs):
            return False
        written = [w for w in outs if w is not None]
        read = [w for w in ins if w is not None]
        in_tiles = [(f"%i{i}", w[1]) for i, w in enumerate(read)]
        out_tiles = [(f"%o{i}", w[1]) for i, w in enumerate(written)]
        scratch = ""
        if random.random() < 0.5:
            slots, size = random.choice((1, 2, 3, 16)), random.randint(1, 4)
            self.lines.append(f"%t{number} = cedr.alloc : {memref(slots, size)}")
            stride = 1
            terms: list[str] = []
            for i in reversed(range(len(extents))):
                terms.insert(0, f"d{i} * {stride}")
                stride *= extents[i]
            index = " + ".join(terms) or "0"
            scratch = f"scratch(%t = %t{number} slot (({index}) mod {slots}) : {memref(slots, size)})"
            out_tiles.append(("%t", [size]))
        calls = []
        for c in range(random.randint(1, 3)):
            targets = random.sample(out_tiles, random.randint(1, min(2, len(out_tiles))))
            sources = random.sample([*in_tiles, *out_tiles], random.randint(0, min(3, len(in_tiles) + len(out_tiles))))
            calls.append(self.kernel(f"k{number}_{c}", sources, targets))
        domain = ", ".join(f"{e} {k}" for e, k in zip(extents, kinds, strict=True))
        in_text = ", ".join(f"%i{i} = {w[0]}" for i, w in enumerate(read))
        out_text = ", ".join(f"%o{i} = {w[0]}" for i, w in enumerate(written))
        body = "\n".join(calls)
        self.lines.append(
            f"""cedr.grid @g{number} [{domain}] {f"ins({in_text})" if read else ""} outs({out_text}) {scratch} {{
              {body}
              cedr.yield
            }}"""
        )
        return True

    def text(self, grids: int) -> str:
        self.buffers.append(("%input", (24,)))
        self.buffers.append(("%output", (24,)))
        for number in range(grids):
            if number < 3 or self.random.random() < 0.5:
                shape = self.random.choice(SHAPES)
                self.lines.append(f"%b{number} = cedr.alloc : {memref(*shape)}")
                self.buffers.append((f"%b{number}", shape))
                others = [s for s in SHAPES if prod(s) == prod(shape) and s != shape]
                if self.random.random() < 0.6:
                    view = self.random.choice(others)
                    self.lines.append(f"%w{number} = cedr.view %b{number} : {memref(*shape)} to {memref(*view)}")
                    self.buffers.append((f"%w{number}", view))
            self.buffers = self.buffers[:2] + self.buffers[2:][-4:]
            while not self.grid(number):
                pass
        body = "\n".join(self.lines)
        return f"""builtin.module {{
          func.func @main(%input: {memref(24)}, %output: {memref(24)} {{cedr.output = "y"}}) {{
            {body}
            cedr.wait
            func.return
          }}
        }}"""


def wild_program(random: Random, grids: int) -> str:
    return Wild(random).text(grids)
