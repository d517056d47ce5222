"""Compiled loops of a network over a tile of examples.

A tile is a matrix in the flat array ``work``: one row a neuron, ``width`` columns of examples (a
multiple of four), row after row from a place on. Loops run along examples; sums over examples are
kept in four parts each (`compiled.vectors`). The last tile of a batch is filled up with copies of
its last example, whose slopes count as 0.
"""

from __future__ import annotations

import numpy as np

from langevin_lab.compiled.elementary import compiled, inlined
from langevin_lab.compiled.intrinsics import stay_a_call
from langevin_lab.compiled.vectors import (
    LANES,
    add,
    add_apart,
    load,
    multiply_add,
    spread,
    store,
    total,
    totals,
    zero,
)

# Columns of the table ``layers``, one row a layer: its sizes; the first places of its weights and
# biases in the coordinates; those of the values before it, its own, and their derivatives in work.
N_INPUTS, N_OUTPUTS, WEIGHTS, BIASES, SOURCE, TARGET, DERIVATIVES = range(7)


@compiled
def room(size):
    """An array that begins at a cache line and ends with a 0."""
    buffer = np.empty(size + 8)
    work = buffer[(-buffer.ctypes.data % 64) // 8 :][:size]
    work[size - 1] = 0.0
    return work


@compiled
def take_rows(values, first, n_columns, count, work, width):
    """Begin ``work`` with a tile of ``count`` examples that lie row after row in ``values``."""
    stay_a_call()
    for s in range(width):
        row = first + min(s, count - 1) * n_columns
        for c in range(n_columns):
            work[c * width + s] = values[row + c]


@compiled
def take_drawn(data, indices, first, count, work, width):
    """Begin ``work`` with a tile of the examples indices[first : first + count]."""
    stay_a_call()
    for s in range(width):
        row = indices[first + min(s, count - 1)]
        for c in range(data.shape[1]):
            work[c * width + s] = data[row, c]


@compiled
def fill_layer(
    x, weights, row_step, column_step, starts, bias, bias_step, work, source, n_columns, target,
    n_rows, width,
):  # fmt: skip
    """target[r] = starts[bias + r bias_step] + sum_c w[r, c] source[c].

    w[r, c] = x[weights + r row_step + c column_step].

    Rows in blocks of eight, four and one, whose sums stay in registers.
    """
    stay_a_call()
    row = 0
    while row + 8 <= n_rows:
        b = bias + row * bias_step
        for s in range(0, width, LANES):
            v0, v1 = spread(starts, b), spread(starts, b + bias_step)
            v2, v3 = spread(starts, b + 2 * bias_step), spread(starts, b + 3 * bias_step)
            v4, v5 = spread(starts, b + 4 * bias_step), spread(starts, b + 5 * bias_step)
            v6, v7 = spread(starts, b + 6 * bias_step), spread(starts, b + 7 * bias_step)
            for c in range(n_columns):
                a = load(work, source + c * width + s)
                w = weights + row * row_step + c * column_step
                v0 = multiply_add(spread(x, w), a, v0)
                v1 = multiply_add(spread(x, w + row_step), a, v1)
                v2 = multiply_add(spread(x, w + 2 * row_step), a, v2)
                v3 = multiply_add(spread(x, w + 3 * row_step), a, v3)
                v4 = multiply_add(spread(x, w + 4 * row_step), a, v4)
                v5 = multiply_add(spread(x, w + 5 * row_step), a, v5)
                v6 = multiply_add(spread(x, w + 6 * row_step), a, v6)
                v7 = multiply_add(spread(x, w + 7 * row_step), a, v7)
            place = target + row * width + s
            store(work, place, v0)
            store(work, place + width, v1)
            store(work, place + 2 * width, v2)
            store(work, place + 3 * width, v3)
            store(work, place + 4 * width, v4)
            store(work, place + 5 * width, v5)
            store(work, place + 6 * width, v6)
            store(work, place + 7 * width, v7)
        row += 8
    while row + 4 <= n_rows:
        b = bias + row * bias_step
        for s in range(0, width, LANES):
            v0, v1 = spread(starts, b), spread(starts, b + bias_step)
            v2, v3 = spread(starts, b + 2 * bias_step), spread(starts, b + 3 * bias_step)
            for c in range(n_columns):
                a = load(work, source + c * width + s)
                w = weights + row * row_step + c * column_step
                v0 = multiply_add(spread(x, w), a, v0)
                v1 = multiply_add(spread(x, w + row_step), a, v1)
                v2 = multiply_add(spread(x, w + 2 * row_step), a, v2)
                v3 = multiply_add(spread(x, w + 3 * row_step), a, v3)
            place = target + row * width + s
            store(work, place, v0)
            store(work, place + width, v1)
            store(work, place + 2 * width, v2)
            store(work, place + 3 * width, v3)
        row += 4
    while row < n_rows:
        b = bias + row * bias_step
        for s in range(0, width, LANES):
            v0 = spread(starts, b)
            for c in range(n_columns):
                w = weights + row * row_step + c * column_step
                v0 = multiply_add(spread(x, w), load(work, source + c * width + s), v0)
            store(work, target + row * width + s, v0)
        row += 1


# np.int64(1) rather than 1: for literal steps `fill_layer` would be compiled once for each.


@compiled
def to_outputs(x, layers, k, work, width):
    """Sums of layer k from the values before it, on their way to the outputs."""
    n_inputs, n_outputs = layers[k, N_INPUTS], layers[k, N_OUTPUTS]
    fill_layer(
        x, layers[k, WEIGHTS], n_inputs, np.int64(1), x, layers[k, BIASES], np.int64(1),
        work, layers[k, SOURCE], n_inputs, layers[k, TARGET], n_outputs, width,
    )  # fmt: skip


@compiled
def to_inputs(x, layers, k, work, zero_at, width):
    """Slopes by the values before layer k, from those by its sums; work[zero_at] = 0."""
    n_inputs, n_outputs = layers[k, N_INPUTS], layers[k, N_OUTPUTS]
    fill_layer(
        x, layers[k, WEIGHTS], np.int64(1), n_inputs, work, np.int64(zero_at), np.int64(0),
        work, layers[k, TARGET], n_outputs, layers[k, SOURCE], n_inputs, width,
    )  # fmt: skip


@compiled
def add_layer_slopes(out, layers, k, work, width):
    """Slopes by the weights and biases of layer k, from those by its sums."""
    add_slopes(
        out, layers[k, WEIGHTS], layers[k, BIASES], work, layers[k, TARGET], layers[k, N_OUTPUTS],
        layers[k, SOURCE], layers[k, N_INPUTS], width,
    )  # fmt: skip


@compiled
def add_slopes(out, weights, bias, work, slopes, n_rows, source, n_columns, width):
    """Add the slopes of a layer's weights (row by row) and biases, sums over the tile."""
    stay_a_call()
    whole = n_columns - n_columns % 4
    row = 0
    while row + 2 <= n_rows:
        for column in range(0, whole, 4):
            place = weights + row * n_columns + column
            here, there = slopes + row * width, source + column * width
            _add_two_rows(out, place, n_columns, work, here, there, width)
        row += 2
    if row < n_rows:
        for column in range(0, whole, 4):
            place = weights + row * n_columns + column
            _add_row(out, place, work, slopes + row * width, source + column * width, width)
    row = 0
    while row + 4 <= n_rows:
        here = slopes + row * width
        _add_biases(out, bias + row, work, here, width)
        for column in range(whole, n_columns):
            place = weights + row * n_columns + column
            _add_column(out, place, n_columns, work, here, source + column * width, width)
        row += 4
    while row < n_rows:
        here = slopes + row * width
        out[bias + row] += _sum(work, here, width)
        for column in range(whole, n_columns):
            place = weights + row * n_columns + column
            out[place] += _product(work, here, source + column * width, width)
        row += 1


@inlined
def _add_two_rows(out, place, step, work, here, there, width):
    """Two rows of slopes times four columns of sources."""
    v0, v1, v2, v3, u0, u1, u2, u3 = (
        zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero()
    )  # fmt: skip
    for s in range(0, width, LANES):
        d, e = load(work, here + s), load(work, here + width + s)
        a, b = load(work, there + s), load(work, there + width + s)
        v0, u0 = multiply_add(d, a, v0), multiply_add(e, a, u0)
        v1, u1 = multiply_add(d, b, v1), multiply_add(e, b, u1)
        a, b = load(work, there + 2 * width + s), load(work, there + 3 * width + s)
        v2, u2 = multiply_add(d, a, v2), multiply_add(e, a, u2)
        v3, u3 = multiply_add(d, b, v3), multiply_add(e, b, u3)
    store(out, place, add(load(out, place), totals(v0, v1, v2, v3)))
    store(out, place + step, add(load(out, place + step), totals(u0, u1, u2, u3)))


@inlined
def _add_row(out, place, work, here, there, width):
    """One row of slopes times four columns of sources."""
    v0, v1, v2, v3 = zero(), zero(), zero(), zero()
    for s in range(0, width, LANES):
        d = load(work, here + s)
        v0 = multiply_add(d, load(work, there + s), v0)
        v1 = multiply_add(d, load(work, there + width + s), v1)
        v2 = multiply_add(d, load(work, there + 2 * width + s), v2)
        v3 = multiply_add(d, load(work, there + 3 * width + s), v3)
    store(out, place, add(load(out, place), totals(v0, v1, v2, v3)))


@inlined
def _add_column(out, place, step, work, here, there, width):
    """Four rows of slopes times one column of sources."""
    v0, v1, v2, v3 = zero(), zero(), zero(), zero()
    for s in range(0, width, LANES):
        a = load(work, there + s)
        v0 = multiply_add(load(work, here + s), a, v0)
        v1 = multiply_add(load(work, here + width + s), a, v1)
        v2 = multiply_add(load(work, here + 2 * width + s), a, v2)
        v3 = multiply_add(load(work, here + 3 * width + s), a, v3)
    add_apart(out, place, step, totals(v0, v1, v2, v3))


@inlined
def _add_biases(out, place, work, here, width):
    """Four rows of slopes."""
    v0, v1, v2, v3 = zero(), zero(), zero(), zero()
    for s in range(0, width, LANES):
        v0 = add(load(work, here + s), v0)
        v1 = add(load(work, here + width + s), v1)
        v2 = add(load(work, here + 2 * width + s), v2)
        v3 = add(load(work, here + 3 * width + s), v3)
    store(out, place, add(load(out, place), totals(v0, v1, v2, v3)))


@inlined
def _product(work, here, there, width):
    v = zero()
    for s in range(0, width, LANES):
        v = multiply_add(load(work, here + s), load(work, there + s), v)
    return total(v)


@inlined
def _sum(work, here, width):
    v = zero()
    for s in range(0, width, LANES):
        v = add(load(work, here + s), v)
    return total(v)


@compiled
def scale(values, factors):
    """values *= factors, entry by entry."""
    stay_a_call()
    for k in range(values.size):
        values[k] *= factors[k]


@compiled
def half_square(x):
    """|x|^2/2."""
    sum_of_all = 0.0
    for i in range(x.size):
        sum_of_all += x[i] * x[i]
    return 0.5 * sum_of_all


@compiled
def clear(out):
    for i in range(out.size):
        out[i] = 0.0


@compiled
def finish(out, x, n, decay):
    """From sums over n examples to means, and the slope of decay |x|^2/2 added."""
    for i in range(out.size):
        out[i] = out[i] / n + decay * x[i]
