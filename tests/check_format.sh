#!/bin/sh
# check_format.sh [FILE]...: are the C files (all that git knows, by default) as .clang-format says?
# clang-format 14, as in Debian 12: other versions differ in detail.
set -eu
cd "$(dirname "$0")/.."
format=$(command -v clang-format-14 || command -v clang-format) || {
	echo "check_format: no clang-format (apt-get install clang-format)" >&2
	exit 1
}
[ $# -gt 0 ] || set -- $(git ls-files '*.c' '*.h')
bad=0
for f in "$@"; do
	if ! "$format" --style=file --dry-run -Werror "$f" >/dev/null 2>&1; then
		bad=$((bad + 1))
		echo "$f: $("$format" --style=file "$f" | diff "$f" - | grep -c '^[<>]') lines differ"
	fi
done
echo "$(($# - bad)) passed, $bad failed"
[ "$bad" = 0 ]
