package ipstack

import (
	"errors"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ConntrackConfig holds the settings of connection tracking.
type ConntrackConfig struct {
	// On loads nf_conntrack and its defragmentation.
	On bool
	// Assured is the number of entries that other, assured connections hold all the time.
	Assured int
	// Max is the number of connections, 0 for no limit (NF-3).
	Max int `sysctl:"net.netfilter.nf_conntrack_max"`
	// Buckets is the size of the hash table.
	Buckets int `sysctl:"net.netfilter.nf_conntrack_buckets"`
	// UDPTimeout is how long a flow that has had no reply is remembered, in seconds.
	UDPTimeout int `sysctl:"net.netfilter.nf_conntrack_udp_timeout"`
	// UDPTimeoutStream is how long one that has had replies is remembered, in seconds.
	UDPTimeoutStream int `sysctl:"net.netfilter.nf_conntrack_udp_timeout_stream"`
	// GenericTimeout is how long a flow of a protocol without a tracker of its own is remembered, in seconds.
	GenericTimeout int `sysctl:"net.netfilter.nf_conntrack_generic_timeout"`
}

// DefaultConntrack returns the defaults of a machine with more than 1 GiB
// (nf_conntrack_init_start), switched off.
func DefaultConntrack() ConntrackConfig {
	return ConntrackConfig{Max: 65536, Buckets: 16384, UDPTimeout: 30, UDPTimeoutStream: 180, GenericTimeout: 600}
}

func (c *ConntrackConfig) validate() error {
	const most, long = 1<<31 - 1, 1_000_000
	return errors.Join(
		cfgerr.Range("conntrack.assured", c.Assured, 0, 1<<24),
		cfgerr.Range("net.netfilter.nf_conntrack_max", c.Max, 0, most),
		cfgerr.Range("net.netfilter.nf_conntrack_buckets", c.Buckets, 1, 1<<24),
		cfgerr.Range("net.netfilter.nf_conntrack_udp_timeout", c.UDPTimeout, 1, long),
		cfgerr.Range("net.netfilter.nf_conntrack_udp_timeout_stream", c.UDPTimeoutStream, 1, long),
		cfgerr.Range("net.netfilter.nf_conntrack_generic_timeout", c.GenericTimeout, 1, long))
}

// evictionRange is how many entries are looked at for one that may go.
const evictionRange = 8

// A tuple is one direction of a connection (NF-4). It models struct
// nf_conntrack_tuple.
type tuple struct {
	src, dst         skb.Addr
	srcPort, dstPort uint16
	proto            uint8
}

func (t tuple) reply() tuple { return tuple{t.dst, t.src, t.dstPort, t.srcPort, t.proto} }

// bucket models hash_conntrack.
func (t tuple) bucket(n int) uint32 {
	h := jhash3(bits.ReverseBytes32(uint32(t.src)), bits.ReverseBytes32(uint32(t.dst)), uint32(t.srcPort)<<16|uint32(t.dstPort), uint32(t.proto))
	return uint32(uint64(h) * uint64(n) >> 32)
}

// A connection is an entry of the table. It models struct nf_conn.
type connection struct {
	dirs        [2]direction // original, reply
	expires     engine.Time
	seen        bool // a reply
	assured     bool
	place       int // in the heap of timers
	freeNext    *connection
	timerExpiry engine.Time // the key in the heap, not later than expires
}

// A direction is a connection's place in one chain.
type direction struct {
	tuple  tuple
	conn   *connection
	next   *direction
	bucket uint32
}

// conntrack is the table of connections.
type conntrack struct {
	chains  []*direction
	others  []uint16 // assured entries of others by bucket
	count   int      // entries, and packets on their way to become one
	timers  []*connection
	free    *connection
	started bool
	stats   []mib.Conntrack // by CPU
}

// cpu returns what a CPU has counted.
func (t *conntrack) cpu(c *cpu.Core) *mib.Conntrack {
	for len(t.stats) <= c.ID() {
		t.stats = append(t.stats, mib.Conntrack{})
	}
	return &t.stats[c.ID()]
}

// ConntrackStats returns what the first CPUs have counted, as many as that.
func (l *Layer) ConntrackStats(cpus int) []mib.Conntrack {
	out := make([]mib.Conntrack, cpus)
	copy(out, l.conntrack.stats)
	return out
}

func (t *conntrack) start(cfg *ConntrackConfig) {
	t.started = true
	t.chains = make([]*direction, cfg.Buckets)
	t.others = make([]uint16, cfg.Buckets)
	t.count = cfg.Assured
	for i := range cfg.Assured {
		o := tuple{skb.Addr(i), ^skb.Addr(i), 80, uint16(i), skb.ProtoTCP}
		t.others[o.bucket(cfg.Buckets)]++
		t.others[o.reply().bucket(cfg.Buckets)]++
	}
}

// ConntrackCount returns nf_conntrack_count.
func (l *Layer) ConntrackCount() int {
	if t := &l.conntrack; t.started {
		return t.count
	}
	return l.Config.Conntrack.Assured
}

// conntrackIn models nf_conntrack_in: the packet belongs to a connection that is
// known, or is the first of a new one, for which there must be room (NF-3). It
// reports whether the packet was dropped.
//
// Not modelled:
//   - TCP and ICMP, which have connection trackers of their own, pass
//     untracked.
//   - Connection tracking knows no zones, expectations, helpers or address
//     translation.
func (l *Layer) conntrackIn(c *cpu.Core, b *skb.Buff) bool {
	h, st := b.Head, l.conntrack.cpu(c)
	if h.Proto == skb.ProtoTCP || h.Proto == skb.ProtoICMP {
		return false
	}
	c.Spend(l.Costs.Conntrack.Fixed)
	if !l.conntrack.started {
		l.conntrack.start(&l.Config.Conntrack)
	}
	l.settleConntrack(c.Now())
	if h.Proto == skb.ProtoUDP && !l.conntrackUDPError(c, b) {
		st.Invalid++
		return false // accepted, but nobody's
	}
	t := tuple{src: h.Src, dst: h.Dst, proto: h.Proto}
	if h.Proto == skb.ProtoUDP {
		t.srcPort, t.dstPort = h.SrcPort, h.DstPort
	}
	if d := l.conntrackFind(c, t); d != nil {
		b.CT = skb.CTEstablished
		l.conntrackRefresh(c, d.conn, d == &d.conn.dirs[1])
		return false
	}
	table, most := &l.conntrack, l.Config.Conntrack.Max
	table.count++
	if most != 0 && table.count > most && !l.earlyDrop(c, t.bucket(len(table.chains))) {
		table.count--
		st.Drop++
		l.drop(c, skb.ConntrackFull)
		return true
	}
	st.New++
	b.CT = skb.CTNew
	return false
}

// conntrackUDPError models udp_error: what is malformed is tracked by nobody. It
// verifies a checksum that nobody has verified, and later layers need not.
func (l *Layer) conntrackUDPError(c *cpu.Core, b *skb.Buff) bool {
	h, n := b.Head, b.Len-uint32(b.Head.IHL)*4
	if n < skb.UDPHeader || uint32(b.UDPLen) > n || b.UDPLen < skb.UDPHeader {
		return false
	}
	if h.UDPChecksum == skb.ChecksumZero || b.Summed == skb.ChecksumUnnecessary || b.Summed == skb.ChecksumPartial {
		return true
	}
	if b.Summed == skb.ChecksumNone {
		c.Spend(l.Costs.Checksum.For(uint32(b.UDPLen)))
	}
	if h.UDPChecksum == skb.ChecksumBad {
		return false
	}
	b.Summed = skb.ChecksumUnnecessary
	return true
}

// conntrackFind models __nf_conntrack_find_get.
func (l *Layer) conntrackFind(c *cpu.Core, t tuple) *direction {
	table, st := &l.conntrack, l.conntrack.cpu(c)
	for d := table.chains[t.bucket(len(table.chains))]; d != nil; d = d.next {
		if d.tuple == t {
			st.Found++
			return d
		}
		st.Searched++
	}
	return nil
}

// conntrackRefresh models udp_packet and generic_packet with nf_ct_refresh_acct:
// a timer that is moved by less than a second stays.
func (l *Layer) conntrackRefresh(c *cpu.Core, n *connection, reply bool) {
	n.assured = n.assured || n.seen && n.dirs[0].tuple.proto == skb.ProtoUDP
	at := l.conntrackExpiry(c, n)
	if at-n.expires >= engine.Second {
		n.expires = at
	}
	n.seen = n.seen || reply
}

// conntrackExpiry is when the timer of a connection that has just been used is due.
func (l *Layer) conntrackExpiry(c *cpu.Core, n *connection) engine.Time {
	cfg := &l.Config.Conntrack
	seconds := cfg.GenericTimeout
	if n.dirs[0].tuple.proto == skb.ProtoUDP {
		seconds = cfg.UDPTimeout
		if n.seen {
			seconds = cfg.UDPTimeoutStream
		}
	}
	return c.TickAt(c.Jiffies() + c.JiffiesOf(engine.Time(seconds)*engine.Second))
}

// earlyDrop models early_drop: the last entry of the bucket that is not assured
// goes, or of the next buckets, until eight have been looked at.
func (l *Layer) earlyDrop(c *cpu.Core, bucket uint32) bool {
	table, seen := &l.conntrack, 0
	for range table.chains {
		var victim *connection
		for d := table.chains[bucket]; d != nil; d = d.next {
			if !d.conn.assured {
				victim = d.conn
			}
			seen++
		}
		seen += int(table.others[bucket])
		if victim != nil {
			table.remove(victim)
			table.cpu(c).EarlyDrop++
			return true
		}
		if seen >= evictionRange {
			return false
		}
		bucket = (bucket + 1) % uint32(len(table.chains))
	}
	return false
}

// conntrackConfirm models __nf_conntrack_confirm, the last at LOCAL_IN: the
// connection is entered, unless another packet of it was quicker (NF-3). It
// reports whether the packet was dropped.
func (l *Layer) conntrackConfirm(c *cpu.Core, b *skb.Buff) bool {
	if b.CT != skb.CTNew {
		return false
	}
	h, table, st := b.Head, &l.conntrack, l.conntrack.cpu(c)
	t := tuple{src: h.Src, dst: h.Dst, proto: h.Proto}
	if h.Proto == skb.ProtoUDP {
		t.srcPort, t.dstPort = h.SrcPort, h.DstPort
	}
	for _, key := range [...]tuple{t, t.reply()} {
		for d := table.chains[key.bucket(len(table.chains))]; d != nil; d = d.next {
			if d.tuple == key {
				st.InsertFailed++
				l.refuse(c, b, skb.NetfilterDrop)
				return true
			}
		}
	}
	n := table.free
	if n == nil {
		n = &connection{}
	} else {
		table.free = n.freeNext
	}
	*n = connection{}
	for i, key := range [...]tuple{t, t.reply()} {
		k := key.bucket(len(table.chains))
		n.dirs[i] = direction{tuple: key, conn: n, next: table.chains[k], bucket: k}
		table.chains[k] = &n.dirs[i]
	}
	n.expires = l.conntrackExpiry(c, n)
	table.push(n)
	st.Insert++
	b.CT = skb.CTEstablished
	return false
}

// settleConntrack forgets the connections whose timers are due at t.
func (l *Layer) settleConntrack(t engine.Time) {
	table := &l.conntrack
	for len(table.timers) > 0 && table.timers[0].timerExpiry <= t {
		n := table.timers[0]
		if n.expires > t {
			n.timerExpiry = n.expires
			table.down(0)
			continue
		}
		table.remove(n)
	}
}

// remove models nf_ct_delete.
func (t *conntrack) remove(n *connection) {
	for i := range n.dirs {
		d := &n.dirs[i]
		at := &t.chains[d.bucket]
		for *at != d {
			at = &(*at).next
		}
		*at = d.next
	}
	last := len(t.timers) - 1
	i := n.place
	t.swap(i, last)
	t.timers = t.timers[:last]
	if i < last {
		t.down(i)
		t.up(i)
	}
	t.count--
	n.freeNext, t.free = t.free, n
}

// The timers are a heap by timerExpiry.

func (t *conntrack) push(n *connection) {
	n.timerExpiry, n.place = n.expires, len(t.timers)
	t.timers = append(t.timers, n)
	t.up(n.place)
}

func (t *conntrack) swap(i, j int) {
	t.timers[i], t.timers[j] = t.timers[j], t.timers[i]
	t.timers[i].place, t.timers[j].place = i, j
}

func (t *conntrack) up(i int) {
	for i > 0 && t.timers[i].timerExpiry < t.timers[(i-1)/2].timerExpiry {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *conntrack) down(i int) {
	for {
		least := i
		for _, k := range [...]int{2*i + 1, 2*i + 2} {
			if k < len(t.timers) && t.timers[k].timerExpiry < t.timers[least].timerExpiry {
				least = k
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}
