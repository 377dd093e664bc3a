#!/bin/sh
# Models and output folders of each generation of the stack, in the other: on a machine that runs the
# older one, with the Debian 13 root of newer.sh for the newer one. As root; ROOT= as there, and OLDER=
# names the Python of the older one's environment, .venv-1.16/bin/python if not given.
set -eu
cd "$(dirname "$0")/../.."
ROOT=${ROOT:-/var/tmp/tidegate-debian-13}
export ROOT
place=/var/tmp/tidegate-across # The same path on both sides, as an output folder names its files.

newer() {
	sh tests/generation/newer.sh sh -c ".venv/bin/python -m tests.generation.across $1 $2"
}

older() {
	unshare --mount sh -c "mount --bind '$ROOT$place' $place && exec $OLDER -m tests.generation.across $1 $2"
}

[ -n "${OLDER:-}" ] || { GENERATION=1.16 sh bootstrap.sh && OLDER=.venv-1.16/bin/python; }
sh tests/generation/newer.sh sh bootstrap.sh
rm -rf "$ROOT$place"
mkdir -p "$ROOT$place" $place
older make $place/older
newer make $place/newer
echo "made by the older one, in the newer one:"
newer check $place/older
echo "made by the newer one, in the older one:"
older check $place/newer
