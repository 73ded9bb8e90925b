#!/bin/sh
# kernel-objs.sh DIR: compile the files of tests/kernel-objs.list with the kernel's own build system
# against its headers (KDIR, or the newest of Debian's packages), in DIR. Objects only: they must
# compile and join, nothing is linked into a module.
set -eu
dir=$1
root=$(cd "$(dirname "$0")/.." && pwd)
kdir=${KDIR:-$(ls -d /usr/src/linux-headers-*-amd64 /lib/modules/*/build 2>/dev/null | sort -V | tail -n 1)}
if [ -z "$kdir" ]; then
	echo "kernel-objs: no kernel headers (apt-get install linux-headers-amd64, or KDIR=...)" >&2
	echo "0 passed, 1 failed"
	exit 1
fi

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
list() { # the files that the lines beginning with $1 name
	cd "$root" && sed -n "s/#.*//; s/^$1//p" tests/kernel-objs.list | while read -r pattern; do
		case $pattern in ""|!*) ;; *) ls $pattern ;; esac
	done | sort -u
}
list ! >"$dir/left-out"
files=$(list "" | grep -vxF -f "$dir/left-out")
for f in $files; do # links to files, not to folders: objects go next to their source
	mkdir -p "$dir/${f%/*}"
	ln -sfn "$root/$f" "$dir/$f"
done
# Where newer kernels have a header that this one has elsewhere.
mkdir -p "$dir/compat/linux"
echo '#include <asm/unaligned.h>' >"$dir/compat/linux/unaligned.h"
{
	echo "obj-m := bch.o"
	echo "ccflags-y := -I$root/libbcachefs -idirafter $dir/compat -include $root/tests/kernel-objs.h -fwrapv"
	echo "ccflags-y += -Wno-declaration-after-statement -Wno-frame-larger-than -Werror"
	for f in $files; do
		echo "bch-y += ${f%.c}.o"
	done
} >"$dir/Kbuild.new"
cmp -s "$dir/Kbuild.new" "$dir/Kbuild" || mv "$dir/Kbuild.new" "$dir/Kbuild"
rm -f "$dir/Kbuild.new"

passed=0 failed=0
make -C "$kdir" M="$dir" -k -j2 bch.o >"$dir/log" 2>&1 && status=0 || status=$?
grep -E 'error|warning' "$dir/log" | head -n 40 || true
for f in $files; do
	if [ -e "$dir/${f%.c}.o" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "kernel-objs: $f does not compile against $kdir"
	fi
done
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
	tail -n 20 "$dir/log"
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
