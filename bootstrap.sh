#!/bin/sh
# Sets up an environment with the pinned stack, once; `--doctor` only says what is missing.
# Needs make, a shell and some Python. There are two generations of the stack: TFX 1.21 on Python
# 3.11 to 3.13, whose wheels need glibc 2.39, and TFX 1.16 on Python 3.10. The newer one is taken
# where the machine can run it; GENERATION=1.16 or 1.21 insists. Python is looked for on the PATH
# and in a pyenv (PYTHON=/path names it), and is fetched by uv where the internet can be reached.
set -eu
cd "$(dirname "$0")"
VENV=.venv # A link to the environment of the generation in use.

# glibc 2.39 or newer: what the wheels of ML Metadata and TFDV 1.21 need.
runs_newer() {
	version=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //')
	[ "${version%%.*}" -gt 2 ] 2>/dev/null ||
		{ [ "${version%%.*}" = 2 ] && [ "${version#*.}" -ge 39 ]; } 2>/dev/null
}

pythons_of() {
	if [ "$1" = 1.21 ]; then echo 3.13 3.12 3.11; else echo 3.10; fi
}

# The first Python of a generation, if there is any.
find_python() {
	for version in $(pythons_of "$1"); do
		if [ -n "${PYTHON:-}" ]; then
			set -- "$PYTHON"
		else
			set -- "python$version" python3 \
				"${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version" \
				"$HOME"/.pyenv/versions/"$version"*/bin/"python$version"
		fi
		for candidate in "$@"; do
			if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" \
				>/dev/null 2>&1; then
				echo "$candidate"
				return
			fi
		done
		if [ -z "${PYTHON:-}" ] && command -v uv >/dev/null 2>&1 &&
			uv python find "$version" 2>/dev/null; then
			return
		fi
	done
}

# uv: the one on the PATH, or one in an environment of its own.
find_uv() {
	if command -v uv >/dev/null 2>&1; then
		command -v uv
		return
	fi
	for candidate in python3 python; do
		if command -v $candidate >/dev/null 2>&1 &&
			$candidate -m venv .venv-uv >/dev/null 2>&1 &&
			.venv-uv/bin/python -m pip install --quiet uv >/dev/null 2>&1; then
			echo "$PWD/.venv-uv/bin/uv"
			return
		fi
	done
}

# Sets `generation`, `reason` and `python` (empty: to be fetched).
choose() {
	reason="this machine runs it"
	case ${GENERATION:-} in
	1.16 | 1.21)
		generation=$GENERATION
		reason="GENERATION=$GENERATION"
		if [ "$generation" = 1.21 ] && ! runs_newer; then
			echo "GENERATION=1.21: TFX 1.21 needs glibc 2.39 or newer (Debian 13, Ubuntu 24.04); here is $(getconf GNU_LIBC_VERSION 2>/dev/null || echo another C library)" >&2
			exit 2
		fi
		python=$(find_python "$generation")
		;;
	"")
		if ! runs_newer; then
			generation=1.16
			reason="TFX 1.21 needs glibc 2.39, here is $(getconf GNU_LIBC_VERSION 2>/dev/null || echo another C library)"
			python=$(find_python 1.16)
		else
			generation=1.21
			python=$(find_python 1.21)
			if [ -z "$python" ]; then
				python=$(find_python 1.16)
				if [ -n "$python" ]; then
					generation=1.16
					reason="there is no Python 3.11 to 3.13"
				fi
			fi
		fi
		;;
	*)
		echo "GENERATION=$GENERATION: expected 1.16 or 1.21" >&2
		exit 2
		;;
	esac
	environment=.venv-$generation
}

fingerprint() {
	cat setup.py "constraints/tfx-$generation.txt" bootstrap.sh | cksum
}

is_set_up() {
	[ -x "$environment/bin/tidegate" ] &&
		[ "$(cat "$environment/.tidegate-stamp" 2>/dev/null)" = "$(fingerprint)" ] &&
		{ [ -z "${PYTHON:-}" ] ||
			[ "$("$PYTHON" -c 'import sys; print(sys.version_info[:2])')" = \
				"$("$environment/bin/python" -c 'import sys; print(sys.version_info[:2])')" ]; }
}

# Makes .venv the link to the environment.
link() {
	if [ -e $VENV ] && [ ! -L $VENV ]; then
		if [ ! -e $VENV/.tidegate-stamp ]; then
			echo "$VENV is an environment that tidegate has not made; move it away" >&2
			exit 2
		fi
		rm -rf $VENV # Of the time when there was one generation.
	fi
	[ "$(readlink $VENV 2>/dev/null)" = "$environment" ] || ln -sfn "$environment" $VENV
}

choose

if [ "${1:-}" = "--doctor" ]; then
	if is_set_up; then
		exec "$environment/bin/tidegate" doctor
	fi
	echo "generation: TFX $generation ($reason)"
	if [ -n "$python" ]; then
		echo "Python: $python"
	else
		echo "Python $(pythons_of "$generation" | sed 's/ / or /g'): missing; make setup fetches it, or set PYTHON=/path/to/python"
	fi
	echo "environment: not set up; mend with: make setup"
	exit 1
fi

if is_set_up; then
	link
	exit 0
fi

echo "setting up $environment with TFX $generation ($reason), once"
uv=
if [ -z "$python" ]; then
	if [ -n "${PYTHON:-}" ]; then
		echo "PYTHON=$PYTHON: TFX $generation needs Python $(pythons_of "$generation" | sed 's/ / or /g')" >&2
		exit 2
	fi
	version=$(pythons_of "$generation" | sed 's/ .*//')
	echo "no Python $(pythons_of "$generation" | sed 's/ / or /g') here: fetching $version with uv"
	uv=$(find_uv)
	if [ -z "$uv" ] || ! "$uv" python install "$version"; then
		echo "Python $version is missing and cannot be fetched; install it (pyenv install $version, or apt-get install python$version python$version-venv where the system has it), or set PYTHON=/path/to/python$version" >&2
		exit 1
	fi
	python=$("$uv" python find "$version")
fi
link
rm -rf "$environment"
if ! "$python" -m venv "$environment" >/dev/null 2>&1; then
	# Debian's python3 without python3-venv cannot make an environment with pip.
	rm -rf "$environment"
	uv=${uv:-$(find_uv)}
	if [ -z "$uv" ] || ! "$uv" venv --quiet --seed --python "$python" "$environment"; then
		echo "$python cannot make a virtual environment; mend with: apt-get install python3-venv" >&2
		exit 1
	fi
fi
constraints=constraints/tfx-$generation.txt
# uv resolves the pinned set in seconds, pip in minutes.
if "$environment/bin/python" -m pip install --quiet -c "$constraints" uv >/dev/null 2>&1; then
	# Compiled once here: where Python may not write bytecode, each run would compile TFX anew.
	install="$environment/bin/uv pip install --quiet --compile-bytecode --python $environment/bin/python"
else
	install="$environment/bin/python -m pip install --quiet"
fi
if ! $install -c "$constraints" -e ".[test]"; then
	echo "the packages cannot be installed: see the lines above; is the package index reachable?" >&2
	exit 1
fi
rm -rf .venv-uv
fingerprint >"$environment/.tidegate-stamp"
echo "set up: $("$environment/bin/python" --version), TFX $generation, $VENV/bin/tidegate"
