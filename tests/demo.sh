#!/bin/sh
# demo.sh: what the tool does, on image files in a scratch folder that is removed at the end.
# $BCACHEFS is the binary (default: build/bcachefs).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bcachefs=${BCACHEFS:-$here/../build/bcachefs}
dir=$(mktemp -d "${TMPDIR:-/tmp}/bcachefs-demo.XXXXXX")
trap 'mountpoint -q "$dir/mnt" && umount "$dir/mnt"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT PIPE TERM # dash runs the former only when it exits by itself
cd "$dir"

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}
# Shows a command, runs it, shows at most $lines lines of what it prints.
show() {
	printf '\n$ bcachefs %s\n' "$*"
	"$bcachefs" "$@" >out || { status=$?; cat out; exit $status; }
	head -n "$lines" out
	total=$(wc -l <out)
	[ "$total" -le "$lines" ] || echo "... ($total lines)"
}

say "An array of three devices, in files of 128, 128 and 256 MiB: a fast one, two slow ones, two copies of everything"
truncate -s 128M fast slow1
truncate -s 256M slow2
lines=12
show format --replicas=2 --compression=lz4 --background_compression=zstd --discard \
	--label=ssd.fast fast --label=hdd.one slow1 --label=hdd.two slow2 \
	--foreground_target=ssd --background_target=hdd --promote_target=ssd

say "Its superblock, from one of the members: options, where the copies lie, then the members"
lines=90
show show-super --layout fast

say "A filesystem that a real kernel wrote (three devices, two copies, compressed)"
for n in 0 1 2; do
	zstd -qd --long=27 "$here/images/multi3/dev$n.img.zst" -o "dev$n"
done
lines=15
show list -b dirents dev0 dev1 dev2
show list -b extents dev0 dev1 dev2
say "One key as a document for programs"
lines=1
show list -b inodes --json dev0 dev1 dev2

say "What fills it"
lines=40
show fs usage -h dev0 dev1 dev2

say "The newest entries of its journal"
lines=25
show list_journal -n 2 dev0 dev1 dev2

say "What it is filled with"
lines=14
show fs usage -h dev0 dev1 dev2

say "Every copy of everything read and checked"
lines=20
show scrub --dry-run dev0 dev1 dev2

say "Without one of its devices the other copies serve: mounted read-only by FUSE"
if [ -w /dev/fuse ]; then
	mkdir mnt
	"$bcachefs" fusemount -o ro,very_degraded dev1 dev2 mnt
	ls -la mnt | head -n 12
	printf '%s files, %s bytes read\n' "$(find mnt -type f | wc -l)" \
		"$(find mnt -type f -exec cat {} + | wc -c)"
	umount mnt
else
	echo "(not shown: /dev/fuse cannot be used here)"
fi

echo
echo "demo: all done; the scratch folder is removed"
