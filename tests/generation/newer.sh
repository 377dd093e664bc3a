#!/bin/sh
# Tests the newer generation of the stack on a machine whose C library is too old for it: in a Debian
# 13 root, made once by debootstrap from the machine's own package source.
#
#   sh tests/generation/newer.sh [COMMAND...]     `make test` if no command is given
#   ROOT=/path       where the root lies (several GB); /var/tmp/tidegate-debian-13 if not given
#   PYTHON=/path     a Python of this machine in place of Debian's 3.13, mounted read-only
set -eu
cd "$(dirname "$0")/../.."
ROOT=${ROOT:-/var/tmp/tidegate-debian-13}

if [ "$(id -u)" != 0 ]; then
	echo "a Debian root is made and entered by root alone: sudo make test-generation" >&2
	exit 2
fi
if ! command -v debootstrap >/dev/null 2>&1; then
	echo "debootstrap is missing; mend with: apt-get install debootstrap" >&2
	exit 2
fi
if [ ! -e "$ROOT/complete" ]; then
	mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)*\([a-z+]*:[^ ]*\) .*/\2/p' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
	rm -rf "$ROOT"
	debootstrap --variant=minbase \
		--include=ca-certificates,g++,gcc,git,libc6-dev,libffi8,libsqlite3-0,make,procps,python3,python3-dev,python3-venv \
		trixie "$ROOT" $mirror
	touch "$ROOT/complete"
fi

# The checkout as it is, without what git ignores. What an earlier call has set up stays.
mkdir -p "$ROOT/source"
(cd "$ROOT/source" && find . -mindepth 1 -maxdepth 1 ! -name '.venv*' -exec rm -rf {} +)
git ls-files --cached --others --exclude-standard -z |
	xargs -0 sh -c 'for file; do [ ! -e "$file" ] && [ ! -L "$file" ] || printf "%s\0" "$file"; done' - |
	tar --create --null --files-from=- | tar --extract --directory "$ROOT/source"

# The machine's name service, certificates and settings of the package index.
cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
cp -r /etc/ssl/certs/. "$ROOT/etc/ssl/certs/"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$ROOT/etc/pip.conf"
python=
if [ -n "${PYTHON:-}" ]; then
	python=$("$PYTHON" -c 'import sys; print(sys.base_prefix)')
	mkdir -p "$ROOT$python"
fi
[ $# -gt 0 ] || set -- make test

# In a mount namespace of its own: nothing stays mounted, however this ends.
export ROOT python
exec unshare --mount sh -c '
	mount --rbind /proc "$ROOT/proc" && mount --rbind /dev "$ROOT/dev" && mount --rbind /sys "$ROOT/sys"
	if [ -n "$python" ]; then
		mount --bind "$python" "$ROOT$python" && mount -o remount,ro,bind "$ROOT$python"
		python=$python/bin/python3
	fi
	exec chroot "$ROOT" env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" PYTHON="$python" \
		PATH=/usr/local/bin:/usr/bin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
		sh -c "cd /source && exec \"\$@\"" - "$@"' - "$@"
