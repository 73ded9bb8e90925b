#!/bin/sh
# deps.sh [GROUP]...: what the project needs from Debian (or Ubuntu): installs what is missing when
# it runs as root, prints the command otherwise. Without a group: all of them.
#
#   build   the tool                     test    the tests of `make check`
#   lint    clang, clang-format, asan, tsan, fuzz          man     the manual page
#   kernel  headers for `make kernel-objs`                 vm      a real kernel and the real tool
#   demo    what `make demo` needs besides
set -eu

build='gcc libc6-dev make pkg-config libblkid-dev uuid-dev libsodium-dev libssl-dev libzstd-dev
	liblz4-dev zlib1g-dev libxxhash-dev libisal-dev liburcu-dev libudev-dev libaio-dev
	libkeyutils-dev libfuse3-dev libext2fs-dev'
test='libarchive-tools tar xfsprogs python3 python3-pytest python3-pytest-xdist zstd fuse3 time scdoc
	unicode-data'
lint='clang llvm libclang-rt-dev clang-format'
man='scdoc'
demo='zstd fuse3'
kernel='linux-headers-amd64'
vm='qemu-system-x86 qemu-utils debian-archive-keyring xz-utils zstd util-linux'

wanted=
for group in ${@:-build test lint man kernel vm}; do
	case $group in
	build|test|lint|man|demo|kernel|vm) eval "wanted=\"\$wanted \$$group\"" ;;
	*) echo "deps.sh: no group named $group" >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps.sh: this is not Debian; the packages there are called:" $wanted >&2
	exit 0
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
missing=
for package in $wanted; do
	printf '%s\n' "$installed" | grep -qxF "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

set -- env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: packages are missing; as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "deps.sh: installing$missing"
"$@" </dev/null >/dev/null 2>&1 && exit 0
apt-get update -q </dev/null >/dev/null
"$@" </dev/null
