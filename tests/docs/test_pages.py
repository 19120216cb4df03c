"""Every snippet of README.md, CONTRIBUTING.md and docs/ runs, and prints what the page says."""

from pathlib import Path

import pytest

from tests.docs.page import FOLLOWED_ELSEWHERE, Page
from tests.docs.snippets import snippets

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    if "_build" not in path.parts
)


@pytest.mark.parametrize("name", sorted({*PAGES} - {*FOLLOWED_ELSEWHERE}))
def test_snippets_of_page_run(name: str, tmp_path: Path) -> None:
    with Page(tmp_path) as page:
        for snippet in snippets((ROOT / name).read_text()):
            page.run(snippet)
