"""Text of a network's energy and gradients: its layers written out, loops in `network_loops`.

    energy(x, parameters), gradient(x, parameters, out)
        parameters: the weight decay, then the data row by row
    batch_gradient(x, parameters, data, indices, label_noise, out)
        data (n_examples, n_columns); indices (batch_size,) of its rows

Examples are worked through in tiles of one width. In the array ``work`` lie, one row of that width
a neuron: inputs and targets, then the values of each layer and the derivatives of its activation.
The slopes of the loss go back through the rows of the values, each of which is needed until then.
"""

from __future__ import annotations

from langevin_lab.potentials.architecture import Architecture

LANES = 4  # of `compiled.vectors`, which only compiled code imports
_WIDEST_TILE = 64
_ROOM = 128 * 1024 // 8  # numbers of a tile that stay in a core's cache

_LOOPS = (
    "DERIVATIVES", "N_OUTPUTS", "TARGET", "add_layer_slopes", "clear", "finish", "half_square",
    "room", "scale", "take_drawn", "take_rows", "to_inputs", "to_outputs",
)  # fmt: skip

# Sizes of loops are read from arrays: for numbers in the text the loops are compiled anew for each
# call, and unrolled, which gains nothing and takes seconds.
_TEXT = """LAYERS = np.array({layers})
TILE = np.array([{width}])


def forward(x, work):
    width = TILE[0]
    for k in range({n_layers}):
        to_outputs(x, LAYERS, k, work, width)
        if k < {last}:
            {activation}_values(values_of(work, k), derivatives_of(work, k))


def backward(x, work, out):
    width = TILE[0]
    for k in range({last}, -1, -1):
        add_layer_slopes(out, LAYERS, k, work, width)
        if k > 0:
            to_inputs(x, LAYERS, k, work, {zero_at}, width)
            scale(values_of(work, k - 1), derivatives_of(work, k - 1))


def values_of(work, k):
    return work[LAYERS[k, TARGET] :][: {width} * LAYERS[k, N_OUTPUTS]]


def derivatives_of(work, k):
    return work[LAYERS[k, DERIVATIVES] :][: {width} * LAYERS[k, N_OUTPUTS]]


def energy(x, parameters):
    work, targets = room({size}), {targets}
    n, total_loss = (parameters.size - 1) // {n_columns}, 0.0
    for first in range(0, n, {width}):
        count = min({width}, n - first)
        take_rows(parameters, 1 + first * {n_columns}, {n_columns}, count, work, {width})
        forward(x, work)
        total_loss += {loss}_energy(values_of(work, {last}), work[targets:], {sizes}, count)
    return total_loss / n + parameters[0] * half_square(x)


def gradient(x, parameters, out):
    work, targets = room({size}), {targets}
    n = (parameters.size - 1) // {n_columns}
    clear(out)
    for first in range(0, n, {width}):
        count = min({width}, n - first)
        take_rows(parameters, 1 + first * {n_columns}, {n_columns}, count, work, {width})
        forward(x, work)
        {loss}_slopes(values_of(work, {last}), work[targets:], {sizes}, count)
        backward(x, work, out)
    finish(out, x, n, parameters[0])


def batch_gradient(x, parameters, data, indices, label_noise, out):
    work, targets = room({size}), {targets}
    n = indices.size
    clear(out)
    for first in range(0, n, {width}):
        count = min({width}, n - first)
        take_drawn(data, indices, first, count, work, {width})
        forward(x, work)
        {loss}_slopes(values_of(work, {last}), work[targets:], {sizes}, count)
        backward(x, work, out)
    finish(out, x, n, parameters[0])"""


def network_import(architecture: Architecture) -> str:
    """The lines that bind the loops in a generated module."""
    functions = (
        f"{architecture.loss}_energy", f"{architecture.loss}_slopes",
        f"{architecture.activation}_values",
    )  # fmt: skip
    package = "langevin_lab.potentials"
    return "\n".join(
        f"from {package}.{module} import {', '.join(names)}"
        for module, names in (("network_loops", _LOOPS), ("network_function_loops", functions))
    )


def tile_width(architecture: Architecture, batch_size: int) -> int:
    """Columns of a tile: batches in as few equal tiles as fit into the cache."""
    widest = min(_WIDEST_TILE, max(16, _ROOM // _rows(architecture)[1] // LANES * LANES))
    n_tiles = -(-batch_size // widest)
    return -(-batch_size // (n_tiles * LANES)) * LANES


def network_source(architecture: Architecture, batch_size: int) -> str:
    """Text of energy, gradient and batch_gradient.

    Parameters
    ----------
    architecture : Architecture
    batch_size : int
        Examples of most gradients: it decides the width of the tiles.
    """
    width = tile_width(architecture, batch_size)
    places, n_rows = _rows(architecture)
    layers = [
        [
            layer.n_inputs, layer.n_outputs, layer.weights.start, layer.biases.start,
            *(width * row for row in rows),
        ]
        for layer, rows in zip(architecture.layers, places)
    ]  # fmt: skip
    n_outputs = architecture.widths[-1]
    return _TEXT.format(
        layers=layers,
        n_layers=len(layers),
        last=len(layers) - 1,
        width=width,
        size=n_rows * width + 1,
        zero_at=n_rows * width,
        targets=architecture.widths[0] * width,
        n_columns=architecture.widths[0] + architecture.n_targets,
        sizes=f"{n_outputs}, {width}",
        activation=architecture.activation,
        loss=architecture.loss,
    )


def _rows(architecture: Architecture) -> tuple[list[tuple[int, int, int]], int]:
    """For each layer the first rows of source, values and derivatives in work; number of rows."""
    places, source = [], 0
    row = architecture.widths[0] + architecture.n_targets
    for n_outputs in architecture.widths[1:-1]:
        places.append((source, row, row + n_outputs))
        source, row = row, row + 2 * n_outputs
    places.append((source, row, row))  # outputs have no activation
    return places, row + architecture.widths[-1]
