package sim

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// The surprising but true facts of the specification of IPv4, UDP and sockets,
// section 12, as whoever owns the host sees them: through sockets and the
// counters in /proc. Those that need more than a host stand beside what they are
// about.

// quiet is a reader's side of a host: sockets, and what UDP counted since.
type quiet struct {
	*testing.T
	h *Host
}

func quietHost(t *testing.T, change ...func(*Config)) quiet { return quiet{t, hostOf(t, change...)} }

func (q quiet) bind(c socket.Config) *Socket { q.Helper(); return bindTo(q.T, q.h, c) }

// unread is a socket on the local address that nobody reads.
func (q quiet) unread() *Socket { q.Helper(); return q.bind(socket.Config{Local: local}) }

// get sends n datagrams of that payload to the local socket.
func (q quiet) get(payload, n int) Snapshot {
	q.Helper()
	return send(q.T, q.h, q.h.UDPFrame(sender, local, payload), n)
}

// getBad sends one whose checksum is wrong, which nobody finds before its reader.
func (q quiet) getBad() Snapshot {
	q.Helper()
	f := q.h.UDPFrame(sender, local, 100)
	f.Head.UDPChecksum = skb.ChecksumBad
	return send(q.T, q.h, f, 1)
}

func (q quiet) udp() mib.UDP { return q.h.Snapshot().Net.UDP }

func (q quiet) rxQueue(s *Socket) int { return s.MemInfo().RmemAlloc }

var surprises = map[string]func(quiet){
	"SUR-1 InDatagrams counts at the read": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RcvBufForce: 1 << 24})
		q.get(100, 1000)
		require.Equal(q, 1000, s.Queued())
		require.Zero(q, q.udp().InDatagrams)
		_, err := s.Recv()
		require.NoError(q, err)
		require.EqualValues(q, 1, q.udp().InDatagrams)
	},
	"SUR-2 InDelivers counts what UDP drops": func(q quiet) {
		q.bind(socket.Config{Local: local, RcvBuf: 1000, Join: []socket.Join{{Group: vectorGroup}}})
		require.EqualValues(q, 10, q.get(100, 10).Net.IP.InDelivers, "seven find a full buffer")
		require.EqualValues(q, 7, q.udp().RcvbufErrors)
		require.EqualValues(q, 1, q.getBad().Net.IP.InDelivers, "a bad checksum")
		nobody := netip.AddrPortFrom(local.Addr(), 9)
		require.EqualValues(q, 1, send(q.T, q.h, q.h.UDPFrame(sender, nobody, 100), 1).Net.IP.InDelivers, "no port")
		require.EqualValues(q, 1, send(q.T, q.h, q.h.UDPFrame(sender, netip.AddrPortFrom(vectorGroup, 9), 100), 1).Net.IP.InDelivers, "no listener")
	},
	"SUR-3 a full buffer is charged twice": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RcvBuf: 1000})
		require.Equal(q, mib.UDP{RcvbufErrors: 1, InErrors: 1}, q.get(100, 4).Net.UDP)
		require.EqualValues(q, 1, s.Drops())
	},
	"SUR-5 udp_mem is not in RcvbufErrors": func(q quiet) {
		s := q.unread()
		require.Equal(q, mib.UDP{InErrors: 3}, q.get(300, 5).Net.UDP)
		require.EqualValues(q, 3, s.Drops())
	},
	"SUR-6 a filter's refusal is in InErrors alone": func(q quiet) {
		s := q.unread()
		s.SetFilter(func(*skb.Header, uint32) uint32 { return 0 })
		require.Equal(q, mib.UDP{InErrors: 1}, q.get(100, 1).Net.UDP)
		require.Zero(q, s.Drops())
	},
	"SUR-8 one datagram more than the buffer holds": func(q quiet) {
		s := q.unread()
		for payload, truesize := range map[int]int{1: 896, 214: 896, 215: 2944} {
			before := q.rxQueue(s)
			q.get(payload, 1)
			require.Equal(q, truesize, q.rxQueue(s)-before, "payload %d", payload)
		}
		s.Close()
		s = q.unread()
		q.get(1, 300)
		require.Equal(q, 238, s.Queued())
		require.Greater(q, q.rxQueue(s), 212992)
	},
	"SUR-9 three comparisons": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RcvBuf: 10 * 896 / 2})
		q.get(100, 12)
		require.Equal(q, 10, s.Queued(), "R/T directly")
		s.Close()
		s = q.bind(socket.Config{Local: local, RcvBuf: 10 * 896 / 2})
		s.Lock()
		q.get(100, 12)
		require.Equal(q, 11*896, s.MemInfo().Backlog, "one more in the backlog")
		require.EqualValues(q, 1, s.Drops())
		s.Release()
		require.Equal(q, 10, s.Queued(), "which is lost in the drain")
		require.EqualValues(q, 2, s.Drops())
	},
	"SUR-10 the first number of udp_mem is the limit": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RcvBufForce: 1 << 24})
		q.get(300, 100)
		require.Equal(q, 10, q.h.Snapshot().UDPMemPages)
		require.Equal(q, 13, s.Queued())
	},
	"SUR-11 a drained socket keeps a page": func(q quiet) {
		s := q.unread()
		q.get(100, 100)
		require.Equal(q, 22, q.h.Snapshot().UDPMemPages)
		for range 100 {
			_, err := s.Recv()
			require.NoError(q, err)
		}
		require.Equal(q, 1, q.h.Snapshot().UDPMemPages)
		require.Contains(q, read(q.T, q.h, "proc/net/sockstat"), "UDP: inuse 1 mem 1\n")
		s.Close()
		require.Zero(q, q.h.Snapshot().UDPMemPages)
	},
	"SUR-12 SO_RCVBUF is clamped in silence and doubled": func(q quiet) {
		require.Equal(q, 212992, q.unread().RcvBuf(), "not given: not doubled")
		for request, want := range map[int]int{8 << 20: 425984, 212992: 425984, 1000: 2304} {
			s := q.bind(socket.Config{Local: netip.AddrPortFrom(local.Addr(), 6000), RcvBuf: request})
			require.Equal(q, want, s.RcvBuf(), "%d bytes", request)
			s.Close()
		}
	},
	"SUR-13 a drain counts every byte twice": func(q quiet) {
		// Set below: the program holds the socket from 10 to 20 ms and drains 10 µs for each datagram.
		q.h.AdvanceTo(11 * engine.Millisecond)
		for range 150 {
			q.h.Inject(q.h.UDPFrame(sender, local, 100))
		}
		q.h.AdvanceTo(19 * engine.Millisecond)
		s := q.h.socks[0]
		require.Equal(q, socket.MemInfo{RcvBuf: 212992, Backlog: 134_400}, s.MemInfo())
		for range 2100 {
			if q.h.Advance(10 * time.Microsecond); s.Queued() >= 100 {
				break
			}
		}
		m := s.MemInfo()
		require.Equal(q, 134_400, m.Backlog, "not less while it drains")
		require.GreaterOrEqual(q, m.RmemAlloc, 100*896)
		require.Zero(q, s.Drops())
		q.h.Inject(q.h.UDPFrame(sender, local, 100)) // OW-5: it would fit
		q.h.Advance(50 * time.Millisecond)
		require.EqualValues(q, 1, s.Drops())
		require.EqualValues(q, 1, q.udp().RcvbufErrors)
		require.Equal(q, 150*896, s.MemInfo().RmemAlloc)
		require.Zero(q, s.MemInfo().Backlog)
	},
	"SUR-25 recv finds a bad checksum, and nothing": func(q quiet) {
		s := q.unread()
		q.getBad()
		q.get(100, 1)
		_, err := s.Recv()
		require.ErrorIs(q, err, socket.ErrAgain, "although a good one waits")
		require.Equal(q, mib.UDP{InErrors: 1, InCsumErrors: 1}, q.udp())
		_, err = s.Recv()
		require.NoError(q, err)
	},
	"SUR-26 poll on a blocking descriptor discards": func(q quiet) {
		s := q.unread()
		q.getBad()
		s.SetNonBlocking(true)
		require.Equal(q, socket.PollIn, s.Poll(), "a non-blocking one is readable")
		require.Equal(q, 1, s.Queued())
		s.SetNonBlocking(false)
		require.Zero(q, s.Poll())
		require.Zero(q, s.Queued())
		require.Equal(q, mib.UDP{InErrors: 1, InCsumErrors: 1}, q.udp())
	},
	"SUR-27 a fault in the copy loses the datagram": func(q quiet) {
		s := q.unread()
		q.get(100, 1)
		_, err := s.RecvMsg(1500, socket.MsgFault)
		require.ErrorIs(q, err, socket.ErrFault)
		require.Zero(q, s.Queued())
		require.EqualValues(q, 1, s.Drops())
		require.Equal(q, mib.UDP{InErrors: 1}, q.udp())
	},
	"SUR-29 rx_queue is truesize": func(q quiet) {
		q.unread()
		q.get(1, 1)
		require.Contains(q, read(q.T, q.h, "proc/net/udp"), " 07 00000000:00000380 ")
	},
	"SUR-30 sl is the bucket": func(q quiet) {
		for range 2 {
			q.bind(socket.Config{Local: anyAddr, ReuseAddr: true})
		}
		q.bind(socket.Config{Local: netip.AddrPortFrom(anyAddr.Addr(), 5003)})
		var sl []string
		for _, line := range strings.Split(read(q.T, q.h, "proc/net/udp"), "\n")[1:] {
			sl = append(sl, strings.TrimSpace(line[:5]))
		}
		require.Len(q, sl, 3)
		require.Equal(q, sl[0], sl[1], "one port, one number")
		require.NotEqual(q, sl[1], sl[2])
	},
	"SUR-33 SO_RXQ_OVFL tells of the past": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RXQOvfl: true})
		q.get(100, 243)
		require.EqualValues(q, 5, s.Drops())
		for range 238 {
			m, err := s.RecvMsg(1500, 0)
			require.NoError(q, err)
			require.Zero(q, m.Drops, "they were queued before")
		}
		q.get(100, 1)
		m, err := s.RecvMsg(1500, 0)
		require.NoError(q, err)
		require.EqualValues(q, 5, m.Drops)
	},
	"SUR-34 tp_packets holds tp_drops": func(q quiet) {
		q.get(100, 10)
		packets, drops := q.h.Taps()[0].Statistics()
		require.Equal(q, [2]uint64{10, 7}, [2]uint64{packets, drops})
		packets, drops = q.h.Taps()[0].Statistics()
		require.Equal(q, [2]uint64{}, [2]uint64{packets, drops}, "reading forgets")
	},
	"SUR-35 bonded traffic counts twice": func(q quiet) {
		f := q.h.UDPFrame(sender, vectorDst, 100)
		d := send(q.T, q.h, f, 5)
		require.EqualValues(q, 10, d.CPUs[0].Softnet.Processed)
		before := q.h.Snapshot()
		for range 5 { // the switch sends a copy to the other port
			q.h.InjectOn("eth1", f)
		}
		q.h.Advance(10 * time.Millisecond)
		d = q.h.Snapshot().Sub(before)
		require.EqualValues(q, 5, d.Devices[2].Link.RXDropped, "of the slave")
		require.Empty(q, cmp.Diff(mib.Net{}, d.Net), "and nowhere else")
	},
	"SUR-38 recvmmsg's timeout is no timer": func(q quiet) {
		// Set below: one reader, recvmmsg of 2 with a timeout of 1 ms.
		q.h.Advance(100 * time.Millisecond)
		k := q.h.threads[0]
		require.EqualValues(q, 1, k.Calls, "it blocks for a hundred times as long")
		q.get(100, 1)
		require.EqualValues(q, 1, q.udp().InDatagrams)
		require.EqualValues(q, 1, k.Timeouts, "a datagram lets it look at the clock")
	},
	"SUR-39 SO_RCVBUFFORCE below zero": func(q quiet) {
		s := q.bind(socket.Config{Local: local, RcvBufForce: -1})
		require.Equal(q, mib.UDP{RcvbufErrors: 5, InErrors: 5}, q.get(100, 5).Net.UDP)
		require.Zero(q, s.Queued())
	},
	"SUR-40 joining keeps the socket locked": func(q quiet) {
		// Set below: a thread that sleeps from 10 to 20 ms with the socket locked.
		q.h.AdvanceTo(11 * engine.Millisecond)
		for range 3 {
			q.h.Inject(q.h.UDPFrame(sender, local, 100))
		}
		q.h.AdvanceTo(15 * engine.Millisecond)
		s := q.h.socks[0]
		require.Equal(q, socket.MemInfo{RcvBuf: 212992, Backlog: 3 * 896}, s.MemInfo())
		q.h.AdvanceTo(25 * engine.Millisecond)
		require.Equal(q, 3, s.Queued())
	},
	"SUR-41 a join anywhere costs every socket its route": func(q quiet) {
		q.bind(member())
		lookup := func() int64 {
			before := q.h.Snapshot().CPUs[0].Time.Softirq
			send(q.T, q.h, q.h.UDPFrame(sender, vectorDst, 10), 10)
			return (q.h.Snapshot().CPUs[0].Time.Softirq - before) / int64(engine.Microsecond)
		}
		lookup()
		require.Zero(q, lookup())
		other := q.bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:7000")})
		require.NoError(q, other.Join(netip.MustParseAddr("239.7.7.7"), "eth1"))
		require.EqualValues(q, 1, lookup(), "the first join")
		other.Close()
		require.EqualValues(q, 1, lookup(), "the last leave")
	},
}

// surprisingHosts says what those hosts have besides eth0.
var surprisingHosts = map[string]func(*Config){
	"SUR-2":  softwareSums,
	"SUR-5":  func(c *Config) { c.Limits.UDPMem = [3]int{1, 100, 1000} },
	"SUR-10": func(c *Config) { c.Limits.UDPMem = [3]int{10, 1000, 100_000} },
	"SUR-13": func(c *Config) {
		c.Apps = lockingApp(false)
		c.Costs.Enqueue.Fixed = 10 * engine.Microsecond
	},
	"SUR-25": softwareSums,
	"SUR-26": softwareSums,
	"SUR-34": func(c *Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 2304}} },
	"SUR-35": func(c *Config) {
		secondNIC(c)
		c.Devices = []scenario.Device{{Name: "bond0", Addr: c.NICs[0].Addr, PrefixLen: 24,
			Bond: &scenario.Bond{BondConfig: ipstack.BondConfig{Mode: ipstack.ActiveBackup}, Slaves: []string{"eth0", "eth1"}}}}
		for i := range c.NICs {
			c.NICs[i].Promisc = true
		}
	},
	"SUR-38": func(c *Config) {
		a := scenario.App{Name: "app", CPUs: []int{1}, Sockets: []socket.Config{{Local: local}}}
		a.Read = scenario.Read{With: scenario.Recvmmsg, Batch: 2, WaitAll: true, Timeout: engine.Millisecond}
		c.Apps = []scenario.App{a}
	},
	"SUR-40": func(c *Config) { c.Apps = lockingApp(true) },
	"SUR-41": func(c *Config) {
		secondNIC(c)
		c.Costs = kernel.Costs{Route: kernel.Cost{Fixed: engine.Microsecond}}
	},
}

func lockingApp(asleep bool) []scenario.App {
	a := scenario.App{Name: "app", CPUs: []int{1}, Sockets: []socket.Config{{Local: local}}}
	a.Read.With = scenario.Never
	a.Locks = scenario.Locks{Every: 10 * engine.Millisecond, For: 10*engine.Millisecond - engine.Microsecond, Asleep: asleep, CPU: 2}
	return []scenario.App{a}
}

func secondNIC(c *Config) {
	n := DefaultNIC("eth1")
	n.Addr, n.MAC[5] = 0x0a000102, 0x11
	c.NICs = append(c.NICs, n)
}

// TestSurprising is section 12, fact by fact.
func TestSurprising(t *testing.T) {
	for name, check := range surprises {
		t.Run(name, func(t *testing.T) {
			id, _, _ := strings.Cut(name, " ")
			var change []func(*Config)
			if f := surprisingHosts[id]; f != nil {
				change = append(change, f)
			}
			q := quietHost(t, change...)
			check(q)
			require.NoError(t, q.h.CheckLedger())
		})
	}
}

// UM-8: what packet sockets hold is in nobody's pages.
func TestUM8TapsHoldNoPages(t *testing.T) {
	q := quietHost(t, func(c *Config) { c.NICs[0].Taps = []scenario.Tap{{RcvBuf: 1 << 20}} })
	q.get(100, 100) // to a port that nobody has bound
	require.EqualValues(t, 100, q.h.Taps()[0].tap.Packets)
	require.Zero(t, q.h.Snapshot().UDPMemPages)
}

// TS-10: a frame that was padded loses its padding, and costs what it cost.
func TestTS10Trimming(t *testing.T) {
	q := quietHost(t)
	s := q.unread()
	q.get(1, 1)
	require.Equal(t, 896, q.rxQueue(s))
}
