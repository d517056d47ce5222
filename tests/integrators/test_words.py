import by_hand
import numpy as np
import pytest

from langevin_lab.integrators import WORDS, splitting
from langevin_lab.integrators.words import normalise


@pytest.mark.parametrize(
    ("text", "word"),
    [("BAOAB", "BAOAB"), ("V R O R V", "BAOAB"), (" BA OA\tB ", "BAOAB"), ("RVORV", "ABOAB")],
)
def test_synonyms_and_spaces(text, word):
    assert normalise(text) == word
    assert splitting(text).name == word


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BAXAB", r"method='BAXAB': letter 'X' at position 3 is unknown; use A drift, B kick, O"),
        ("B A o A B", r"letter 'o' at position 3 is unknown \(did you mean O\?\)"),
        ("BAvAB", r"letter 'v' at position 3 is unknown \(did you mean V\?\)"),
        ("BB", r"method='BB' is no integrator: it has no A \(drift\)"),
        ("AOA", r"method='AOA' is no integrator: it has no B \(kick\)"),
        ("O", r"method='O' is no integrator: it has no A"),
        ("", r"method='' is no integrator"),
        ("BAAOB", r"method='BAAOB' repeats A without anything between: write A once"),
        ("BVA", r"method='BVA' repeats B"),
        ("U", r"method='U' is no integrator: it has no B \(kick\)"),
        ("UBAU", r"method='UBAU' has U \(drift with friction and noise\) and A \(drift\), which"),
        ("UBOBU", r"has U .* and O \(friction and noise\), which would .* twice; use U and B"),
        ("UBCNU", r"has U .* and C \(friction alone\), which would count it twice"),
    ],
)
def test_bad_words_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        splitting(text)


@pytest.mark.parametrize(
    ("word", "stored", "n_normals", "gradients"),
    [
        ("BAOAB", ("g",), 1, 1),
        ("OBABO", ("g",), 2, 1),
        ("BOAOB", ("g",), 2, 1),
        ("ABOBA", (), 1, 1),
        ("BAOA", (), 1, 1),
        ("BOBAB", ("g",), 1, 1),
        ("BABAB", ("g",), 0, 2),
        ("ABAOABA", (), 1, 2),
        ("UBU", (), 4, 1),
        ("BUB", ("g",), 2, 1),
    ],
)
def test_what_a_word_carries_draws_and_costs(word, stored, n_normals, gradients):
    method = splitting(word)
    assert method.state_names == ("x", "p")
    assert method.stored == stored
    assert method.n_normals == method.properties.normals_per_step == n_normals
    assert method.properties.gradients_per_step == gradients


@pytest.mark.parametrize("word", [*WORDS, *by_hand.MORE_WORDS])
def test_record_agrees_with_the_word(word):
    method = splitting(word)
    record = method.properties
    assert record.name == method.name == normalise(word)
    assert record.equation == "langevin"
    assert record.source
    assert method.thermostatted == bool(set("ONU") & set(word))
    assert (record.weak_order == 2) == (record.name == record.name[::-1])
    if method.thermostatted:
        assert record.configurational_order >= record.weak_order
    else:
        assert np.isnan(record.configurational_order)  # an energy shell has no temperature


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("nonsense", "equation='nonsense' has no splitting of one word, method='BAOAB': use 'lang"),
        ("overdamped", "equation='overdamped' has no .* for ll.Overdamped 'LeimkuhlerMatthews'"),
        ("nose_hoover", r"or integrators.nose_hoover\(word, n_thermostats\)"),
        ("partitioned", r"or integrators.partitioned\(word, equations, blocks\)"),
    ],
)
def test_splitting_for_another_equation_is_refused(equation, message):
    with pytest.raises(ValueError, match=message):
        splitting("BAOAB", equation)
