"""Small functions of grids on buffers, made at random or in chains, as the text of level 3."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Image:
    """A buffer of 1 x channels x height x width elements with a border of `pad` around them."""

    name: str
    channels: int
    height: int
    width: int
    pad: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 1, self.channels, self.height + 2 * self.pad, self.width + 2 * self.pad


def memref(*shape: int) -> str:
    return f"memref<{'x'.join(map(str, shape))}xf32>"


def window(name: str, offsets: list[str], sizes: list[int], shape: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(offsets)}][{', '.join(map(str, sizes))}] : {memref(*shape)}"


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


@dataclass
class Programs:
    """Builds one function; `random` decides what is left open."""

    random: Random
    lines: list[str] = field(default_factory=list)
    count: int = 0
    images: list[Image] = field(default_factory=list)

    def number(self) -> int:
        self.count += 1
        return self.count

    def image(self, channels: int, height: int, width: int, pad: int | None = None) -> Image:
        """A new buffer; its border, if it has one, is filled by one task with strips, or by four."""
        pad = self.random.choice((0, 0, 1)) if pad is None else pad
        n = self.number()
        made = Image(f"%b{n}", channels, height, width, pad)
        self.lines.append(f"{made.name} = cedr.alloc : {memref(*made.shape)}")
        if pad:
            _, c, h, w = made.shape
            if self.random.random() < 0.5 and h == w:
                strips = [
                    (f"[{c}, 2, {pad}, {w}]", f"(0, d0, d1 * {h - pad} + d2, d3)"),
                    (f"[{c}, 2, {pad}, {w}]", f"(0, d0, d3, d1 * {w - pad} + d2)"),
                ]
                bounds, maps = strips[0][0], ", ".join(m for _, m in strips)
                self.fill(f"border{n}", made, bounds, maps, 2)
            else:
                for i, (bounds, maps) in enumerate(
                    (
                        (f"[{c}, {pad}, {w}]", "(0, d0, d1, d2)"),
                        (f"[{c}, {pad}, {w}]", f"(0, d0, d1 + {h - pad}, d2)"),
                        (f"[{c}, {h - 2 * pad}, {pad}]", f"(0, d0, d1 + {pad}, d2)"),
                        (f"[{c}, {h - 2 * pad}, {pad}]", f"(0, d0, d1 + {pad}, d2 + {w - pad})"),
                    )
                ):
                    self.fill(f"border{n}_{i}", made, bounds, maps, 1)
        return made

    def fill(self, name: str, image: Image, bounds: str, maps: str, outs: int) -> None:
        tiles = ", ".join(["%o"] * outs)
        args = ", ".join(f"%a{i}: f32" for i in range(outs))
        zeros = ", ".join(["%z"] * outs)
        types = ", ".join(["f32"] * outs)
        self.lines.append(
            f"""cedr.grid @{name} [] outs(%o = {window(image.name, ["0"] * 4, list(image.shape), image.shape)}) {{
              cedr.kernel @{name} {bounds} maps [{maps}] ins() outs({tiles}) {{
              ^bb0({args}):
                %z = arith.constant 0.0 : f32
                cedr.yield {zeros} : {types}
              }}
              cedr.yield
            }}"""
        )

    def tiling(self, image: Image) -> tuple[str, int, int, list[str], str]:
        """A cut of an image into channel and row tiles: domain, channels and rows of a tile, the offset of a tile, and
        the linear index of a tile."""
        channels = self.random.choice(divisors(image.channels))
        rows = self.random.choice(divisors(image.height))
        domain = [image.channels // channels, image.height // rows]
        offsets = ["0", f"d0 * {channels}", f"d1 * {rows} + {image.pad}", str(image.pad)]
        return f"[{domain[0]} parallel, {domain[1]} parallel", channels, rows, offsets, f"d0 * {domain[1]} + d1"

    def convolution(self, source: Image) -> Image:
        kernel = self.random.choice([k for k in (1, 2, 3) if k <= source.shape[2]])
        stride = self.random.choice((1, 1, 2))
        height, width = ((size - kernel) // stride + 1 for size in source.shape[2:])
        filters = self.random.choice((1, 2, 4))
        out = self.image(filters, height, width)
        n, c = self.number(), source.channels
        domain, channels, rows, at, linear = self.tiling(out)
        reach = (rows - 1) * stride + kernel
        step = rows * stride
        out_window = window(out.name, at, [1, channels, rows, width], out.shape)
        self.lines.append(f"%w{n} = cedr.weight @w{n} : {memref(filters, c, kernel, kernel)}")
        slots = self.random.choice((1, 2, 3, 16))
        tiles = (filters // channels) * (height // rows)

        def inputs(channel: str, count: int) -> str:
            x = window(
                source.name, ["0", channel, f"d1 * {step}", "0"], [1, count, reach, source.shape[3]], source.shape
            )
            w = window(
                f"%w{n}",
                [f"d0 * {channels}", channel, "0", "0"],
                [channels, count, kernel, kernel],
                (filters, c, kernel, kernel),
            )
            return f"ins(%x = {x}, %w = {w})"

        strides = f"strides [{stride}, {stride}] " if stride > 1 else ""
        ring = memref(slots, 1, channels, rows, width)
        if c > 1 and self.random.random() < 0.5:
            linear = f"d0 * {height // rows * (c - 1)} + d1 * {c - 1} + d2"
            self.lines.append(
                f"""cedr.grid @conv{n}_first {domain}] {inputs("0", 1)} outs(%o = {out_window}) {{
                  cedr.conv2d {strides}ins(%x, %w) outs(%o)
                  cedr.yield
                }}
                %r{n} = cedr.alloc : {ring}
                cedr.grid @conv{n} {domain}, {c - 1} reduction] {inputs("d2 + 1", 1)} outs(%o = {out_window})
                    scratch(%t = %r{n} slot (({linear}) mod {slots}) : {ring}) {{
                  cedr.conv2d {strides}ins(%x, %w) outs(%t)
                  cedr.zip add ins(%o, %t) outs(%o)
                  cedr.yield
                }}"""
            )
            return out
        assert tiles
        self.lines.append(
            f"""%r{n} = cedr.alloc : {ring}
            cedr.grid @conv{n} {domain}] {inputs("0", c)} outs(%o = {out_window})
                scratch(%t = %r{n} slot (({linear}) mod {slots}) : {ring}) {{
              cedr.conv2d {strides}ins(%x, %w) outs(%t)
              {self.relu(f"relu{n}", [channels, rows, width], "(0, d0, d1, d2)", "(0, d0, d1, d2)", "%t")}
              cedr.yield
            }}"""
        )
        return out

    @staticmethod
    def relu(name: str, bounds: list[int], source: str, target: str, tile: str) -> str:
        return f"""cedr.kernel @{name} {bounds} maps [{source}, {target}] ins({tile}) outs(%o) {{
              ^bb0(%a: f32, %b: f32):
                %z = arith.constant 0.0 : f32
                %m = arith.maximumf %a, %z : f32
                cedr.yield %m : f32
              }}"""

    def pool(self, source: Image) -> Image:
        size, stride = self.random.choice(((2, 2), (3, 2), (2, 1), (3, 1)))
        if size > min(source.shape[2:]):
            return self.pointwise(source)
        height, width = ((s - size) // stride + 1 for s in source.shape[2:])
        out = self.image(source.channels, height, width)
        n = self.number()
        domain, channels, rows, at, _ = self.tiling(out)
        reach = (rows - 1) * stride + size
        x = window(
            source.name,
            ["0", f"d0 * {channels}", f"d1 * {rows * stride}", "0"],
            [1, channels, reach, source.shape[3]],
            source.shape,
        )
        maps = f"(0, d0, d1 * {stride} + d3, d2 * {stride} + d4), (0, d0, d1, d2)"
        self.lines.append(
            f"""cedr.grid @pool{n} {domain}] ins(%x = {x})
                outs(%o = {window(out.name, at, [1, channels, rows, width], out.shape)}) {{
              cedr.kernel @pool{n} [{channels}, {rows}, {width}, {size}, {size}] maps [{maps}]
                  init [0xff800000 : f32] ins(%x) outs(%o) {{
              ^bb0(%a: f32, %b: f32):
                %m = arith.maximumf %a, %b : f32
                cedr.yield %m : f32
              }}
              cedr.yield
            }}"""
        )
        return out

    def upsample(self, source: Image) -> Image:
        out = self.image(source.channels, source.height * 2, source.width * 2)
        n = self.number()
        channels = self.random.choice(divisors(out.channels))
        rows = self.random.choice([r for r in divisors(out.height) if r % 2 == 0])
        at = ["0", f"d0 * {channels}", f"d1 * {rows} + {out.pad}", str(out.pad)]
        x = window(
            source.name,
            ["0", f"d0 * {channels}", f"d1 * {rows // 2} + {source.pad}", str(source.pad)],
            [1, channels, rows // 2, source.width],
            source.shape,
        )
        self.lines.append(
            f"""cedr.grid @up{n} [{out.channels // channels} parallel, {out.height // rows} parallel] ins(%x = {x})
                outs(%o = {window(out.name, at, [1, channels, rows, out.width], out.shape)}) {{
              {
                self.relu(
                    f"up{n}",
                    [channels, rows, out.width],
                    "(0, d0, d1 floordiv 2, d2 floordiv 2)",
                    "(0, d0, d1, d2)",
                    "%x",
                )
            }
              cedr.yield
            }}"""
        )
        return out

    def pointwise(self, source: Image, into: tuple[Image, int] | None = None) -> Image:
        """A relu into a new image, or into channels of a larger one."""
        out, first = into or (self.image(source.channels, source.height, source.width), 0)
        n = self.number()
        domain, channels, rows, at, _ = self.tiling(source)
        x = window(source.name, at, [1, channels, rows, source.width], source.shape)
        to = ["0", f"d0 * {channels} + {first}", f"d1 * {rows} + {out.pad}", str(out.pad)]
        self.lines.append(
            f"""cedr.grid @point{n} {domain}] ins(%x = {x})
                outs(%o = {window(out.name, to, [1, channels, rows, source.width], out.shape)}) {{
              {self.relu(f"point{n}", [channels, rows, source.width], "(0, d0, d1, d2)", "(0, d0, d1, d2)", "%x")}
              cedr.yield
            }}"""
        )
        return out

    def update(self, image: Image) -> Image:
        """A relu in place."""
        n = self.number()
        domain, channels, rows, at, _ = self.tiling(image)
        self.lines.append(
            f"""cedr.grid @update{n} {domain}]
                outs(%o = {window(image.name, at, [1, channels, rows, image.width], image.shape)}) {{
              cedr.kernel @update{n} [{channels}, {rows}, {image.width}] maps [(0, d0, d1, d2)] ins() outs(%o) {{
              ^bb0(%a: f32):
                %m = arith.addf %a, %a : f32
                cedr.yield %m : f32
              }}
              cedr.yield
            }}"""
        )
        return image

    def sum(self, a: Image, b: Image) -> Image:
        out = self.image(a.channels, a.height, a.width)
        n = self.number()
        domain, channels, rows, at, _ = self.tiling(out)

        def place(image: Image) -> str:
            offsets = [*at[:2], f"d1 * {rows} + {image.pad}", str(image.pad)]
            return window(image.name, offsets, [1, channels, rows, a.width], image.shape)

        self.lines.append(
            f"""cedr.grid @sum{n} {domain}] ins(%x = {place(a)}, %y = {place(b)}) outs(%o = {place(out)}) {{
              cedr.zip add ins(%x, %y) outs(%o)
              cedr.yield
            }}"""
        )
        return out

    def concat(self, a: Image, b: Image) -> Image:
        out = self.image(a.channels + b.channels, a.height, a.width)
        self.pointwise(a, (out, 0))
        self.pointwise(b, (out, a.channels))
        return out

    def linear(self, source: Image) -> Image:
        """A matrix product over all elements, through a view; its sum in one call or split."""
        flat = self.pointwise(source, (self.image(source.channels, source.height, source.width, 0), 0))
        n, k = self.number(), source.channels * source.height * source.width
        outputs = self.random.choice((1, 2, 4))
        tile = self.random.choice(divisors(outputs))
        part = self.random.choice(divisors(k))
        self.lines.append(
            f"""%v{n} = cedr.view {flat.name} : {memref(*flat.shape)} to {memref(1, k)}
            %w{n} = cedr.weight @w{n} : {memref(k, outputs)}
            %b{n} = cedr.alloc : {memref(1, outputs)}"""
        )

        def inputs(at: str) -> str:
            x = window(f"%v{n}", ["0", at], [1, part], (1, k))
            w = window(f"%w{n}", [at, f"d0 * {tile}"], [part, tile], (k, outputs))
            return f"ins(%x = {x}, %w = {w})"

        out = window(f"%b{n}", ["0", f"d0 * {tile}"], [1, tile], (1, outputs))
        self.lines.append(
            f"""cedr.grid @gemm{n}_first [{outputs // tile} parallel] {inputs("0")} outs(%o = {out}) {{
              cedr.gemm ins(%x, %w) outs(%o)
              cedr.yield
            }}"""
        )
        if part < k:
            steps, slots = k // part - 1, self.random.choice((1, 2, 3))
            ring = memref(slots, 1, tile)
            self.lines.append(
                f"""%r{n} = cedr.alloc : {ring}
                cedr.grid @gemm{n} [{outputs // tile} parallel, {steps} reduction] {inputs(f"d1 * {part} + {part}")}
                    outs(%o = {out}) scratch(%t = %r{n} slot ((d0 * {steps} + d1) mod {slots}) : {ring}) {{
                  cedr.gemm ins(%x, %w) outs(%t)
                  cedr.zip add ins(%o, %t) outs(%o)
                  cedr.yield
                }}"""
            )
        view = Image(f"%u{n}", outputs, 1, 1)
        self.lines.append(f"%u{n} = cedr.view %b{n} : {memref(1, outputs)} to {memref(*view.shape)}")
        return view

    def step(self) -> None:
        """One more layer, on images that are there."""
        random, source = self.random, self.random.choice(self.images[-3:])
        like = [i for i in self.images if (i.height, i.width) == (source.height, source.width)]
        alike = [i for i in like if i.channels == source.channels]
        kind = random.choice(("conv", "conv", "conv", "pool", "up", "point", "update", "sum", "concat", "linear"))
        if kind == "conv":
            self.images.append(self.convolution(source))
        elif kind == "pool":
            self.images.append(self.pool(source))
        elif kind == "up" and source.height <= 6:
            self.images.append(self.upsample(source))
        elif kind == "update" and source.name != "%input":
            self.update(source)
        elif kind == "sum":
            self.images.append(self.sum(source, random.choice(alike)))
        elif kind == "concat" and source.channels <= 4:
            self.images.append(self.concat(source, random.choice(like)))
        elif kind == "linear":
            self.images.append(self.linear(source))
        else:
            self.images.append(self.pointwise(source))

    def text(self, steps: int, channels: int = 2, size: int = 6) -> str:
        first = Image("%input", channels, size, size)
        self.images.append(first)
        for _ in range(steps):
            self.step()
        last = self.images[-1]
        out = Image("%output", last.channels, last.height, last.width)
        self.pointwise(last, (out, 0))
        body = "\n".join(self.lines)
        return f"""builtin.module {{
          func.func @main(%input: {memref(*first.shape)}, %output: {memref(*out.shape)} {{cedr.output = "y"}}) {{
            {body}
            cedr.wait
            func.return
          }}
        }}"""


def random_program(random: Random, steps: int) -> str:
    return Programs(random).text(steps)


def chain(layers: int, channels: int = 8, size: int = 16) -> str:
    """So many padded convolutions, one after the other, in tiles of rows, relu from scratch."""
    lines = [f"%b0 = cedr.alloc : {memref(1, channels, size + 2, size + 2)}"]
    side = size + 2
    shape = (1, channels, side, side)
    parts = []
    for n in range(layers + 1):
        border = f"""cedr.grid @border{n} [] outs(%o = {window(f"%b{n}", ["0"] * 4, list(shape), shape)}) {{
          cedr.kernel @border{n} [{channels}, 2, {side}] maps [(0, d0, d1 * {side - 1}, d2), (0, d0, d2, d1 * {side - 1})]
              ins() outs(%o, %o) {{
          ^bb0(%a: f32, %b: f32):
            %z = arith.constant 0.0 : f32
            cedr.yield %z, %z : f32, f32
          }}
          cedr.yield
        }}"""
        source = (
            window("%input", ["0", "0", "d0 * 4", "0"], [1, channels, 4, size], (1, channels, size, size))
            if n == 0
            else window(f"%b{n - 1}", ["0", "0", "d0 * 4", "0"], [1, channels, 6, side], shape)
        )
        target = window(f"%b{n}", ["0", "0", "d0 * 4 + 1", "1"], [1, channels, 4, size], shape)
        relu = Programs.relu(
            f"relu{n}", [channels, 4, size], "(0, d0, d1, d2)", "(0, d0, d1, d2)", "%x" if n == 0 else "%t"
        )
        if n == 0:
            parts.append(f"{border}\ncedr.grid @g0 [{size // 4} parallel] ins(%x0 = {source}) outs(%o = {target}) {{")
            parts.append(relu.replace("ins(%x)", "ins(%x0)") + "\ncedr.yield }")
            continue
        ring = memref(4, 1, channels, 4, size)
        parts.append(
            f"""%b{n} = cedr.alloc : {memref(*shape)}
            {border}
            %w{n} = cedr.weight @w{n} : {memref(channels, channels, 3, 3)}
            %r{n} = cedr.alloc : {ring}
            cedr.grid @g{n} [{size // 4} parallel]
                ins(%i = {source},
                    %w = {window(f"%w{n}", ["0"] * 4, [channels, channels, 3, 3], (channels, channels, 3, 3))})
                outs(%o = {target}) scratch(%t = %r{n} slot ((d0) mod 4) : {ring}) {{
              cedr.conv2d ins(%i, %w) outs(%t)
              {relu}
              cedr.yield
            }}"""
        )
    last = window(f"%b{layers}", ["0", "0", "1", "1"], [1, channels, size, size], shape)
    copy = Programs.relu("out", [channels, size, size], "(0, d0, d1, d2)", "(0, d0, d1, d2)", "%i")
    out = memref(1, channels, size, size)
    parts.append(
        f"cedr.grid @out [] ins(%i = {last}) outs(%o = %output[0, 0, 0, 0][1, {channels}, {size}, {size}] : {out}) {{"
    )
    parts.append(f"{copy}\ncedr.yield }}")
    body = "\n".join(lines + parts)
    return f"""builtin.module {{
      func.func @main(%input: {out}, %output: {out} {{cedr.output = "y"}}) {{
        {body}
        cedr.wait
        func.return
      }}
    }}"""
