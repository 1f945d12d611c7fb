// Package procfs renders a [mib.Snapshot] into the files in which a Linux host
// shows it, byte for byte: /proc/net/softnet_stat, snmp, netstat, dev, udp and
// their kin, /proc/stat and interrupts, /sys/class/net/<if>/statistics, and
// what the ethtool command prints. [FS] has them all as a tree; [Counters] and
// [EachCounter] have the numbers without the formats.
//
// There is a file of this package per file of the kernel. Each writer's comment
// names the seq_show function that it models and the rules (FMT-1 and so on) of
// the format. A view computes nothing but the kernel's own folds: the sum in
// the drop column of /proc/net/dev, the wrap of a 32-bit counter, picoseconds
// to ticks. Column names are the kernel tags of the counter structs; a column
// that nothing moves shows what an idle host shows. A writer fails only with
// an error of its io.Writer, or with one that names the field of the snapshot
// that no host could show.
//
// The reference is Linux 4.0 on x86-64, a little-endian machine. What differs
// in other kernels is in the snapshot: SoftnetColumns, NoIgnoredMulti, the rows
// of ptype.
//
// Not modelled:
//   - The order of devices in /proc/net/dev and dev_mcast is by index; Linux
//     4.0 walks its table of name hashes (FMT-7).
//   - /proc/net/udp hides the socket's address, as kptr_restrict does.
//   - /proc/interrupts has no rows for interrupts that the model has no source
//     for (timer, disk, keyboard), nor the HYP row of guests.
//   - CPU time is exact, as with VIRT_CPU_ACCOUNTING_GEN, not sampled by ticks.
//   - linux-3.10 shows the TcpExt columns of 4.0.
package procfs
