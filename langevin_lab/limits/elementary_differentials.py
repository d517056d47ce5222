"""Elementary differentials: what derivatives of a flow are made of, as rooted trees.

With f = -grad U (divided by the mass where there is one) each derivative of a solution is a sum of

    f    f'f    f''(f, f)    f'f'f    f'''(f, f, f)    f''(f, f'f)    ...    f'v    f''(v, v)

A node of k children is the k-th derivative of f, a symmetric k-linear map, applied to what the
children stand for; f(x)'s own argument is not drawn. Leaves x and v are the coordinates. Along a
field (X_x, X_v) a tree changes by grafting: X_x grows on each node in turn as one more child, and
each leaf becomes its component. Nothing here knows the dimension.

Source: Hairer, Lubich and Wanner (2006), section III.1. This module imports sympy: it is itself
imported only where trees are met for the first time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

_LEAVES = ("x", "v")
_NODE = re.compile(r"\s*(f('*)|x|v)\s*")


@dataclass(frozen=True)
class Tree:
    """A rooted tree; equal whatever the order in which its children were given.

    Parameters
    ----------
    root : {"f", "x", "v"}
        f with any number of children, or a coordinate, which has none.
    children : iterable of Tree, optional

    Raises
    ------
    ValueError
        If the root is another, or a coordinate has children.

    Examples
    --------
    >>> f = Tree("f")
    >>> Tree("f", (Tree("f", (f,)), f))
    Tree.parse("f''(f, f'f)")
    >>> Tree.parse("f''(f'f, f)") == Tree.parse("f''(f, f'f)")
    True
    """

    root: str
    children: tuple[Tree, ...] = ()

    def __post_init__(self) -> None:
        if self.root not in ("f", *_LEAVES):
            raise ValueError(f"root={self.root!r} must be 'f', or a coordinate: 'x', 'v'")
        children = tuple(sorted(self.children, key=_key))
        if children and self.root != "f":
            raise ValueError(f"root={self.root!r} is a coordinate and has no children; use 'f'")
        object.__setattr__(self, "children", children)

    @classmethod
    def parse(cls, text: str) -> Tree:
        """The tree of a text such as ``"f''(f, f'f)"`` or ``"f'v"``.

        Raises
        ------
        ValueError
            If the text is no tree, or a node has more or fewer children than primes.
        """
        tree, rest = _read(text, text)
        if rest:
            raise ValueError(f"tree={text!r} goes on with {rest!r} after {tree.text}; remove it")
        return tree

    @functools.cached_property
    def text(self) -> str:
        """As one writes it, primes for derivatives."""
        children = [child.text for child in self.children]
        head = self.root + "'" * len(children)
        return head + (f"({', '.join(children)})" if len(children) > 1 else "".join(children))

    def latex(self) -> str:
        """LaTeX; from the fourth derivative on by its number instead of primes."""
        children = [child.latex() for child in self.children]
        count = len(children)
        head = self.root + ("'" * count if count < 4 else f"^{{({count})}}")
        return head + (f"({', '.join(children)})" if count > 1 else "".join(children))

    def derivative(self, along: Mapping[str, TreeSum]) -> TreeSum:
        """The change of this tree along a field: coordinate -> component.

        Parameters
        ----------
        along : mapping of {"x", "v"} to TreeSum
            A component that is not given is 0.
        """
        nothing = TreeSum()
        if self.root != "f":
            return along.get(self.root, nothing)
        terms = [
            (Tree("f", (*self.children, new)), coefficient)
            for new, coefficient in along.get("x", nothing).terms
        ]
        for index, child in enumerate(self.children):
            others = self.children[:index] + self.children[index + 1 :]
            terms += [
                (Tree("f", (*others, changed)), coefficient)
                for changed, coefficient in child.derivative(along).terms
            ]
        return TreeSum(terms)

    def __repr__(self) -> str:
        return f'Tree.parse("{self.text}")'


def _key(tree: Tree) -> tuple[int, str]:
    """Small trees first."""
    return tree.text.count("f") + tree.text.count("v"), tree.text


def _read(text: str, whole: str) -> tuple[Tree, str]:
    """The tree that a text begins with, and what follows it."""
    match = _NODE.match(text)
    if match is None:
        where = f"at {text!r}" if text.strip() else "where it ends"
        raise ValueError(
            f"tree={whole!r} has no node {where}; write f with a prime for each child, as in "
            "\"f''(f, f'f)\" or \"f'v\""
        )
    root, primes, rest = match[1][0], len(match[2] or ""), text[match.end() :]
    children = []
    if primes == 1 and not rest.startswith("("):
        child, rest = _read(rest, whole)
        children = [child]
    elif primes:
        children, rest = _read_bracket(rest, whole)
    if len(children) != primes:
        raise ValueError(
            f"tree={whole!r}: {root}{chr(39) * primes} has {len(children)} children; "
            "write one prime for each"
        )
    return Tree(root, tuple(children)), rest


def _read_bracket(text: str, whole: str) -> tuple[list[Tree], str]:
    """The trees between brackets, and what follows them."""
    children: list[Tree] = []
    separator, rest = text[:1], text[1:]
    if separator != "(":
        return children, text
    while separator in ("(", ","):
        child, rest = _read(rest, whole)
        children.append(child)
        separator, rest = rest[:1], rest[1:]
    if separator != ")":
        raise ValueError(f"tree={whole!r}: a bracket is not closed; add ')'")
    return children, rest.lstrip()


class TreeSum:
    """A linear combination of trees with sympy coefficients; immutable.

    Parameters
    ----------
    terms : iterable of (Tree, coefficient), optional
        Equal trees are merged; terms whose coefficient is 0 are left out.

    Attributes
    ----------
    terms : tuple of (Tree, sympy expression)
        Small trees first.

    Examples
    --------
    >>> f = TreeSum([(Tree("f"), 1)])
    >>> f.derivative({"x": f}) * sympy.Rational(1, 2)
    TreeSum(1/2 f'f)
    """

    __slots__ = ("terms",)
    terms: tuple[tuple[Tree, Any], ...]

    def __init__(self, terms: Iterable[tuple[Tree, Any]] = ()) -> None:
        summands: dict[Tree, list[Any]] = {}
        for tree, coefficient in terms:
            summands.setdefault(tree, []).append(sympy.sympify(coefficient))
        merged = [(tree, sympy.Add(*summands[tree])) for tree in sorted(summands, key=_key)]
        self.terms = tuple((tree, value) for tree, value in merged if value != 0)

    def __add__(self, other: TreeSum) -> TreeSum:
        return TreeSum((*self.terms, *other.terms))

    def __sub__(self, other: TreeSum) -> TreeSum:
        return self + other * -1

    def __mul__(self, factor: Any) -> TreeSum:
        return TreeSum((tree, factor * coefficient) for tree, coefficient in self.terms)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSum) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def coefficient(self, tree: Tree) -> Any:
        """The coefficient of a tree, 0 where it does not occur."""
        return dict(self.terms).get(tree, sympy.Integer(0))

    def derivative(self, along: Mapping[str, TreeSum]) -> TreeSum:
        """The change of the sum along a field: coordinate -> component."""
        return TreeSum(
            (changed, coefficient * factor)
            for tree, coefficient in self.terms
            for changed, factor in tree.derivative(along).terms
        )

    def simplified(self) -> TreeSum:
        """The same with coefficients in factors, so that those that vanish are seen to."""
        return TreeSum((tree, sympy.factor(coefficient)) for tree, coefficient in self.terms)

    @property
    def text(self) -> str:
        """One line, "0" for the empty sum."""
        pieces = [
            _signed(coefficient, str, tree.text, " ", is_first=index == 0)
            for index, (tree, coefficient) in enumerate(self.terms)
        ]
        return "".join(pieces) or "0"

    def latex(self) -> str:
        """LaTeX, "0" for the empty sum."""
        pieces = [
            _signed(coefficient, sympy.latex, tree.latex(), r"\,", is_first=index == 0)
            for index, (tree, coefficient) in enumerate(self.terms)
        ]
        return "".join(pieces) or "0"

    def __repr__(self) -> str:
        return f"TreeSum({self.text})"


def _signed(coefficient: Any, write: Any, tree: str, space: str, *, is_first: bool) -> str:
    """One term with the sign that joins it to what stands before."""
    is_negative = coefficient.could_extract_minus_sign()
    size = -coefficient if is_negative else coefficient
    number = "" if size == 1 else write(size)
    if size.is_Add:
        number = rf"\left({number}\right)" if write is sympy.latex else f"({number})"
    sign = ("-" if is_negative else "") if is_first else (" - " if is_negative else " + ")
    return sign + (f"{number}{space}{tree}" if number else tree)
