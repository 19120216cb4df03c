"""What the tests of the wheel share: the wheel."""

from pathlib import Path

import pytest

from tests.wheel.environments import pip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("anyjob-*.whl")
    return built
