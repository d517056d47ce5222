"""Without PyTorch the room says what it needs."""

import importlib
import importlib.util

import pytest

from langevin_lab import pytorch


def test_missing_pytorch_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs PyTorch.*pip install langevin_lab\[torch\]"):
        importlib.reload(pytorch)
