from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

REPOSITORY = Path(__file__).parents[2]

EXAMPLE = """
import pytest

@pytest.mark.parametrize("server", ["redis"])
def test_talks(server):
    pytest.skip("no server")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False

def test_passes():
    pass
"""
NEEDS_A_MODULE = "import pytest\npytest.importorskip('no_such_module')"
ALLOWED = '[[skip]]\ntest = "{test}"\nreason = "{reason}"\n'


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own whose tests run under the plugin, in a process of their own."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(test_example=EXAMPLE)
    pytester.makeini("[pytest]\nallowed_skips = allowed.toml")
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(
        "-p", "tests.skips", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments
    )


def test_skip_is_a_failure_in_ci(project: pytest.Pytester) -> None:
    result = run(project)

    result.assert_outcomes(passed=1, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["*CI=true allows only the skips of*no server", "none"])


def test_skip_is_a_failure_in_ci_when_tests_run_in_parallel(project: pytest.Pytester) -> None:
    result = run(project, "-n", "2")

    result.assert_outcomes(passed=1, failed=1, xfailed=1)


def test_allowed_skip_stays_a_skip_and_is_printed(project: pytest.Pytester) -> None:
    listed = ALLOWED.format(test="test_example.py::test_talks[[]redis]", reason="no network")
    project.path.joinpath("allowed.toml").write_text(listed.replace("[[]", "["))

    result = run(project)

    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*test_talks[[]redis]: no network (1 in this run)"])


def test_pattern_allows_several_skips(project: pytest.Pytester) -> None:
    project.path.joinpath("allowed.toml").write_text(
        ALLOWED.format(test="*::test_talks[redis*", reason="no network")
    )

    result = run(project)

    assert result.ret == 0


def test_skipped_module_is_a_failure_in_ci(project: pytest.Pytester) -> None:
    project.makepyfile(test_module=NEEDS_A_MODULE)

    result = run(project)

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*test_module.py was skipped and CI=true allows only*"])


def test_entry_without_a_reason_is_refused(project: pytest.Pytester) -> None:
    project.path.joinpath("allowed.toml").write_text(ALLOWED.format(test="x", reason=""))

    result = run(project)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*expected a test and a reason*"])


def test_skip_is_a_skip_at_home(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")

    result = run(project)

    assert result.ret == 0
    result.assert_outcomes(passed=1, skipped=1, xfailed=1)
