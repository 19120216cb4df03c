from pathlib import Path

import pytest

from benchmarks.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(is_quick=True, folder=tmp_path)
