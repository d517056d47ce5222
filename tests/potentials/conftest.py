"""The disk cache of the tests is a folder of their own."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache_folder(tmp_path_factory):
    """A cache that starts empty and is shared by the tests of one session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGEVIN_LAB_CACHE", str(folder))
        yield folder
