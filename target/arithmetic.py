"""The arithmetic of a PE's implementation of a call, and the word that says it in a schedule file.

docs/values.md says what each computes; libcedr/arithmetic.c and runtime/arithmetic.py do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ARITHMETIC_APIS: Final = ("conv2d", "conv1d", "gemm", "fft", "zip")
"""Those that an arithmetic is defined for: a kernel is CPU code."""
ARITHMETIC_DTYPES: Final = ("f32", "f64", "c64")
"""The element types of calls that an arithmetic may take the place of."""
WORD_BITS: Final = {"int16": 16, "int8": 8}
ARITHMETICS: Final = ("f16", *WORD_BITS)
"""What a platform file may name. Without one a PE computes in the call's own element type."""

_OWN, _HALF, _BLOCK, _FIXED = range(4)


@dataclass(frozen=True)
class Arithmetic:
    """`name` is "" (the call's own element type), f16, int16 or int8; integers have a fixed number of `fraction_bits`, or
    None: block floating point."""

    name: str = ""
    fraction_bits: int | None = None

    @property
    def bits(self) -> int:
        """Of a word."""
        return WORD_BITS[self.name]

    @property
    def word(self) -> int:
        """u32: kind (0 own, 1 f16, 2 block floating point, 3 fixed point) | bits << 8 | fraction bits << 16."""
        if self.name in WORD_BITS:
            if self.fraction_bits is None:
                return _BLOCK | self.bits << 8
            return _FIXED | self.bits << 8 | self.fraction_bits << 16
        return _HALF if self.name else _OWN

    @classmethod
    def from_word(cls, word: int) -> Arithmetic | None:
        """The arithmetic of a word, or None where there is none."""
        kind, bits, fraction_bits = word & 0xFF, word >> 8 & 0xFF, word >> 16
        name = {size: name for name, size in WORD_BITS.items()}.get(bits, "")
        value = cls()
        if kind == _HALF:
            value = cls("f16")
        elif kind == _BLOCK:
            value = cls(name)
        elif kind == _FIXED and fraction_bits < bits:
            value = cls(name, fraction_bits)
        return value if value.word == word else None

    def __str__(self) -> str:
        if self.name in WORD_BITS:
            scale = "block floating point" if self.fraction_bits is None else f"{self.fraction_bits} fraction bits"
            return f"{self.name}, {scale}"
        return self.name or "the call's own element type"
