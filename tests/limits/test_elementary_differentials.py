"""The algebra of trees against direct differentiation of a field that is no gradient."""

import pytest
import sympy

from langevin_lab.limits.elementary_differentials import Tree, TreeSum

X = sympy.symbols("x y", real=True)
V = sympy.symbols("v w", real=True)
# Neither a gradient nor of one degree, so that every index of every derivative counts.
FIELD = [X[0] ** 3 * X[1] - 2 * X[1] ** 2, X[1] ** 4 + X[0] * X[1] + 1]
TEXTS = ["f", "f'f", "f''(f, f)", "f'f'f", "f'''(f, f, f)", "f''(f, f'f)", "f'f''(f, f)"]
TEXTS += ["v", "x", "f'v", "f''(v, v)", "f''(f, f'v)", "f'f''(v, f'f)", "f'''(v, v, f'v)"]


def directional(entries, direction):
    """Derivative of a vector function of x along a fixed direction."""
    return [sum(sympy.diff(e, x) * d for x, d in zip(X, direction)) for e in entries]


def value(tree):
    """A tree by its definition, the derivatives taken along directions that are held fixed."""
    if tree.root != "f":
        return list({"x": X, "v": V}[tree.root])
    result = FIELD
    frozen = []
    for number, child in enumerate(tree.children):
        direction = sympy.symbols(f"d{number}_:2", real=True)
        frozen += list(zip(direction, value(child)))
        result = directional(result, direction)
    return [sympy.expand(entry.subs(frozen)) for entry in result]


def total(terms):
    values = [[c * entry for entry in value(tree)] for tree, c in terms.terms]
    return [sympy.expand(sum(column)) for column in zip(*values)] if values else [0, 0]


@pytest.mark.parametrize("text", TEXTS)
def test_grafting_is_differentiation(text):
    """The change of a tree along (X_x, X_v) is its Jacobian matrix times that field."""
    tree = Tree.parse(text)
    along = {
        "x": TreeSum([(Tree("v"), 2), (Tree.parse("f'f"), 1)]),
        "v": TreeSum([(Tree("f"), 1), (Tree("v"), sympy.Rational(-1, 3))]),
    }
    rates = list(zip((*X, *V), total(along["x"]) + total(along["v"])))
    direct = [
        sympy.expand(sum(sympy.diff(entry, q) * rate for q, rate in rates)) for entry in value(tree)
    ]
    assert total(tree.derivative(along)) == direct


def test_one_wrong_sign_in_grafting_is_noticed():
    """Negative control."""
    tree, f = Tree.parse("f''(f, f)"), TreeSum([(Tree("f"), 1)])
    changed = tree.derivative({"x": f})
    first, *others = changed.terms
    wrong = TreeSum([(first[0], -first[1]), *others])
    assert total(wrong) != total(changed)


@pytest.mark.parametrize("text", [*TEXTS, "f''''(f, f, v, f'f)"])
def test_text_of_a_tree_reads_back(text):
    assert Tree.parse(text).text == text
    assert repr(Tree.parse(text)) == f'Tree.parse("{text}")'


def test_equal_trees_merge_whatever_the_order_of_children():
    left, right = Tree.parse("f''( f'f,f )"), Tree.parse("f''(f, f'f)")
    assert left == right
    assert hash(left) == hash(right)
    merged = TreeSum([(left, sympy.Rational(1, 3)), (right, sympy.Rational(2, 3))])
    assert merged.terms == ((left, 1),)
    assert merged == TreeSum([(right, 1)])
    assert hash(merged) == hash(TreeSum([(right, 1)]))
    assert merged != left


def test_sums_are_linear():
    f, g = TreeSum([(Tree("f"), 1)]), TreeSum([(Tree.parse("f'f"), 2)])
    assert (f + g - f).terms == g.terms
    assert not f - f
    assert (3 * g).coefficient(Tree.parse("f'f")) == 6
    assert g.coefficient(Tree("f")) == 0
    a = sympy.Symbol("a")
    assert TreeSum([(Tree("f"), (a + 1) ** 2 - a**2 - 2 * a - 1)]).simplified() == TreeSum()


def test_printed_forms():
    a = sympy.Symbol("a")
    terms = TreeSum(
        [(Tree("f"), -1), (Tree.parse("f'f"), a + 1), (Tree.parse("f'''(f, f, f)"), -a)]
    )
    assert terms.text == "-f + (a + 1) f'f - a f'''(f, f, f)"
    assert terms.latex() == r"-f + \left(a + 1\right)\,f'f - a\,f'''(f, f, f)"
    assert repr(terms) == f"TreeSum({terms.text})"
    assert Tree.parse("f''''(f, f, v, f'f)").latex() == "f^{(4)}(f, f, v, f'f)"
    assert (TreeSum().text, TreeSum().latex()) == ("0", "0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g'f", 'tree="g\'f" has no node at "g\'f"; write f with a prime for each child'),
        ("f'", "has no node where it ends"),
        ("f''f", "f'' has 0 children; write one prime for each"),
        ("f''(f)", "f'' has 1 children; write one prime for each"),
        ("f'(f, f)", "f' has 2 children; write one prime for each"),
        ("f''(f, f", r"a bracket is not closed; add '\)'"),
        ("f f", "goes on with 'f' after f; remove it"),
        ("v(f)", r"goes on with '\(f\)' after v; remove it"),
    ],
)
def test_text_that_is_no_tree_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Tree.parse(text)


def test_wrong_nodes_are_refused():
    with pytest.raises(ValueError, match="root='g' must be 'f', or a coordinate"):
        Tree("g")
    with pytest.raises(ValueError, match="root='v' is a coordinate and has no children; use 'f'"):
        Tree("v", (Tree("f"),))
