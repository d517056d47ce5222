"""Comparisons of a sampled number with an exact one, and their negative controls."""

LIMIT = 5.0


def z_score(observed, stderr, expected, n=None, label=""):
    """z = (observed - expected)/stderr, printed with all that it was made of."""
    z = (float(observed) - float(expected)) / float(stderr)
    print(
        f"{label:28s} {float(observed):.6g} +- {float(stderr):.2g} | expected "
        f"{float(expected):.6g} | z = {z:+.2f} | n = {n}"
    )
    return z


def assert_agrees(observed, stderr, expected, n=None, label=""):
    """|z| < 5."""
    assert abs(z_score(observed, stderr, expected, n, label)) < LIMIT


def assert_refutes(observed, stderr, wrong, n=None, label=""):
    """|z| > 5 against a wrong number: the test above has the power to notice it."""
    assert abs(z_score(observed, stderr, wrong, n, f"{label} (wrong)")) > LIMIT
