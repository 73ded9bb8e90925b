"""What format is run with in tests: mixes of options that are accepted, and what is refused.

Options have {0}, {1} ... for the images of the given sizes in MiB.
"""

PASSPHRASE = "correct horse"
# name: sizes in MiB, arguments
MIXES = {
    "default": ([128], "{0}"),
    "small": ([24], "{0}"),
    "large": ([65536], "{0}"),
    "two": ([64, 96], "{0} {1}"),
    "replicas": ([64, 64, 64], "--replicas=2 {0} {1} {2}"),
    "five": ([48, 64, 80, 96, 112], "--metadata_replicas=3 --data_replicas=2 {0} {1} {2} {3} {4}"),
    "labels": ([96, 96, 96], "--label=ssd.a --durability=2 {0} --label=hdd.b --durability=1 {1} --label=hdd.c {2} "
                             "--foreground_target=ssd --background_target=hdd --promote_target=ssd"),
    "target-device": ([64, 64], "{0} {1} --metadata_target={1}"),
    "discard": ([64, 64], "--label=x {0} --discard {1}"),
    "data-allowed": ([64, 96], "--data_allowed=journal,btree {0} --data_allowed=user {1}"),
    "compression": ([96], "--compression=lz4 --background_compression=zstd:15 {0}"),
    "gzip": ([96], "--compression=gzip:9 {0}"),
    "checksums": ([96], "--metadata_checksum=crc64 --data_checksum=xxhash --str_hash=crc64 {0}"),
    "no-checksum": ([96], "--data_checksum=none --nocow {0}"),
    "buckets": ([128], "--bucket_size=512k --btree_node_size=128k {0}"),
    "node-size": ([128, 128], "--btree_node_size=64k --bucket_size=256k {0} {1}"),
    "superblock-size": ([96], "--superblock_size=128k {0}"),
    "fs-size": ([128, 96], "--fs_size=64M {0} {1}"),
    "label": ([64], "-L name-with-exactly-thirty-two-chr -U 01234567-89ab-cdef-0123-456789abcdef {0}"),
    "quotas": ([96], "--usrquota --grpquota --prjquota --acl=0 --inodes_32bit {0}"),
    "reserve": ([96], "--gc_reserve_percent=12 --root_reserve_percent=3 --errors=continue --encoded_extent_max=128k {0}"),
    "wide-macs": ([96], "--wide_macs --encrypted {0}"),
    "encrypted": ([64, 64], "--encrypted --replicas=2 {0} {1}"),
    "bare-key": ([96], "--encrypted --no_passphrase {0}"),
    "old-version": ([96], "--version=1028 {0}"),
    "sixteen-mib": ([16], "--bucket_size=64k {0}"),
    "one-tib": ([1 << 20], "{0}"),
    "uneven": ([100, 3000, 64], "{0} {1} {2}"),
    "block-4k": ([96], "--block_size=4k --encoded_extent_max=1M {0}"),
    "no-checksums": ([96], "--metadata_checksum=none --data_checksum=none --str_hash=siphash {0}"),
    "xxhash": ([96], "--metadata_checksum=xxhash --data_checksum=xxhash {0}"),
    "big-buckets": ([1024, 1024], "--bucket_size=4M {0} --bucket_size=2M {1}"),
    "label-tree": ([64, 64, 64], "--label=a.b.c {0} --label=a.b {1} --label=a.x.c {2} --background_target=a.x --replicas=2"),
    "durability": ([64, 64, 64], "--durability=0 --data_allowed=user {0} --durability=2 {1} --durability=1 "
                                 "--data_allowed=journal,btree,user {2} --replicas=3"),
    "errors": ([96, 64], "--errors=ro --metadata_replicas_required=2 --metadata_replicas=2 --data_replicas_required=1 "
                         "{0} {1}"),
    "numbers": ([96], "--gc_reserve_bytes=1M --allocator_stuck_timeout=60 --journal_transaction_names=0 "
                      "--shard_inode_numbers=0 --inodes_use_key_cache=0 {0}"),
    "erasure-code": ([64, 64, 64], "--erasure_code --replicas=2 {0} {1} {2}"),
}

# name: sizes in MiB, arguments, what the message says. Each ends before the first byte is written.
REFUSED = {
    "no-device": ([], "", "Please supply a device"),
    "option-without-device": ([64], "{0} --discard", "Options for devices apply to subsequent devices"),
    "replicas-4": ([64], "--replicas=4 {0}", "invalid replicas 4"),
    "durability-3": ([64], "--durability=3 {0}", "invalid durability 3"),
    "no-such-type": ([64], "--data_allowed=user,cached {0}", "bad data type user,cached"),
    "no-journal": ([64], "--data_allowed=btree,user {0}", "no device of durability above 0 allows the journal"),
    "no-durability": ([64], "--durability=0 {0}", "no device of durability above 0"),
    "required": ([64], "--metadata_replicas_required=2 --metadata_replicas=3 {0}", "2 copies of metadata are required"),
    "uuid": ([64], "-U 0123 {0}", "bad uuid 0123"),
    "label": ([64], "-L 123456789012345678901234567890123 {0}", "longer than 32 bytes"),
    "label-part": ([64], "--label=a..b {0}", "label 'a..b'"),
    "target": ([64], "--label=ssd {0} --foreground_target=hdd", "Invalid target hdd"),
    "target-none": ([64], "--foreground_target=nothing {0}", "Invalid target nothing"),
    "version-low": ([64], "--version=5 {0}", "format version 0.5 cannot be made"),
    "version-high": ([64], "--version=1.20 {0}", "format version 1.20 cannot be made"),
    "version-text": ([64], "--version=1.x {0}", "invalid version 1.x"),
    "block-size": ([64], "--block_size=8k {0}", "block size 8192 is larger than 4096"),
    "small-block": ([64], "--block_size=512 {0}", "blocksize too small: 512, must be greater than device blocksize 4096"),
    "node-size": ([64], "--btree_node_size=8k {0}", "cannot hold 4 of the largest keys"),
    "bucket-size": ([64], "--bucket_size=96k {0}", "bucket size 98304 is not a power of two"),
    "bucket-below-node": ([64], "--bucket_size=64k --btree_node_size=128k {0}",
                          "Bucket size (65536) cannot be smaller than btree node size (131072)"),
    "few-buckets": ([64], "--bucket_size=4M {0}", "Not enough buckets: 16, need 64 (bucket size 4194304)"),
    "superblock-size": ([64], "--superblock_size=3M {0}", "superblock size 3145728"),
    "fs-size": ([64], "--fs_size=65M {0}", "fewer than the 68157440 of --fs_size"),
    "too-small": ([16], "{0}", "too small to be used"),
    "tiny": ([0], "{0}", "too small (0 bytes, min 262144)"),
    "twice": ([64], "{0} {0}", "is the same device as"),
    "missing-value": ([64], "{0} --metadata_replicas", "requires a value"),
    "compression": ([64], "--compression=lz5 {0}", "compression"),
    "passphrase-file": ([64], "--passphrase_file=/dev/null {0}", "--passphrase_file needs --encrypted"),
    "second-too-small": ([64, 1], "{0} {1} --btree_node_size=128k", "Bucket size"),
    "source": ([64], "--source=/etc {0}", "--source is not possible"),
}
