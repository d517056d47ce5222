"""Certificates of any word: what is right is not refuted, what is wrong in a step or record is."""

import dataclasses

import numpy as np
import pytest

from langevin_lab.integrators import method, specimen, splitting
from langevin_lab.lab import LabError
from langevin_lab.lab.certificate import certificate
from langevin_lab.lab.certificate.metropolis_checks import changes_of_averages
from langevin_lab.lab.certificate.subject import Subject
from langevin_lab.lab.certificate.verdicts import judged_order, known_orders


def refuted(name, **options):
    paper = certificate(name, orders=False, **options)
    return [check.statement for check in paper.checks if not check.passed]


def with_record(name, **changes):
    made = method(name)
    return dataclasses.replace(made, properties=dataclasses.replace(made.properties, **changes))


def replaced(name, old, new):
    """The method with other words in the lines of its step."""
    made = method(name)
    lines = tuple(line.replace(old, new) for line in made.program.text)
    assert lines != made.program.text
    return dataclasses.replace(made, program=dataclasses.replace(made.program, text=lines))


GIBBS = [f"Gibbs law kept at dt = {dt}: change of <x^2>, <p^2>, <x p>, <x^2 p^2>"
         for dt in ("0.2", "1", "1.8")]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v, -p", "v, p"),
        ("noise * n1", "2.0 * noise * n1"),
        ("noise * n1", "1.02 * noise * n1"),
        ("noise * n0", "1.02 * noise * n0"),
    ],
)
def test_wrong_momenta_of_ghmc_are_refuted(old, new):
    assert refuted(replaced("GHMC", old, new)) == GIBBS


def test_each_average_of_ghmc_sees_what_it_is_for():
    assert max(map(abs, changes_of_averages(Subject(method("GHMC")), 1.0).values())) < 1e-9
    turned = changes_of_averages(Subject(replaced("GHMC", "v, -p", "v, p")), 1.0)
    assert {name for name, change in turned.items() if abs(change) > 1e-6} == {"<x p>"}
    loud = changes_of_averages(Subject(replaced("GHMC", "* n1", "* n1 * 1.1")), 1.0)
    # s^2 = 1 - exp(-friction dt), of which 21 % too much; friction dt = 1.4 over two O.
    excess = 0.21 * (1 - np.exp(-1.4))
    np.testing.assert_allclose([loud["<p^2>"], loud["<x^2 p^2>"]], excess, rtol=1e-8)


@pytest.mark.parametrize(
    ("word", "statement", "shown", "verdict"),
    [
        ("BAODAB", "lowest of these orders", "at least 1", "holds"),
        ("ABNAC", "harmonic <x^2>: order of the bias", "at least 1", "holds"),
        ("NBNBCAC", "harmonic <x^2>: order of the bias", "at least 1", "holds"),
        ("DACBNC", "harmonic <x^2>: order of the bias", "at least 1", "holds"),
        ("ANCADBDACNA", "harmonic <x^2>: order of the bias", "at least 2", "holds"),
        ("AOBA", "detailed balance, 1 coordinate", "not stated", "measured"),
        ("ABOA", "detailed balance, 1 coordinate", "not stated", "measured"),
        ("ADOBA", "detailed balance, 1 coordinate", "not stated", "measured"),
        # terms of two orders cancel at the larger steps
        ("OBDBODOBADA", "harmonic <x^2>: order of the bias", "1", "holds"),
        # O in two gaps, balanced all the same
        ("BABOBABOBAB", "detailed balance, 1 coordinate", "not stated", "measured"),
    ],
)
def test_right_word_that_is_better_on_a_harmonic_well_stands(word, statement, shown, verdict):
    paper = certificate(word, orders=False)
    assert [check for check in paper.checks if not check.passed] == []
    (check,) = [check for check in paper.checks if check.statement == statement]
    assert (check.expected, check.verdict) == (shown, verdict)


def random_words(equation, alphabets, count, seed):
    """Words that `splitting` accepts; every third or so a palindrome."""
    generator = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        letters = list(generator.choice(alphabets))
        word = "".join(generator.choice(letters, generator.integers(3, 9)))
        if generator.random() < 0.35:
            word += word[-2::-1]
        # N alone feels no thermostat: it has no stationary law.
        if equation == "adaptive" and not {"O", "C"} & set(word):
            continue
        try:
            splitting(word, equation)
        except ValueError:
            continue
        if len(word) <= 11:
            found.append(word)
    return found


@pytest.mark.parametrize(
    ("equation", "word"),
    [("langevin", word) for word in random_words("langevin", ["ABO", "ABCN", "UB"], 8, seed=5)]
    + [("adaptive", word) for word in random_words("adaptive", ["ABOD", "ABCND"], 7, seed=6)],
)
def test_random_word_is_not_refuted(equation, word):
    assert refuted(word, equation=equation) == []


@pytest.mark.parametrize("error", [-1.0, 1.0])
@pytest.mark.parametrize("word", ["OBABO", "BADODAB", "BACNCAB"])
def test_palindrome_with_a_wrong_record_is_refuted_either_way(word, error):
    record = method(word).properties
    wrong = with_record(word, weak_order=record.weak_order + error)
    assert refuted(wrong) != []


def test_orders_that_are_known_of_a_method():
    assert known_orders(Subject(method("BAOA"))) == (1.0, 2.0)
    assert known_orders(Subject(method("MALA"))) == (np.inf, np.inf)
    assert known_orders(Subject(specimen("AdLaLa"))) == (1.0, 2.0)
    mine = dataclasses.replace(method("BAOAB"), name="Mine")
    assert known_orders(Subject(mine)) == (-np.inf, -np.inf)


@pytest.mark.parametrize(
    ("stated", "observed", "known", "expected", "verdict"),
    [
        (2.0, 1.0, -np.inf, "2", "refuted"),
        (2.0, 2.1, 2.0, "2", "holds"),
        (1.0, 2.0, 1.0, "at least 1", "holds"),
        (1.0, 2.0, 2.0, "1", "refuted"),
        (1.0, 2.0, np.inf, "1", "refuted"),
        (1.0, np.inf, 1.0, "at least 1", "holds"),
        (1.0, -np.inf, -np.inf, "1", "refuted"),
    ],
)
def test_higher_order_refutes_only_below_what_is_known(stated, observed, known, expected, verdict):
    check = judged_order("order", stated, observed, "text", known)
    assert (check.expected, check.verdict) == (expected, verdict)


@pytest.mark.parametrize(
    ("name", "equation", "message"),
    [
        ("BAOAB", "nonsense", "equation='nonsense' is unknown: use one of 'overdamped'"),
        ("BAOAB", "overdamped", "'BAOAB' has no variant for equation='overdamped': .* 'langevin'"),
        ("MALA", "langevin", "method='MALA' has no variant for equation='langevin': it is for 'ov"),
        ("GHMC", "partitioned", "method='GHMC' has no variant for equation='partitioned'"),
        ("BAOAB", "ito", "'BAOAB' is none for an ItoDiffusion"),
    ],
)
def test_certificate_for_another_equation_is_refused(name, equation, message):
    with pytest.raises(LabError, match=message):
        certificate(name, equation=equation)


def test_certificate_of_a_method_object_for_another_equation_is_refused():
    with pytest.raises(LabError, match="'BAOAB' has no variant for equation='adaptive'"):
        certificate(method("BAOAB"), equation="adaptive")
