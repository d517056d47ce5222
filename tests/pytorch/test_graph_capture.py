"""What is asked of CUDA to capture a graph, with a card that only takes notes."""

import contextlib

import pytest
import torch

from langevin_lab.pytorch import stretches


class Card:
    """Streams, devices and graphs in the place of torch's; ``now`` is the current stream."""

    def __init__(self, fails):
        self.fails, self.now, self.captured_on, self.devices = fails, "main", [], []

    def stream_of(self, device):
        card = self

        class Stream(str):
            def wait_stream(self, other):
                assert other in ("main", f"side of {device}")

        card.made = Stream(f"side of {device}")
        return card.made

    def current(self, device):
        side = self.stream_of(device)
        return type(side)("main")

    def set(self, stream):
        self.now = str(stream)

    @contextlib.contextmanager
    def stream(self, stream):
        before, self.now = self.now, str(stream)
        yield
        self.now = before

    @contextlib.contextmanager
    def device(self, device):
        self.devices.append(str(device))
        yield

    @contextlib.contextmanager
    def graph(self, graph, stream=None):
        self.now = "torch's own, of the first card" if stream is None else str(stream)
        self.captured_on.append(self.now)
        yield
        if self.fails:  # as torch does: the stream of the capture stays current
            raise RuntimeError("operation failed due to a previous error during capture")
        self.now = "main"


@pytest.fixture(params=[False, True], ids=["captured", "failed"])
def card(request, monkeypatch):
    card = Card(request.param)
    monkeypatch.setattr(torch.cuda, "Stream", card.stream_of)
    monkeypatch.setattr(torch.cuda, "current_stream", card.current)
    monkeypatch.setattr(torch.cuda, "set_stream", card.set)
    monkeypatch.setattr(torch.cuda, "stream", card.stream)
    monkeypatch.setattr(torch.cuda, "device", card.device)
    monkeypatch.setattr(torch.cuda, "graph", card.graph)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    return card


def test_a_graph_is_captured_on_the_card_of_the_run(card):
    """The streams of warming up and of the capture, and the one that is current after it."""
    ran = []

    def function(plan, stretch):
        ran.append(card.now)
        return stretch

    runner = stretches.GraphedRunner(function, torch.device("cuda:1"))
    nothing = torch.zeros(1)
    given = stretches.Stretch({"x": nothing}, [], [], nothing, 0, [])
    with pytest.raises(RuntimeError) if card.fails else contextlib.nullcontext():
        runner._captured(stretches.Plan(1, (False,), (False,), 0), given)
    assert ran == ["side of cuda:1"] * 2
    assert card.captured_on == ["side of cuda:1"]
    assert card.devices == ["cuda:1"]
    assert card.now == "main"
