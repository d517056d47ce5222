"""Where results come from."""

from pathlib import Path

import langevin_lab
from langevin_lab.lab import provenance


def test_every_room_but_the_lab_computes():
    package = Path(langevin_lab.__file__).parent
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(provenance._COMPUTING) == rooms - {"lab"}


def test_code_digest_follows_the_computing_rooms(monkeypatch, tmp_path):
    package = tmp_path / "langevin_lab"
    for room in ("integrators", "evidence", "lab"):
        (package / room).mkdir(parents=True)
        (package / room / "module.py").write_text("first = 1\n")
    monkeypatch.setattr(provenance.langevin_lab, "__file__", str(package / "__init__.py"))

    def digest():
        provenance.code_digest.cache_clear()
        return provenance.code_digest()

    before = digest()
    (package / "lab" / "module.py").write_text("first = 2\n")
    assert digest() == before
    (package / "integrators" / "module.py").write_text("first = 2\n")
    after = digest()
    assert after != before
    (package / "evidence" / "module.py").write_text("first = 2\n")
    assert digest() not in (before, after)
    provenance.code_digest.cache_clear()


def test_versions_name_the_optional_packages_that_are_installed(monkeypatch):
    known = {"torch": "2.13.0+cpu"}

    def version(name):
        if name in ("torch", "torchsde", "numba-cuda") and name not in known:
            raise provenance.metadata.PackageNotFoundError(name)
        return known.get(name, "1")

    monkeypatch.setattr(provenance.metadata, "version", version)
    found = provenance.versions()
    assert found["torch"] == "2.13.0+cpu"
    assert not {"torchsde", "numba-cuda"} & set(found)
