// Package filter runs classic BPF programs, as packet sockets and sockets attach
// them (net/core/filter.c:sk_run_filter), on golang.org/x/net/bpf.
//
// A program is written as `tcpdump -ddd` prints it: a line for each instruction
// with its code, its two jumps and its constant in decimal.
//
//	tcpdump -ddd 'udp port 14506' | tail -n +2
//
// Packets of the model have no bytes but those of their headers. A program runs
// on headers that are made of what the model knows: addresses, EtherType, tags
// still in the data, the fixed part of IPv4 and UDP. What is unknown is zero:
// identification, time to live, checksums, options, and every byte of payload.
// So filters on addresses, ports, protocols, lengths and tags decide as they
// would, and filters that look into the payload do not.
//
// The extensions that tcpdump uses (SKF_AD_VLAN_TAG_PRESENT and the like, loads
// relative to SKF_NET_OFF and SKF_LL_OFF) are there.
//
// Not modelled:
//   - The extensions NLATTR, NLATTR_NEST, MARK, RANDOM, PAY_OFFSET and
//     VLAN_TPID do not exist: a program with one of them is refused.
package filter
