"""Text of a network's energy and gradients: its layers written out, the loops in `network_loops`.

    energy(x, parameters), gradient(x, parameters, out)
        parameters: the weight decay, then the data row by row
    batch_gradient(x, parameters, data, indices, label_noise, out)
        data (n_examples, n_columns); indices (batch_size,) of its rows

Examples are worked through in tiles of one width. In the array ``work`` lie, one row of that width
a neuron: inputs and targets, then the values of each layer and the derivatives of its activation.
The slopes of the loss go back through the rows of the values, each of which is needed until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from langevin_lab.potentials.architecture import Architecture

LANES = 4  # of `compiled.vectors`, which only compiled code imports
_WIDEST_TILE = 64
_ROOM = 128 * 1024 // 8  # numbers of a tile that stay in a core's cache

_LOOPS = (
    "add_slopes", "clear", "finish", "half_square", "layer", "room", "scale", "take_drawn",
    "take_rows",
)  # fmt: skip


def network_import(architecture: Architecture) -> str:
    """The line that binds the loops in a generated module."""
    names = [*_LOOPS, f"{architecture.loss}_energy", f"{architecture.loss}_slopes"]
    if len(architecture.layers) > 1:
        names.append(f"{architecture.activation}_values")
    return f"from langevin_lab.potentials.network_loops import {', '.join(sorted(names))}"


def tile_width(architecture: Architecture, batch_size: int) -> int:
    """Columns of a tile: batches in as few equal tiles as fit into the cache."""
    widest = min(_WIDEST_TILE, max(16, _ROOM // _Rows(architecture).count // LANES * LANES))
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
    rows = _Rows(architecture)
    n_columns = architecture.widths[0] + architecture.n_targets
    forward, backward = _forward(architecture, rows, width), _backward(architecture, rows, width)
    energy_of_tile, slopes_of_tile = (
        f"{architecture.loss}_{part}(work[{rows.outputs * width} : {rows.count * width}], "
        f"work[{rows.targets * width} :], {architecture.widths[-1]}, {width}, count)"
        for part in ("energy", "slopes")
    )
    head = [f"work = room({rows.count * width})"]
    count = f"n = (parameters.size - 1) // {n_columns}"
    tiles = [f"for first in range(0, n, {width}):", f"    count = min({width}, n - first)"]
    all_rows = (
        f"take_rows(parameters, 1 + first * {n_columns}, {n_columns}, count, work, 0, {width})"
    )
    drawn = f"take_drawn(data, indices, first, count, work, 0, {width})"
    slope = [*forward, slopes_of_tile, *backward]
    finish = "finish(out, x, n, parameters[0])"
    energy = [
        *head, count, "total_loss = 0.0", *tiles,
        *_indented([all_rows, *forward, f"total_loss += {energy_of_tile}"]),
        "return total_loss / n + parameters[0] * half_square(x)",
    ]  # fmt: skip
    gradient = [
        *head, count, "clear(out)", *tiles, *_indented([all_rows, *slope]), finish
    ]  # fmt: skip
    batch_gradient = [
        *head, "n = indices.size", "clear(out)", *tiles, *_indented([drawn, *slope]), finish
    ]  # fmt: skip
    parts = {
        "energy(x, parameters)": energy,
        "gradient(x, parameters, out)": gradient,
        "batch_gradient(x, parameters, data, indices, label_noise, out)": batch_gradient,
    }
    return "\n\n\n".join(
        "\n".join([f"def {signature}:", *_indented(body)]) for signature, body in parts.items()
    )


class _Rows:
    """First rows, in ``work``, of inputs, targets, and each layer's values and derivatives."""

    def __init__(self, architecture: Architecture):
        self.targets = architecture.widths[0]
        row = self.targets + architecture.n_targets
        self.values, self.slopes = [0], [0]
        for width in architecture.widths[1:-1]:
            self.values.append(row)
            self.slopes.append(row + width)
            row += 2 * width
        self.values.append(row)
        self.outputs = row
        self.count = row + architecture.widths[-1]


def _forward(architecture: Architecture, rows: _Rows, width: int) -> list[str]:
    """Lines from the inputs of a tile to its outputs."""
    lines, last = [], len(architecture.layers) - 1
    for number, layer in enumerate(architecture.layers):
        source, target = rows.values[number], rows.values[number + 1]
        lines.append(
            f"layer(x, {layer.weights.start}, {layer.n_inputs}, 1, {layer.biases.start}, work, "
            f"{source * width}, {layer.n_inputs}, {target * width}, {layer.n_outputs}, {width})"
        )
        if number < last:
            values, slopes = _views(rows, number + 1, layer.n_outputs, width)
            lines.append(f"{architecture.activation}_values({values}, {slopes})")
    return lines


def _backward(architecture: Architecture, rows: _Rows, width: int) -> list[str]:
    """Lines from the slopes of a tile's outputs to those of weights and biases."""
    lines = []
    for number in range(len(architecture.layers) - 1, -1, -1):
        layer = architecture.layers[number]
        before, here = rows.values[number] * width, rows.values[number + 1] * width
        lines.append(
            f"add_slopes(out, {layer.weights.start}, {layer.biases.start}, work, {here}, "
            f"{layer.n_outputs}, {before}, {layer.n_inputs}, {width})"
        )
        if number > 0:
            values, slopes = _views(rows, number, layer.n_inputs, width)
            lines += [
                f"layer(x, {layer.weights.start}, 1, {layer.n_inputs}, -1, work, {here}, "
                f"{layer.n_outputs}, {before}, {layer.n_inputs}, {width})",
                f"scale({values}, {slopes})",
            ]
    return lines


def _views(rows: _Rows, number: int, n_rows: int, width: int) -> tuple[str, str]:
    """Slices of a hidden layer's values and derivatives."""
    starts = rows.values[number], rows.slopes[number]
    first, second = (f"work[{start * width} : {(start + n_rows) * width}]" for start in starts)
    return first, second


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
