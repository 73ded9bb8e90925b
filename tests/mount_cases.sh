# Runs in the virtual machine: `bcachefs mount` and the mount helper with the kernel's driver.
# Each case leaves /out/CASE: its output, a line "status N" behind each command, and what `show` prints.
# Disks: d0 one member; d1, d2 replicas; d3 encrypted; d4 no bcachefs; d5, d6 replicas, one goes away; d7 a newer version.
passphrase='a passphrase of words'
ld=/in/ld-linux-x86-64.so.2

program() { # NAME: a program that runs the binary under test by this name
	printf '#!/bin/bash\nexec %s --library-path /in --argv0 %s /in/bcachefs "$@"\n' "$ld" "${1##*/}" >"$1"
	chmod +x "$1"
}
rm -f /usr/sbin/bcachefs /usr/sbin/mount.bcachefs /usr/sbin/mkfs.bcachefs
program /usr/sbin/bcachefs
program /usr/sbin/mount.bcachefs
mkdir -p /mnt /mnt2 /etc
touch /etc/fstab

try() {
	"$@"
	echo "status $?"
}
show() { # where it is mounted, how, and that it has the content
	grep ' bcachefs ' /proc/mounts
	cat /mnt/file 2>&1
}
clean() {
	while umount /mnt2 2>/dev/null; do :; done
	while umount /mnt 2>/dev/null; do :; done
}
t() { # CASE COMMAND...
	name=$1
	shift
	echo "case $name $SECONDS s"
	echo "== $name" >/dev/kmsg
	"$@" >"/out/$name" 2>&1
	clean >/dev/null
}
uuid() { bcachefs show-super "$1" | sed -n 's/^External UUID: *//p'; }

t format eval '
try bcachefs format -q /dev/d0
try bcachefs format -q -L pair --replicas=2 /dev/d1 /dev/d2
printf "%s\n" "$passphrase" "$passphrase" | try bcachefs format -q --encrypted /dev/d3
try bcachefs format -q --replicas=2 /dev/d5 /dev/d6'
one=$(uuid /dev/d0) two=$(uuid /dev/d1) gone=$(uuid /dev/d5)

t single eval 'try bcachefs mount /dev/d0 /mnt; echo content >/mnt/file; show; try umount /mnt'
t verbose eval 'try bcachefs mount -v /dev/d0 /mnt; show'
t options eval 'try bcachefs mount -o noatime,nodev,compression=zstd,degraded,nofail,_netdev,x-systemd.automount,ro /dev/d0 /mnt; show'
t unknown eval 'try bcachefs mount -o no_such_word /dev/d0 /mnt; show'
t bad_value eval 'try bcachefs mount -o compression=nonsense /dev/d0 /mnt; show'
t read_only eval 'try bcachefs mount -r /dev/d0 /mnt; show; touch /mnt/x'
t operands eval 'try bcachefs mount /dev/d1 /dev/d2 /mnt; echo content >/mnt/file; show'
t list eval 'try bcachefs mount /dev/d1:/dev/d2 /mnt; show'
t by_uuid eval 'try bcachefs mount UUID=$two /mnt; show'
t by_label eval 'try bcachefs mount LABEL=pair /mnt; show'
t by_old_uuid eval 'try bcachefs mount OLD_BLKID_UUID=$two /mnt; show'
t completed eval 'try bcachefs mount /dev/d2 /mnt; show'
t write_protected eval 'blockdev --setro /dev/d0; try bcachefs mount /dev/d0 /mnt; show; blockdev --setrw /dev/d0'
t fake eval 'try bcachefs mount --fake /dev/d0 /mnt; show'
t no_mountpoint eval 'try bcachefs mount /dev/d0; show'
t missing_mountpoint eval 'try bcachefs mount /dev/d0 /nowhere; show'
t file_mountpoint eval 'try bcachefs mount /dev/d0 /etc/fstab; show'
t missing_device eval 'try bcachefs mount /dev/nothing /mnt; show'
t missing_second eval 'try bcachefs mount /dev/d1:/dev/nothing /mnt; show'
t foreign_second eval 'try bcachefs mount /dev/d1:/dev/d0 /mnt; show'
t not_bcachefs eval 'try bcachefs mount /dev/d4 /mnt; show'
t same_state eval 'bcachefs mount /dev/d0 /mnt;  try bcachefs mount /dev/d0 /mnt2; show'
t other_state eval 'bcachefs mount /dev/d0 /mnt; try bcachefs mount -o ro /dev/d0 /mnt2; show'
t in_use eval 'echo "0 60000 linear /dev/d0 0" | dmsetup create part; try bcachefs mount /dev/d0 /mnt; show; dmsetup remove part'
t usage eval 'bcachefs mount /dev/d0 /mnt; try bcachefs fs usage /mnt; try bcachefs fs usage /dev/d0; umount /mnt; try bcachefs fs usage /dev/d0'
t file eval 'bcachefs mount /dev/d0 /mnt; mkdir -p /run/i; mount -t tmpfs none /run/i; dd if=/dev/d0 of=/run/i/image bs=1M 2>/dev/null; umount /mnt
try bcachefs mount /run/i/image /mnt; show; umount /mnt; umount /run/i'

# The helper, called by mount(8).
t helper eval 'try mount -t bcachefs /dev/d0 /mnt; show'
t helper_options eval 'try mount -t bcachefs -o ro,noexec,compression=lz4 /dev/d0 /mnt; show'
t helper_list eval 'try mount -t bcachefs /dev/d1:/dev/d2 /mnt; show'
t helper_uuid eval 'try mount -t bcachefs UUID=$two /mnt; show'
t helper_words eval 'try mount -v -n -t bcachefs /dev/d0 /mnt; show'
t helper_fake eval 'try mount -f -t bcachefs /dev/d0 /mnt; show'
t helper_fails eval 'try mount -t bcachefs /dev/d4 /mnt; show'
t fstab eval 'echo "OLD_BLKID_UUID=$two /mnt bcachefs noatime,nofail,x-a=b 0 0" >/etc/fstab; try mount /mnt; show; umount /mnt; try mount -a; show; echo >/etc/fstab'
t remount eval 'try mount -t bcachefs /dev/d0 /mnt; try mount -o remount,ro /mnt; show'
t remount_by_us eval 'try bcachefs mount /dev/d0 /mnt; try bcachefs mount -o remount,ro /dev/d0 /mnt; show'

# Keys. A passphrase takes 10 s of the emulated processor.
forget() { keyctl clear @u; keyctl new_session >/dev/null 2>&1; }
t locked eval 'forget; try bcachefs mount -k fail /dev/d3 /mnt; show'
t nothing_to_read eval 'forget; try bcachefs mount /dev/d3 /mnt </dev/null; show'
t wrong eval 'forget; echo wrong >/run/wrong; try bcachefs mount -f /run/wrong /dev/d3 /mnt; show'
t asked eval 'forget; echo "$passphrase" | try bcachefs mount /dev/d3 /mnt; echo content >/mnt/file; show'
t key_stays eval 'try bcachefs mount -k fail /dev/d3 /mnt; show'
t waits eval 'forget; (sleep 3; echo "$passphrase" | bcachefs unlock -k session /dev/d3) & try bcachefs mount -k wait /dev/d3 /mnt; show; wait'
t key_of_unlock eval 'try mount -i -t bcachefs /dev/d3 /mnt; show'

# A version that nobody knows yet, in every copy of the superblock.
t newer_version eval 'try bcachefs mount /dev/d7 /mnt; show'

# A member goes away.
t gone eval 'bcachefs mount /dev/d5:/dev/d6 /mnt; echo content >/mnt/file; umount /mnt
disk=$(readlink -f /dev/d6); virtio=$(basename "$(readlink -f /sys/block/${disk##*/}/device)")
echo "$virtio" >/sys/bus/virtio/drivers/virtio_blk/unbind
try bcachefs mount UUID=$gone /mnt; show
try bcachefs mount -o degraded UUID=$gone /mnt; show'
t gone_helper eval 'try mount -t bcachefs /dev/d5 /mnt; try mount -t bcachefs -o degraded /dev/d5 /mnt; show'
