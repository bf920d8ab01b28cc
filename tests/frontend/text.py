"""Text of modules and back, for tests."""

from io import StringIO

from xdsl.context import Context
from xdsl.dialects import builtin, complex, func, math, scf, tensor
from xdsl.ir import Operation
from xdsl.printer import Printer

from cedr.dialects.cedr import Cedr
from cedr.dialects.extensions import Arith
from cedr.dialects.linalg_extensions import Linalg


def context() -> Context:
    """A context that knows the dialects of the first level."""
    context = Context()
    for dialect in (
        builtin.Builtin,
        func.Func,
        Arith,
        complex.Complex,
        math.Math,
        scf.Scf,
        tensor.Tensor,
        Linalg,
        Cedr,
    ):
        context.load_dialect(dialect)
    return context


def text_of(op: Operation, *, locations: bool = False, generic: bool = False) -> str:
    """The op's text."""
    out = StringIO()
    Printer(out, print_debuginfo=locations, print_generic_format=generic).print_op(op)
    return out.getvalue() + "\n"
