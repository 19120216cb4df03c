# The only entry: every target makes the virtual environment it needs from git, make and Python >= 3.11.
.PHONY: venv

venv: .venv/.complete

.venv/.complete: pyproject.toml scripts/venv.sh
	@scripts/venv.sh .venv dev
