"""Who has nothing but the wheel and the page gets from an empty folder to the certificate."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import Page
from tests.docs.snippets import snippets
from tests.wheel.environments import pip

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "write-a-backend.md"
#: No command of the page is silent for longer: the suite prints nothing until it is done.
SECONDS = 400

# An environment with a pip of its own, downloads for it, and a run of the whole suite.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def python(wheel: Path, tmp_path: Path) -> Path:
    """The Python of an environment that holds the wheel and what `python -m venv` puts there."""
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", str(wheel))
    return python


def test_page_leads_from_an_empty_folder_to_the_certificate(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "author"
    folder.mkdir()

    with Page(folder, python, seconds=SECONDS, PIP_DISABLE_PIP_VERSION_CHECK="1") as page:
        for snippet in snippets(PAGE.read_text()):
            page.run(snippet)
