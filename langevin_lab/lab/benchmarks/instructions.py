"""Instructions of a step, counted by the unit of a card that carries them out.

    class            SASS                                 PTX
    fp64             DADD, DMUL, DFMA, DSETP, ...         add.f64, fma.rn.f64, ...
    fp32             FADD, FMUL, FFMA                     add.f32, fma.rn.f32, ...
    multiply         IMAD in all forms                    mul.wide.u32, mad.lo.s32, ...
    integer          adds, shifts, logic, compares,       the same
                     selects, moves of registers
    special          MUFU, POPC, FLO                      ex2, lg2, rsqrt, sin, ...
    conversion       I2F, F2I, F2F                        cvt, but from integer to integer
    wide_conversion  the same from or to 64 bits          cvt with .f64, .s64, .u64
    memory           loads and stores                     ld, st, atom
    control          branches, barriers                   bra, ret
    uniform          once for the threads of a warp       -

SASS is what runs. PTX is a language before the last compiler: 64-bit integers count as the
two (products: three) 32-bit instructions that they become, moves as none; the count is rougher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from langevin_lab.lab.benchmarks.assembly import Block, Instruction, blocks, loops, usual_path

__all__ = ["CLASSES", "StepCount", "classify", "count_steps"]

CLASSES = (
    "fp64", "fp32", "multiply", "integer", "special", "conversion", "wide_conversion", "memory",
    "control", "uniform",
)  # fmt: skip
# The multipliers of Philox4x32 (Salmon et al. 2011 [SMDS11], table 2).
_MULTIPLIERS = {0xD2511F53, 0xCD9E8D57}
_ROUNDS = 10

_SASS_CLASSES = (
    (r"(DADD|DMUL|DFMA|DSETP|DMNMX)\b", "fp64"),
    (r"(FADD|FMUL|FFMA)", "fp32"),
    (r"(IMAD|IMUL)", "multiply"),
    (r"(MUFU|POPC|FLO|BREV)", "special"),
    (r"(I2F|F2I|F2F|I2I|FRND)\b.*64", "wide_conversion"),
    (r"(I2F|F2I|F2F|I2I|FRND)\b", "conversion"),
    (r"(LD|ST|ATOM|RED|MEMBAR|CCTL)", "memory"),
    (r"(BRA|JMP|EXIT|BSSY|BSYNC|BREAK|CALL|RET|WARPSYNC|NOP|BAR|YIELD|BMOV|NANOSLEEP)", "control"),
    (r"(U[A-Z]|R2UR|VOTEU|S2UR)", "uniform"),
)
# Between integers a register is renamed, at most moved.
_PTX_MOVES = re.compile(r"mov|cvta|cvt\.[us]\d+\.[us]\d+$")
_PTX_CLASSES = (
    (_PTX_MOVES.pattern, "integer"),
    (r"cvt.*\.(f64|s64|u64)\b", "wide_conversion"),
    (r"cvt", "conversion"),
    (r"(ex2|lg2|rsqrt|sin|cos|tanh|rcp\.approx|sqrt\.approx|popc|clz|brev|bfind)\b", "special"),
    (r"(ld|st|atom|red)\b", "memory"),
    (r"(bra|ret|exit|call|bar|trap|membar)\b", "control"),
    (r"selp", "integer"),
    (r".*\.f64$", "fp64"),
    (r"(setp|min|max|abs|neg).*\.f32$", "integer"),
    (r".*\.f32$", "fp32"),
    (r"(mul|mad)\b", "multiply"),
)


@dataclass(frozen=True)
class StepCount:
    """Instructions that one replica takes for one step.

    Parameters
    ----------
    per_step : dict of str to float
        By class.
    n_steps : float
        Steps in one pass of the loop.
    language : str
        "SASS" or "PTX".
    opcodes : dict of str to int
        Of one pass.
    """

    per_step: dict[str, float]
    n_steps: float
    language: str
    opcodes: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All instructions of a step."""
        return sum(self.per_step.values())


def classify(opcode: str) -> str:
    """The class of an opcode of SASS (capitals) or PTX."""
    table = _SASS_CLASSES if opcode[0].isupper() else _PTX_CLASSES
    return next((name for pattern, name in table if re.match(pattern, opcode)), "integer")


def weight(line: Instruction) -> int:
    """Machine instructions of a line: 1 but for moves and 64-bit integers of PTX.

    A 64-bit product by a constant below 2^32 counts as one: it is Philox's, of two 32-bit numbers.
    """
    opcode = line.opcode
    if opcode[0].isupper():
        return 1
    if _PTX_MOVES.match(opcode):
        return 0
    if re.search(r"\.[subf]64$", opcode) is None:
        return 1
    kind = classify(opcode)
    if kind == "multiply":
        by_constant = re.search(r",\s*\d+$", line.operands) and not opcode.startswith("mad")
        return 1 if by_constant or ".wide" in opcode else 3
    return 2 if kind == "integer" else 1


def count_steps(text: str, *, normals_per_step: int, n_steps: float | None = None) -> StepCount:
    """Count the loop over steps of a kernel that draws its normals by Philox4x32-10.

    Parameters
    ----------
    text : str
        SASS or PTX.
    normals_per_step : int
    n_steps : float, optional
        Steps of one pass of the loop; by default from the multiplications of Philox in it, of
        which a call has twenty and yields two normals.

    Raises
    ------
    ValueError
        If there is no loop, or no Philox in it and ``n_steps`` is not given.
    """
    found = blocks(text)
    path = usual_path(found, step_loop(found))
    if n_steps is None:
        calls = round(_products(path, _registers(found)) / (2 * _ROUNDS))
        n_steps = 2 * calls / normals_per_step
    if not n_steps > 0:
        raise ValueError("no Philox in the largest loop; give n_steps, the steps of one pass")
    counts: Counter[str] = Counter()
    for line in path:
        counts[classify(line.opcode)] += weight(line)
    return StepCount(
        {name: counts[name] / n_steps for name in CLASSES if counts[name]},
        n_steps,
        "SASS" if path[0].opcode[0].isupper() else "PTX",
        dict(Counter(line.opcode for line in path)),
    )


def step_loop(found: Sequence[Block]) -> int:
    """Head of the loop over steps: the smallest with all of Philox; without it the largest."""

    def order(head: int) -> tuple[int, int]:
        lines = [line for k in members[head] for line in found[k].lines]
        products = _products(lines, held)
        return products, -len(lines) if products else len(lines)

    members, held = loops(found), _registers(found)
    return max(members, key=order)


def _products(lines: Iterable[Instruction], held: dict[str, int]) -> int:
    """Products with a multiplier of Philox: twenty a call.

    One of the first round may stand before the loop, since replica and seed stay.
    """
    return sum(
        classify(line.opcode) == "multiply"
        and not _MULTIPLIERS.isdisjoint([*_integers(line.operands), *_held(line.operands, held)])
        for line in lines
    )


def _registers(found: Sequence[Block]) -> dict[str, int]:
    """Registers of PTX that a constant is moved to: each is written once."""
    moved = {}
    for line in (line for block in found for line in block.lines):
        match = re.fullmatch(r"(%\w+),\s*(-?\d+)", line.operands)
        if match and line.opcode.startswith("mov"):
            moved[match[1]] = int(match[2]) % 2**32
    return moved


def _held(operands: str, held: dict[str, int]) -> Iterable[int]:
    """Constants in the registers among the operands."""
    return (held[name] for name in re.findall(r"%\w+", operands) if name in held)


def _integers(operands: str) -> Iterable[int]:
    """Integers among the operands, modulo 2^32."""
    for text in re.findall(r"(?<![\w.%\[])-?(?:0x[0-9a-f]+|\d+)\b", operands):
        yield int(text, 0) % 2**32
