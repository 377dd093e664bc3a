#!/bin/sh
# Sets up .venv with the pinned stack, once; `--doctor` only says what is missing.
# Needs make, a shell and some Python; Python 3.10 is looked for on the PATH, in a pyenv, and is
# fetched by uv where the internet can be reached.
set -eu
cd "$(dirname "$0")"
VENV=.venv
STAMP=$VENV/.tidegate-stamp

is_310() {
	"$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1
}

find_310() {
	for candidate in ${PYTHON:-} python3.10 python3 \
		"${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*/bin/python3.10 \
		"$HOME"/.pyenv/versions/3.10*/bin/python3.10; do
		if is_310 "$candidate"; then
			echo "$candidate"
			return
		fi
	done
	if command -v uv >/dev/null 2>&1; then
		uv python find 3.10 2>/dev/null || true
	fi
}

# uv: the one on the PATH, or one in an environment of its own.
find_uv() {
	if command -v uv >/dev/null 2>&1; then
		command -v uv
		return
	fi
	for python in python3 python; do
		if command -v $python >/dev/null 2>&1 &&
			$python -m venv .venv-uv >/dev/null 2>&1 &&
			.venv-uv/bin/python -m pip install --quiet uv >/dev/null 2>&1; then
			echo "$PWD/.venv-uv/bin/uv"
			return
		fi
	done
}

fingerprint() {
	cat setup.py constraints.txt bootstrap.sh | cksum
}

is_set_up() {
	[ -x $VENV/bin/tidegate ] && [ "$(cat $STAMP 2>/dev/null)" = "$(fingerprint)" ]
}

if [ "${1:-}" = "--doctor" ]; then
	if is_set_up; then
		exec $VENV/bin/tidegate doctor
	fi
	found=$(find_310)
	if [ -n "$found" ]; then
		echo "Python 3.10: $found"
	else
		echo "Python 3.10: missing; make setup fetches it, or: pyenv install 3.10, or set PYTHON=/path/to/python3.10"
	fi
	echo "environment: not set up; mend with: make setup"
	exit 1
fi

is_set_up && exit 0

echo "setting up $VENV (once)"
python=$(find_310)
uv=
if [ -z "$python" ]; then
	echo "no Python 3.10 here: fetching it with uv"
	uv=$(find_uv)
	if [ -z "$uv" ] || ! "$uv" python install 3.10; then
		echo "Python 3.10 is missing and cannot be fetched; install it (pyenv install 3.10, or apt-get install python3.10 python3.10-venv where the system has it), or set PYTHON=/path/to/python3.10" >&2
		exit 1
	fi
	python=$("$uv" python find 3.10)
fi
rm -rf $VENV
if ! "$python" -m venv $VENV >/dev/null 2>&1; then
	# Debian's python3 without python3-venv cannot make an environment with pip.
	rm -rf $VENV
	uv=${uv:-$(find_uv)}
	if [ -z "$uv" ] || ! "$uv" venv --quiet --seed --python "$python" $VENV; then
		echo "$python cannot make a virtual environment; mend with: apt-get install python3-venv" >&2
		exit 1
	fi
fi
# uv resolves the pinned set in seconds, pip in minutes.
if $VENV/bin/python -m pip install --quiet -c constraints.txt uv >/dev/null 2>&1; then
	# Compiled once here: where Python may not write bytecode, each run would compile TFX anew.
	install="$VENV/bin/uv pip install --quiet --compile-bytecode --python $VENV/bin/python"
else
	install="$VENV/bin/python -m pip install --quiet"
fi
if ! $install -c constraints.txt -e ".[test]"; then
	echo "the packages cannot be installed: see the lines above; is the package index reachable?" >&2
	exit 1
fi
rm -rf .venv-uv
fingerprint >$STAMP
echo "set up: $($VENV/bin/python --version), $VENV/bin/tidegate"
