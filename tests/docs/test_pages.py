"""Every snippet of README.md, CONTRIBUTING.md and docs/ runs, and prints what the page says."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.sqs.service import own
from tests.docs.page import FOLLOWED_ELSEWHERE, SQS_SHOWN, Page
from tests.docs.rabbitmq_server import SHOWN as BROKER
from tests.docs.rabbitmq_server import rabbitmq_server
from tests.docs.redis_server import SHOWN, redis_server
from tests.docs.snippets import snippets

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    if "_build" not in path.parts
)


@pytest.mark.parametrize("name", sorted({*PAGES} - {*FOLLOWED_ELSEWHERE}))
def test_snippets_of_page_run(name: str, tmp_path: Path) -> None:
    found = snippets((ROOT / name).read_text())
    folder = tmp_path / "page"
    folder.mkdir()
    with ExitStack() as stack:
        server = SHOWN
        if any(SHOWN in snippet.text for snippet in found):
            server = stack.enter_context(redis_server(tmp_path / "server"))
        broker = BROKER
        if any(BROKER in snippet.text for snippet in found):
            broker = stack.enter_context(rabbitmq_server())
        sqs = SQS_SHOWN
        if any(SQS_SHOWN in snippet.text for snippet in found):
            sqs = f"127.0.0.1:{stack.enter_context(own()).running.port}"
        page = stack.enter_context(Page(folder, server=server, broker=broker, sqs=sqs))
        for snippet in found:
            page.run(snippet)
