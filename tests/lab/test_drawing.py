import re

import numpy as np
import pytest
import xarray as xr

from langevin_lab.lab import LabError, Store, drawing
from langevin_lab.lab.drawing import draw_figure


@pytest.fixture
def results(laboratory):
    return Store(laboratory.results)


def dataset(n=50, seed=1):
    return xr.Dataset({"x": ("replica", np.random.default_rng(seed).uniform(size=n))})


def test_figures_are_pdf_and_png_without_a_date(laboratory, results):
    laboratory.add_figure("uniform")
    pdf, png = draw_figure("uniform", dataset(), laboratory.figures, results)
    first = pdf.read_bytes(), png.read_bytes()
    assert first[0].startswith(b"%PDF")
    assert first[1].startswith(b"\x89PNG")
    assert b"CreationDate" not in first[0]
    assert b"/Type3" not in first[0]  # text can be searched and edited
    pdf.unlink()
    png.unlink()
    draw_figure("uniform", dataset(), laboratory.figures, results)
    assert (pdf.read_bytes(), png.read_bytes()) == first


def test_figure_is_drawn_again_only_if_data_or_file_changed(laboratory, results):
    source = laboratory.add_figure("uniform")

    def drawn_at(data):
        _, png = draw_figure("uniform", data, laboratory.figures, results)
        return png.stat().st_mtime_ns

    first = drawn_at(dataset())
    assert drawn_at(dataset()) == first
    second = drawn_at(dataset(seed=2))
    assert second > first
    source.write_text(source.read_text() + "# changed\n")
    third = drawn_at(dataset(seed=2))
    assert third > second
    (results.folder / "figures" / "uniform.pdf").unlink()
    fourth = drawn_at(dataset(seed=2))
    assert fourth > third
    (results.folder / "figures" / "uniform.png").write_bytes(b"damaged")
    assert drawn_at(dataset(seed=2)) > fourth


def test_text_variables_count_too(laboratory, results):
    laboratory.add_figure("uniform")
    for word in ("a", "b"):
        data = dataset().assign(word=("word", np.array([word], dtype=object)))
        draw_figure("uniform", data, laboratory.figures, results)
        stamp = (results.folder / "figures" / "uniform.png").read_bytes()
        data = data.assign(word=("word", np.array(["c"], dtype=object)))
        draw_figure("uniform", data, laboratory.figures, results)
        assert (results.folder / "figures" / "uniform.png").read_bytes() != stamp


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.assign_attrs(note="b"),
        lambda data: data.assign_attrs(many=np.arange(5000) + 1),
        lambda data: data.rename_dims(replica="walker"),
        lambda data: data.assign(x=data["x"].assign_attrs(units="m")),
    ],
)
def test_attributes_and_names_of_dimensions_count_too(laboratory, results, change):
    source = laboratory.add_figure("uniform")
    data = dataset().assign_attrs(note="a", many=np.arange(5000))
    before = drawing._stamp(data, source)
    assert drawing._stamp(change(data), source) != before
    assert drawing._stamp(data.assign_attrs(created="now", wall_seconds=3.0), source) == before


def test_the_common_style_counts_too(laboratory, monkeypatch, tmp_path):
    source = laboratory.add_figure("uniform")
    before = drawing._stamp(dataset(), source)
    (tmp_path / "style.py").write_text("STYLE = {}\n")
    monkeypatch.setattr(drawing.figure_style, "__file__", str(tmp_path / "style.py"))
    assert drawing._stamp(dataset(), source) != before


BAD_TITLE = """
import matplotlib.pyplot as plt


def draw(dataset):
    figure, axes = plt.subplots()
    axes.set_title(r"$\\frac{1}$")
    return figure
"""


def test_figure_that_cannot_be_written_is_one_line_and_is_closed(laboratory, results):
    import matplotlib.pyplot as plt

    laboratory.add_figure("uniform", BAD_TITLE)
    open_before = plt.get_fignums()
    with pytest.raises(LabError, match=r"figures/uniform\.py: cannot be written: ") as caught:
        draw_figure("uniform", dataset(), laboratory.figures, results)
    assert "\n" not in str(caught.value)
    assert plt.get_fignums() == open_before
    assert not (results.folder / "figures").exists()


def test_no_figure_file_no_figure(laboratory, results):
    assert draw_figure("uniform", dataset(), laboratory.figures, results) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "figures/uniform.py: defines no draw(dataset)"),
        ("1/0", "figures/uniform.py:1: ZeroDivisionError: division by zero"),
        (
            "def draw(dataset):\n    return dataset['y']",
            "figures/uniform.py:2: KeyError: \"No variable named 'y'",
        ),
        (
            "def draw(dataset):\n    return 3",
            "figures/uniform.py: draw(dataset) returned 3, needs a",
        ),
    ],
)
def test_broken_figure_is_one_line(laboratory, results, text, message):
    laboratory.add_figure("uniform", text)
    with pytest.raises(LabError, match=re.escape(message)) as caught:
        draw_figure("uniform", dataset(), laboratory.figures, results)
    assert "\n" not in str(caught.value)
