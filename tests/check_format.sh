#!/bin/sh
# check_format.sh [FILE]...: are the C files (all that git knows, by default) as .clang-format says?
# clang-format 14, as in Debian 12: other versions differ in detail. Headers that are tables or macros
# aligned by hand are only checked for the width of lines and blanks at their ends.
set -eu
cd "$(dirname "$0")/.."
format=$(command -v clang-format-14 || command -v clang-format) || {
	echo "check_format: no clang-format (apt-get install clang-format)" >&2
	exit 1
}
[ $# -gt 0 ] || set -- $(git ls-files '*.c' '*.h')
bad=0
for f in "$@"; do
	lines=$(expand "$f" | awk 'length > 100' | wc -l)
	blanks=$(grep -cE '[[:blank:]]$' "$f" || true)
	case $f in
	include/linux/*|libbcachefs/format/*.h|libbcachefs/util/darray.h|tests/unit/test.h) other=0 ;;
	*) other=$("$format" --style=file "$f" | diff "$f" - | grep -c '^[<>]' || true) ;;
	esac
	if [ "$lines$blanks$other" != 000 ]; then
		bad=$((bad + 1))
		echo "$f: $other lines differ, $lines too long, $blanks with blanks at the end"
	fi
done
echo "$(($# - bad)) passed, $bad failed"
[ "$bad" = 0 ]
