"""The normals as torch operations: the integers are those of numba, the floats to a few ulp."""

import numpy as np
import pytest

from langevin_lab import noise

torch = pytest.importorskip("torch")
from langevin_lab.pytorch.noise import draw, normals, philox4x32  # noqa: E402

# Random123 1.09 (D. E. Shaw Research), file kat_vectors, lines "philox4x32 10".
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
# seed, replica, first number: the ends of all ranges, and a pair that crosses a 32-bit word.
STREAMS = [(1, 0, 0), (2**64 - 1, 2**64 - 1, 2**63 + 5), (7, 3, 2**33 - 51), (0, 2**32, 1)]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, answer):
    words = philox4x32(tuple(torch.tensor([word]) for word in counter), key)
    assert tuple(int(word) for word in words) == answer


def test_philox_words_are_those_of_the_compiled_function():
    rng = np.random.default_rng(0)
    counters = rng.integers(0, 2**32, (50, 4))
    keys = rng.integers(0, 2**32, 2)
    words = philox4x32(tuple(torch.tensor(counters).unbind(1)), tuple(map(int, keys)))
    for row, counter in enumerate(counters):
        expected = noise.philox4x32(*map(np.uint64, counter), *map(np.uint64, keys))
        assert tuple(int(word[row]) for word in words) == tuple(map(int, expected))


def furthest(found, expected):
    """The largest distance in units of the last place."""
    return np.abs((found - expected) / np.spacing(np.abs(expected))).max()


@pytest.mark.parametrize(("seed", "replica", "start"), STREAMS)
def test_normals_are_those_of_the_package_to_five_ulp(seed, replica, start):
    expected = noise.normals(seed, replica, start, 100_001)[0]
    found = normals(seed, replica, start, 100_001)
    assert found.dtype == torch.float64
    assert furthest(found.numpy(), expected) <= 5
    # A neighbour's bits are no near miss.
    assert furthest(normals(seed, replica, start + 2, 100_001).numpy(), expected) > 1e3


def test_any_part_is_the_part_of_the_whole():
    whole = normals(3, 1, 0, 70_000)
    for start, count in ((0, 1), (1, 1), (32_767, 3), (32_768, 37_000), (69_999, 1), (5, 0)):
        assert torch.equal(normals(3, 1, start, count), whole[start : start + count])


def test_float32_normals_are_the_float64_ones_rounded():
    exact = normals(3, 1, 5, 1_001)
    assert torch.equal(normals(3, 1, 5, 1_001, dtype=torch.float32), exact.float())


@pytest.mark.parametrize(("start", "count"), [(11, 1_000), (0, 70_001), (3, 32_768), (2, 0)])
def test_drawing_on_a_cpu_gives_the_compiled_bits(start, count):
    found = torch.empty(count, dtype=torch.float64)
    draw(5, 2, start, found)
    np.testing.assert_array_equal(found.numpy(), noise.normals(5, 2, start, count)[0])
    short = torch.empty(count)
    draw(5, 2, start, short)
    assert torch.equal(short, found.float())


def test_elsewhere_the_torch_operations_draw(monkeypatch):
    asked = {}

    def recorded(*numbers, dtype, device):
        asked.update(numbers=numbers, dtype=dtype, device=device)
        return torch.empty(numbers[3], dtype=dtype, device=device)

    monkeypatch.setattr("langevin_lab.pytorch.noise.normals", recorded)
    meta = torch.device("meta")
    draw(5, 2, 11, torch.empty(1_000, device=meta))
    assert asked == {"numbers": (5, 2, 11, 1_000), "dtype": torch.float32, "device": meta}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((1.5, 0, 0, 1), TypeError, "seed=1.5 is a float; give an integer"),
        ((-1, 0, 0, 1), ValueError, r"seed=-1 is outside \[0, 2\*\*64\)"),
        ((1, 2**64, 0, 1), ValueError, "replica=18446744073709551616 is outside"),
        ((1, 0, 2**64 - 1, 2), ValueError, "count=2 end beyond normal number"),
    ],
)
def test_impossible_streams_are_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        normals(*arguments)
