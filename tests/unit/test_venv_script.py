"""scripts/venv.sh where Python has no ensurepip; every program that it calls is a fake."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "venv.sh"

#: Debian's: `-m venv` fails without ensurepip, and leaves what it had made until then.
PYTHON = """#!/bin/sh
case "$*" in
    *'import ensurepip'*) [ -e "$FAKES/ensurepip" ] ;;
    *'%d.%d'*) echo 3.11 ;;
    --version) echo 'Python 3.11.2' ;;
    '-m venv '*)
        mkdir -p "$3/bin" "$3/lib"
        [ -e "$FAKES/ensurepip" ] || { cp "$FAKES/no-pip" "$3/bin/python"; exit 1; }
        [ ! -e "$FAKES/disk-full" ] || exit 1
        cp "$FAKES/pip" "$3/bin/python" ;;
esac
"""
APT_GET = """#!/bin/sh
echo "$*" >> "$FAKES/apt-get.log"
[ ! -e "$FAKES/offline" ] || exit 100
case "$*" in install*) [ -e "$FAKES/foreign" ] || touch "$FAKES/ensurepip" ;; esac
"""
PIP = '#!/bin/sh\necho "$*" >> "$FAKES/pip.log"\n'
NO_PIP = "#!/bin/sh\nexit 1\n"
ID = '#!/bin/sh\ncat "$FAKES/uid"\n'


class Machine:
    """A PATH with a few programs, and the environment that the script is to make."""

    def __init__(self, folder: Path) -> None:
        self.fakes = folder / "bin"
        self.venv = folder / "venv"
        self.fakes.mkdir()
        programs = {"python3": PYTHON, "apt-get": APT_GET, "pip": PIP, "no-pip": NO_PIP, "id": ID}
        for name, text in programs.items():
            (self.fakes / name).write_text(text)
            (self.fakes / name).chmod(0o755)
        for name in ("sh", "rm", "cp", "mkdir", "touch", "cat"):
            (self.fakes / name).symlink_to(str(shutil.which(name)))
        self.becomes("1000")

    def becomes(self, uid: str) -> None:
        (self.fakes / "uid").write_text(uid)

    def knows(self, fact: str) -> None:
        (self.fakes / fact).touch()

    def make(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.fakes / "sh"), str(SCRIPT), str(self.venv), "dev"],
            env={"PATH": str(self.fakes), "FAKES": str(self.fakes)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self, program: str) -> list[str]:
        log = self.fakes / f"{program}.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_missing_ensurepip_names_the_command_when_not_root(machine: Machine) -> None:
    made = machine.make()

    assert made.returncode != 0
    assert "has no ensurepip" in made.stderr
    assert "sudo apt-get update && sudo apt-get install --yes python3" in made.stderr
    assert made.stderr.rstrip().endswith("-venv")
    assert not machine.venv.exists()
    assert machine.calls("apt-get") == []


def test_missing_ensurepip_is_installed_by_root(machine: Machine) -> None:
    machine.becomes("0")

    made = machine.make()

    assert made.returncode == 0, made.stderr
    update, install = machine.calls("apt-get")
    assert update == "update"
    assert install in ("install --yes python3-venv", "install --yes python3.11-venv")
    assert (machine.venv / ".complete").exists()
    assert any("--group dev --editable" in call for call in machine.calls("pip"))


def test_half_environment_of_an_earlier_try_is_removed(machine: Machine) -> None:
    (machine.venv / "bin").mkdir(parents=True)
    shutil.copy(machine.fakes / "no-pip", machine.venv / "bin" / "python")

    made = machine.make()

    assert made.returncode != 0
    assert not machine.venv.exists()


def test_half_environment_of_this_try_is_removed(machine: Machine) -> None:
    machine.knows("ensurepip")
    machine.knows("disk-full")

    made = machine.make()

    assert made.returncode != 0
    assert not machine.venv.exists()


def test_environment_that_works_is_kept(machine: Machine) -> None:
    machine.knows("ensurepip")
    assert machine.make().returncode == 0
    (machine.venv / "mine").touch()

    made = machine.make()

    assert made.returncode == 0, made.stderr
    assert (machine.venv / "mine").exists()


def test_failing_apt_get_names_the_command(machine: Machine) -> None:
    machine.becomes("0")
    machine.knows("offline")

    made = machine.make()

    assert made.returncode != 0
    assert "apt-get could not install python3" in made.stderr
    assert "apt-get update && apt-get install --yes python3" in made.stderr
    assert not machine.venv.exists()


def test_python_that_no_package_helps_is_named(machine: Machine) -> None:
    machine.becomes("0")
    machine.knows("foreign")

    made = machine.make()

    assert made.returncode != 0
    assert "still has no ensurepip" in made.stderr
    assert not machine.venv.exists()


def test_missing_ensurepip_without_apt_get_says_what_to_install(machine: Machine) -> None:
    (machine.fakes / "apt-get").unlink()

    made = machine.make()

    assert made.returncode != 0
    assert "install a complete Python >= 3.11 or uv" in made.stderr
    assert not machine.venv.exists()


def test_missing_python_says_which_and_how(machine: Machine) -> None:
    (machine.fakes / "python3").unlink()

    made = machine.make()

    assert made.returncode != 0
    assert "python3 >= 3.11 was asked for" in made.stderr
    assert "apt-get install python3 python3-venv" in made.stderr
