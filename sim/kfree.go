package sim

import (
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// KfreeReasons returns what the tracepoint kfree_skb of a kernel shows, by
// reason, of the packets that were dropped between two ledgers; readers found the
// bad checksum of read of them (linux-6.18 4.2). A packet that the kernel calls
// consumed is not in it, nor one that a timer dropped on a CPU of its own.
func KfreeReasons(p *kernel.Profile, before, now *skb.Ledger, read uint64) map[string]uint64 {
	t := kfreeTrace{profile: p, out: map[string]uint64{}}
	f, g := &now.Finer, &before.Finer
	localnet, local := f.Localnet-g.Localnet, f.LocalSource-g.LocalSource
	options, ipShort, udpShort := f.Options-g.Options, f.IPShort-g.IPShort, f.UDPShort-g.UDPShort
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		n := now.Dropped[r] - before.Dropped[r]
		switch r {
		case skb.HandledElsewhere:
			t.add("IPV6DISABLED", f.IPv6Off-g.IPv6Off)
			t.add(unspecified, f.LLC-g.LLC)
		case skb.FullRing, skb.XDPDropped, skb.IgnoredMulti, skb.SocketClosed, skb.IPSourceRoute, skb.FragMem:
			t.add(unspecified, n)
		case skb.IPInvalidDest:
			t.late(r.String(), f.ZeroDest-g.ZeroDest)
			t.add(unspecified, n-(f.ZeroDest-g.ZeroDest))
		case skb.IPInvalidSource:
			t.late("IP_LOCALNET", localnet)
			t.late("IP_LOCAL_SOURCE", local)
			t.late(r.String(), n-localnet-local)
		case skb.IPInHdr:
			t.late(r.String(), options)
			t.add(r.String(), n-options+ipShort)
		case skb.PktTooSmall:
			t.add(unspecified, udpShort)
			t.add(r.String(), n-udpShort-ipShort)
		case skb.UnhandledProto:
			t.add(r.String(), n-(f.Tapped-g.Tapped))
		case skb.DupFrag:
			t.late(r.String(), n)
		case skb.FragInvalid:
			if p.RoutingDropReasons {
				n -= f.Waited - g.Waited // they are consumed
			}
			t.add(unspecified, n)
		case skb.FragReasmTimeout:
			if !p.TimersMigrate {
				t.add(unspecified, n)
			}
		case skb.UDPCsum:
			t.late(r.String(), read)
			t.add(r.String(), n-read)
		default:
			if !r.Hardware() {
				t.add(r.String(), n)
			}
		}
	}
	t.add(unspecified, now.Chained-before.Chained)
	if !p.RoutingDropReasons { // consume_skb in newer kernels
		t.add(unspecified, now.ChainedRead-before.ChainedRead)
	}
	return t.out
}

// unspecified is the reason of a plain kfree_skb.
const unspecified = "NOT_SPECIFIED"

// A kfreeTrace counts drops by the names of one kernel.
type kfreeTrace struct {
	profile *kernel.Profile
	out     map[string]uint64
}

func (t *kfreeTrace) add(name string, n uint64) {
	if n > 0 {
		t.out[name] += n
	}
}

// late adds drops whose reason came with 6.13.
func (t *kfreeTrace) late(name string, n uint64) {
	if !t.profile.RoutingDropReasons {
		name = unspecified
	}
	t.add(name, n)
}

// kfreeReason returns what the tracepoint shows of one drop. It tells less apart
// than KfreeReasons: what only the ledger's finer counts know shows by its common name.
func (h *Host) kfreeReason(r skb.DropReason) string {
	switch r {
	case skb.FullRing, skb.XDPDropped, skb.IgnoredMulti, skb.SocketClosed, skb.IPInvalidDest, skb.IPSourceRoute, skb.FragInvalid, skb.FragMem:
		return unspecified
	case skb.IPInvalidSource, skb.DupFrag:
		if !h.profile.RoutingDropReasons {
			return unspecified
		}
	case skb.FragReasmTimeout:
		if !h.profile.TimersMigrate {
			return unspecified
		}
	}
	return r.String()
}
