"""A pipeline's text: what it names, and what it refuses."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.universe import XDSL_UNIVERSE

import cedr.passes
from cedr.passes import UnknownPassError, get_all_passes, get_pass, own_passes
from cedr.passes.specification import OptionInfo, PipelineError, make_passes, option_infos, parse_pipeline
from cedr.passes.universe import CEDR_UNIVERSE


@dataclass(frozen=True)
class ProbePass(ModulePass):
    """Takes one option of each type."""

    name = "probe"

    size: int
    scale: float = 1.5
    keep: bool = False
    label: str = "plain"
    tiles: tuple[int, ...] = (8, 8)
    reuse: Literal["full", "layered"] = "full"
    limit: int | None = None
    platform_name: str = dataclasses.field(default="zcu102")

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size is at least 0, got {self.size}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        pass


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = get_all_passes() | {"probe": lambda: ProbePass}
    monkeypatch.setattr(cedr.passes, "get_all_passes", lambda: passes)


def test_names_in_order() -> None:
    names = [call.name for call in parse_pipeline(" cse , dce,\n canonicalize ")]
    assert names == ["cse", "dce", "canonicalize"]


@pytest.mark.parametrize("text", ["", "  ", "builtin.module()", "builtin.module(func.func())"])
def test_an_empty_pipeline_is_one(text: str) -> None:
    assert make_passes(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "builtin.module(cse,probe{size=1},dce)",
        "builtin.module(cse, func.func( probe{ size = 1 } ), dce)",
        "cse,any(probe{size=1},dce)",
    ],
)
def test_nesting_is_flattened(text: str) -> None:
    assert [one.name for one in make_passes(text)] == ["cse", "probe", "dce"]


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ("size=3", "size", 3),
        ("size=1 scale=2", "scale", 2.0),
        ("size=1 scale=1e-3", "scale", 0.001),
        ("size=1 keep", "keep", True),
        ("size=1 keep=false", "keep", False),
        ("size=1 label=a-b.c/d", "label", "a-b.c/d"),
        ('size=1 label="a, b {c}"', "label", "a, b {c}"),
        ("size=1 label='say \"x\"'", "label", 'say "x"'),
        ("size=1 label=true", "label", "true"),
        ("size=1 tiles=4", "tiles", (4,)),
        ("size=1 tiles=4, 8 ,16", "tiles", (4, 8, 16)),
        ("size=1 reuse=layered", "reuse", "layered"),
        ("size=1 limit=7", "limit", 7),
        ("size=1 limit=none", "limit", None),
        ("size=1 platform-name=vcu", "platform_name", "vcu"),
        ("size=1 platform_name=vcu", "platform_name", "vcu"),
    ],
)
def test_options_are_converted(options: str, field: str, value: object) -> None:
    (one,) = make_passes(f"probe{{{options}}}")
    assert getattr(one, field) == value
    assert type(getattr(one, field)) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("probe{size=x}", "option 'size' of 'probe' wants int, got x", 6),
        ("probe{size=1.5}", "wants int, got 1.5", 6),
        ('probe{size="1"}', "wants int, got 1", 6),
        ("probe{size}", "wants int, got nothing", 6),
        ("probe{size=1,2}", "wants int, got 1,2", 6),
        ("probe{size=1 scale=fast}", "option 'scale' of 'probe' wants float, got fast", 13),
        ("probe{size=1 keep=maybe}", "wants true|false, got maybe", 13),
        ("probe{size=1 label=a,b}", "wants text, got a,b", 13),
        ("probe{size=1 tiles=4,x}", "wants list of int, got 4,x", 13),
        ("probe{size=1 reuse=some}", "wants full|layered, got some", 13),
        ("probe{size=1 limit=many}", "wants int or none, got many", 13),
        ("probe{size=1 sise=2}", "'probe' has no option 'sise'; its options: size (int), scale (float)", 13),
        ("probe{size=1 size=2}", "given the option 'size' twice", 13),
        ("cse,probe", "'probe' needs the option size (int)", 4),
        ("probe{size=-1}", "'probe': size is at least 0, got -1", 0),
        ("proble", "no pass 'proble' (did you mean 'probe'?); those there are: ", 0),
        ("cse,,dce", "expected the name of a pass", 4),
        ("cse dce", "expected ',' or the end", 4),
        ("cse)", "expected ',' or the end", 3),
        ("probe{size=}", "expected a value", 11),
        ("probe{size=1", "expected '}'", 12),
        ("probe{=1}", "expected the name of an option", 6),
        ('probe{label="x}', 'no closing "', 12),
        ("builtin.module(cse", "expected ',' or ')'", 18),
        ("scf.for(cse)", "'scf.for' can't be nested in; only builtin.module, func.func, any can", 0),
    ],
)
def test_refusals_say_what_and_where(text: str, message: str, column: int) -> None:
    with pytest.raises(PipelineError) as refusal:
        make_passes(text)
    first, line, caret = str(refusal.value).splitlines()
    assert first.startswith("pass pipeline: ")
    assert message in first
    assert line == f"  {text}"
    assert caret == f"  {' ' * column}^"


def test_options_are_described() -> None:
    assert option_infos(ProbePass) == (
        OptionInfo("size", "int", None),
        OptionInfo("scale", "float", "1.5"),
        OptionInfo("keep", "true|false", "false"),
        OptionInfo("label", "text", "plain"),
        OptionInfo("tiles", "list of int", "8,8"),
        OptionInfo("reuse", "full|layered", "full"),
        OptionInfo("limit", "int or none", "none"),
        OptionInfo("platform-name", "text", "zcu102"),
    )


def test_every_pass_has_the_name_it_is_registered_by_and_a_documented_class() -> None:
    for name, factory in own_passes().items():
        pass_class = factory()
        assert pass_class.name == name
        assert pass_class.__doc__, name
        assert not pass_class.__doc__.startswith(f"{pass_class.__name__}("), f"{name}: its class wants a docstring"
        option_infos(pass_class)


def test_an_unknown_pass_lists_those_there_are() -> None:
    with pytest.raises(UnknownPassError, match="no pass 'nothing'; those there are: .*canonicalize, .*cse"):
        get_pass("nothing")


def test_our_names_do_not_clash_with_xdsls() -> None:
    assert not set(CEDR_UNIVERSE.all_passes) & set(XDSL_UNIVERSE.all_passes)
    assert not set(CEDR_UNIVERSE.all_dialects) & set(XDSL_UNIVERSE.all_dialects)
    assert CEDR_UNIVERSE.all_dialects["cedr"]().name == "cedr"
