"""Trees -> text of scalar arithmetic, the one text that numba compiles and numpy evaluates.

Sums of products become nested ``fma`` calls, integer powers become multiplications by repeated
squaring, factors that hold only numbers and parameters come first, so that the compiler moves
them out of the loop over replicas. All names are those of ``langevin_lab.compiled.elementary``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from langevin_lab.potentials.tree import Node, children, constant_value

WRITER_VERSION = 2

# Longer chains of fma would wait for one another and outgrow the parser's limit on nesting.
_LONGEST_CHAIN = 8
_SUM, _PRODUCT, _ATOM = range(3)
_ONE = Fraction(1)

# Without statements a power or a softplus repeats its argument, which may hold others.
_LONGEST_TEXT = 200_000

Piece = tuple[str, int]


class TextTooLong(ValueError):
    """The text of a tree would be longer than a compiler can be asked to read."""


class TextWriter:
    """Writes trees as text.

    Parameters
    ----------
    names : mapping
        Name in the tree -> name in the text; a name that is missing stands for itself.
    constant_names : collection of str
        Names (in the tree) that do not change from replica to replica: the parameters.
    statements : list of str, optional
        Receives assignments ``t3 = ...`` of repeated squares. Without it the text is one
        expression.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        constant_names: frozenset[str] = frozenset(),
        statements: list[str] | None = None,
    ):
        self.names = dict(names or {})
        self.constant_names = set(constant_names)
        self.shares = statements is not None
        self.lines = [] if statements is None else statements
        self._known: dict[str, str] = {}
        self._pieces: dict[int, tuple[Node, Piece]] = {}
        self._n_temporaries = 0

    def text(self, tree: Node) -> str:
        """Return the text of an arithmetic tree."""
        return self._piece(tree)[0]

    def condition(self, tree: Node) -> str:
        """Return the text of a condition; its parts are parenthesised comparisons."""
        kind = tree[0]
        if kind == "compare":
            return f"({self.text(tree[2])} {tree[1]} {self.text(tree[3])})"
        if kind == "not":
            # `not` fails on arrays and `~` on Python's bool: exclusive or serves both.
            return f"({self.condition(tree[1])} ^ True)"
        symbol = " & " if kind == "all" else " | "
        return f"({symbol.join(self.condition(part) for part in tree[1])})"

    def assign(self, name: str, tree: Node) -> None:
        """Write ``t0 = tree`` and let later trees use `name` for it."""
        text = self.text(tree)
        if self.is_constant(tree):
            self.constant_names.add(name)
        self.names[name] = self._temporary(text)

    def is_constant(self, tree: Node) -> bool:
        """Return whether only numbers and parameters occur in `tree`."""
        if tree[0] == "name":
            return tree[1] in self.constant_names
        return all(self.is_constant(child) for child in children(tree))

    def _temporary(self, text: str) -> str:
        name = f"t{self._n_temporaries}"
        self._n_temporaries += 1
        self.lines.append(f"{name} = {text}")
        return name

    def _piece(self, tree: Node) -> Piece:
        """Return the text of a tree; each is written once, however often it is asked for."""
        if id(tree) not in self._pieces:
            piece = self._new_piece(tree)
            if len(piece[0]) > _LONGEST_TEXT:
                raise TextTooLong(f"its code has more than {_LONGEST_TEXT} characters")
            # The tree is kept too: its id must not be given to another one.
            self._pieces[id(tree)] = (tree, piece)
        return self._pieces[id(tree)][1]

    def _new_piece(self, tree: Node) -> Piece:
        kind = tree[0]
        if kind == "name":
            return str(self.names.get(tree[1], tree[1])), _ATOM
        value = tree[1] if kind == "number" else constant_value(tree)
        if value is not None:
            return number_text(Fraction(value))
        if kind == "sum":
            return self._sum(tree)
        if kind == "product":
            return self._product(*_factors(tree))
        if kind == "power":
            return self._power(tree)
        return self._call(tree[1], tree[2])

    def _atom(self, tree: Node) -> str:
        text, level = self._piece(tree)
        return text if level == _ATOM else f"({text})"

    def _call(self, function: str, operand: Node) -> Piece:
        if function not in ("tan", "sigmoid", "softplus"):
            return f"{function}({self.text(operand)})", _ATOM
        argument = self._base(operand)
        if function == "tan":
            return f"sin({argument})/cos({argument})", _PRODUCT
        if function == "sigmoid":
            return f"1.0/(1.0 + exp(-{argument}))", _PRODUCT
        # max(u, 0) + log(1 + e^-|u|) never overflows.
        size = self._shared(f"absolute({argument})")
        return f"fma(0.5, {argument} + {size}, log1p(exp(-{size})))", _ATOM

    def _sum(self, tree: Node) -> Piece:
        constant, terms = _terms(tree)
        fixed = [term for term in terms if self.is_constant(("product", term[1] + term[2]))]
        moving = [term for term in terms if term not in fixed]
        if not fixed:
            return self._accumulate(constant, moving) if moving else number_text(constant)
        start = self._accumulate(constant, fixed)
        return self._accumulate(Fraction(0), moving, start) if moving else start

    def _accumulate(
        self, constant: Fraction, terms: list[Term], start: Piece | None = None
    ) -> Piece:
        """Return start + constant + terms: plain terms by addition, products by fma."""
        if start is None and constant:
            start = number_text(constant)
        pairs = []
        for term in terms:
            pair = self._pair(term)
            if pair is not None:
                pairs.append((pair, term))
            else:
                start = self._added(start, term)
        chunks: list[Piece] = []
        for i, (pair, term) in enumerate(pairs):
            if i and i % _LONGEST_CHAIN == 0 and start is not None:
                chunks.append(start)
                start = None
            if start is None:
                start = self._product(*term)
            else:
                start = (f"fma({pair[0]}, {pair[1]}, {start[0]})", _ATOM)
        if start is not None:
            chunks.append(start)
        if len(chunks) == 1:
            return chunks[0]
        return " + ".join(text for text, _ in chunks), _SUM

    def _added(self, start: Piece | None, term: Term) -> Piece:
        coefficient, numerators, denominators = term
        if start is None:
            return self._product(*term)
        sign = "-" if coefficient < 0 else "+"
        text, level = self._product(abs(coefficient), numerators, denominators)
        text = f"({text})" if level == _SUM else text
        return f"{start[0]} {sign} {text}", _SUM

    def _pair(self, term: Term) -> tuple[str, str] | None:
        """Return the two factors of a product for fma; None for a single factor or a quotient."""
        coefficient, numerators, denominators = term
        if any(not self.is_constant(factor) for factor in denominators) or not numerators:
            return None
        ordered = self._ordered(numerators)
        last = ordered[-1]
        if len(ordered) > 1 or abs(coefficient) != 1 or denominators:
            front = self._product(coefficient, tuple(ordered[:-1]), denominators)[0]
            return front, self.text(last)
        exponent = _integer_exponent(last)
        if exponent < 2:
            return None
        base = self._base(last[1])
        lower = self._squared(base, exponent // 2)
        upper = self._squared(base, exponent - exponent // 2)
        return f"-{upper}" if coefficient < 0 else upper, lower

    def _ordered(self, factors: tuple[Node, ...]) -> list[Node]:
        return sorted(factors, key=lambda factor: not self.is_constant(factor))

    def _product(
        self, coefficient: Fraction, numerators: tuple[Node, ...], denominators: tuple[Node, ...]
    ) -> Piece:
        fixed = [factor for factor in numerators if self.is_constant(factor)]
        moving = [factor for factor in numerators if not self.is_constant(factor)]
        below = [factor for factor in denominators if self.is_constant(factor)]
        below_moving = [factor for factor in denominators if not self.is_constant(factor)]
        first_factors = fixed or ([] if below else moving)
        parts = [self._atom(factor) for factor in first_factors]
        if abs(coefficient) != 1 or not parts:
            parts.insert(0, number_text(abs(coefficient))[0])
        if not denominators and len(parts) == 1 and first_factors and not (fixed and moving):
            text, level = self._piece(first_factors[0])
            if coefficient > 0:
                return text, level
        text = ("-" if coefficient < 0 else "") + "*".join(parts)
        n_factors = len(parts)
        if below:
            text = f"{text}/{self._denominator(below)}"
        if first_factors is not moving:
            text = "*".join([text, *(self._atom(factor) for factor in moving)])
            n_factors += len(moving)
        if below_moving:
            text = f"{text}/{self._denominator(below_moving)}"
        is_atom = n_factors == 1 and coefficient > 0 and not denominators
        return text, _ATOM if is_atom else _PRODUCT

    def _denominator(self, factors: list[Node]) -> str:
        text = "*".join(self._atom(factor) for factor in factors)
        return text if len(factors) == 1 else f"({text})"

    def _power(self, tree: Node) -> Piece:
        base, exponent = tree[1], tree[2]
        if exponent[0] != "number":
            return f"power({self.text(base)}, {self.text(exponent)})", _ATOM
        value = exponent[1]
        if value < 0:
            return self._product(*_factors(("product", (tree,))))
        if value == 0:
            return "1.0", _ATOM
        whole, rest = divmod(value, 1)
        if rest == 0:
            return self._squared(self._base(base), whole), _PRODUCT
        if value == Fraction(1, 2):
            return f"sqrt({self.text(base)})", _ATOM
        if rest == Fraction(1, 2):
            atom = self._base(base)
            return f"{self._squared(atom, whole)}*sqrt({atom})", _PRODUCT
        return f"power({self.text(base)}, {number_text(value)[0]})", _ATOM

    def _base(self, base: Node) -> str:
        """Return a base that is written several times."""
        text = self.text(base) if self.shares else self._atom(base)
        return self._shared(text)

    def _squared(self, atom: str, exponent: int) -> str:
        """Return atom**exponent by repeated squaring."""
        if exponent <= 3:
            return "*".join([atom] * exponent)
        half = self._squared(atom, exponent // 2)
        half = f"({half})" if not self.shares else self._shared(half)
        return f"{half}*{half}" + (f"*{atom}" if exponent % 2 else "")

    def _shared(self, text: str) -> str:
        """Return a short name for `text` where statements are allowed, else `text`."""
        if not self.shares or text.isidentifier():
            return text
        if text not in self._known:
            self._known[text] = self._temporary(text)
        return self._known[text]


Term = tuple[Fraction, tuple[Node, ...], tuple[Node, ...]]


def number_text(value: Fraction) -> Piece:
    """Return the shortest decimal that reads back as the float64 nearest to `value`.

    Raises OverflowError if there is none.
    """
    number = float(value)
    return repr(number), _ATOM if number >= 0 else _PRODUCT


def _integer_exponent(tree: Node) -> int:
    if tree[0] == "power" and tree[2][0] == "number" and tree[2][1].denominator == 1:
        return int(tree[2][1])
    return 0


def _terms(tree: Node) -> tuple[Fraction, list[Term]]:
    """Return (sum of the numbers, other terms) of nested sums."""
    constant, terms = Fraction(0), []
    for child in tree[1]:
        if child[0] == "sum":
            inner_constant, inner = _terms(child)
            constant += inner_constant
            terms += inner
            continue
        term = _factors(child)
        if not term[1] and not term[2]:
            constant += term[0]
        elif term[0]:
            terms.append(term)
    return constant, terms


def _factors(tree: Node) -> Term:
    """Return (number, numerators, denominators) of nested products and negative powers."""
    if tree[0] == "number":
        return tree[1], (), ()
    if tree[0] == "product":
        coefficient = _ONE
        above: tuple[Node, ...] = ()
        below: tuple[Node, ...] = ()
        for child in tree[1]:
            number, numerators, denominators = _factors(child)
            coefficient *= number
            above += numerators
            below += denominators
        return coefficient, above, below
    value = constant_value(tree)
    if value is not None:
        return Fraction(value), (), ()
    if tree[0] == "power" and tree[2][0] == "number" and tree[2][1] < 0:
        return _inverted(tree[1], -tree[2][1])
    return _ONE, (tree,), ()


def _inverted(base: Node, exponent: Fraction) -> Term:
    if exponent != 1:
        return _ONE, (), (("power", base, ("number", exponent)),)
    number, numerators, denominators = _factors(base)
    if number == 0:
        return _ONE, (), (base,)
    return 1 / number, denominators, numerators
