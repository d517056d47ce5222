"""A pseudo-random permutation of n things, any images at a time and without memory.

More than FEW things are numbered x = l b + r with l < a, r < b, where a = ceil(sqrt(n)) and
b = ceil(n/a). Each round moves one half by a keyed function of the other,

    l <- (l + F(key_j, r)) mod a,   then   r <- (r + F(key_j+1, l)) mod b,   ...

which is invertible whatever F is, so the rounds permute the a b >= n numbers; walking on from an
image >= n (fewer than a of them exist) until one is < n permutes the n things. With a and b next
to sqrt(n) hardly any walk is needed, where a split into halves of equally many bits would have to
walk up to four times. F is 32 bits mixed by two multiplications and scaled to the half's size.

Halves of a few numbers mix slowly (orders of 6 things are not equally frequent after 16 rounds),
so few things are shuffled outright, with one word a swap.

Source: Black and Rogaway, CT-RSA 2002, section 5, for the generalised Feistel cipher and cycle
walking; Knuth, The Art of Computer Programming 2, algorithm 3.4.2 P, for the shuffle; the mixing
constants are those of lowbias32, found by C. Wellons.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.intrinsics import compiled, inlined

__all__ = ["FEW", "fill_images"]

FEW = 32

_LOW = np.uint64(0xFFFFFFFF)
_15, _16, _32 = np.uint64(15), np.uint64(16), np.uint64(32)
_STEP = np.uint64(0x9E3779B9)
_MIX_1 = np.uint64(0x7FEB352D)
_MIX_2 = np.uint64(0x846CA68B)


@inlined
def _moved(half, other, key, size):
    """(half + F(key, other)) mod size, all uint64."""
    h = (other * _STEP + key) & _LOW
    h ^= h >> _16
    h = (h * _MIX_1) & _LOW
    h ^= h >> _15
    h = (h * _MIX_2) & _LOW
    h ^= h >> _16
    moved = half + ((h * size) >> _32)
    return moved - size * np.uint64(moved >= size)


@inlined
def _image(left, right, a, b, keys):
    """The rounds: the image of left*b + right among a*b numbers, all uint64."""
    for j in range(0, 8, 2):
        left = _moved(left, right, keys[j], a)
        right = _moved(right, left, keys[j + 1], b)
    return left * b + right


@compiled
def fill_images(out, first, n, words):
    """Write the images of the positions first, first + 1, ... < n into the int64 array out.

    words: uint64 below 2^32, min(n, FEW) of them if n <= FEW, else 8; they are the permutation.
    """
    if n <= FEW:
        _shuffle(out, first, n, words)
        return
    root = np.int64(np.ceil(np.sqrt(float(n))))
    a, b = np.uint64(root), np.uint64((n + root - 1) // root)
    keys = (
        words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]
    )  # fmt: skip
    for i in range(out.size):
        out[i] = np.int64(np.uint64(first + i) // b)  # alone: no vector unit divides integers
    for i in range(out.size):
        left = np.uint64(out[i])
        out[i] = np.int64(_image(left, np.uint64(first + i) - left * b, a, b, keys))
    for i in range(out.size):
        while out[i] >= n:
            x = np.uint64(out[i])
            out[i] = np.int64(_image(x // b, x - x // b * b, a, b, keys))


@compiled
def _shuffle(out, first, n, words):
    order = np.empty(FEW, np.int64)
    for i in range(n):
        j = np.int64((words[i] * np.uint64(i + 1)) >> _32)
        order[i] = order[j]
        order[j] = i
    for i in range(out.size):
        out[i] = order[first + i]
