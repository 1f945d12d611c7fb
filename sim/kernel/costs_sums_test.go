package kernel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// machine adds the steps of a profile up to the paths that others measured. It
// is a model of its own: what a stage spends is tested with the stage.
type machine struct{ *kernel.Costs }

// shares is what a packet of a busy queue pays for the loops: full polls of 64,
// batches of 16 descriptors, one poll a run, one run a pass.
func (m machine) shares() engine.Time {
	return (m.Softirq.Fixed+m.NetRXAction.Fixed+m.Poll.Fixed)/64 + m.Refill.Fixed/16
}

// rawDrop is a packet that the PRE_ROUTING hook refuses.
func (m machine) rawDrop(gro bool) engine.Time {
	t := m.shares() + m.Driver.Fixed + m.Core.Fixed + m.IP.Fixed + m.FreeDrop.Fixed
	if gro {
		t += m.GRO.Fixed
	}
	return t
}

// lookup is a frame of that size up to and with the socket lookup.
func (m machine) lookup(frame uint32) engine.Time {
	return m.shares() + m.Driver.For(frame) + m.GRO.Fixed + m.Core.Fixed + m.IP.Fixed + m.Route.Fixed + m.UDP.Fixed
}

// read is one datagram for the reader, without its system call.
func (m machine) read(payload uint32, remote bool) engine.Time {
	t := m.Dequeue.Fixed + m.Copy.For(payload)
	if remote {
		t += m.RemoteSocket.Fixed
	}
	return t
}

// perPacket is the published time: one second over the rate.
func perPacket(pps engine.Time) engine.Time { return (engine.Second + pps/2) / pps }

// near requires got within permille thousandths of want.
func near(t *testing.T, want, got, permille engine.Time) {
	t.Helper()
	diff := got - want
	if diff < 0 {
		diff = -diff
	}
	require.LessOrEqual(t, 1000*diff, permille*want, "%v, published %v", got, want)
}

const ns = engine.Nanosecond

func TestBroadwell(t *testing.T) {
	m := machine{named(t, "bdw-3.6ghz")}
	accepted := m.lookup(60) + m.Enqueue.Fixed
	refused := m.lookup(60) + m.FullDrop.Fixed
	t.Run("U15 raw drop, GRO off", func(t *testing.T) { near(t, perPacket(6_701_692), m.rawDrop(false), 1) })
	t.Run("U15 raw drop, GRO on", func(t *testing.T) { near(t, perPacket(5_705_245), m.rawDrop(true), 1) })
	t.Run("U14 no socket", func(t *testing.T) {
		near(t, perPacket(3_326_983), m.lookup(60)+m.NoPort.Fixed+m.FreeDrop.Fixed, 1)
	})
	t.Run("U16 full socket, reader on this CPU", func(t *testing.T) { near(t, perPacket(2_831_053), refused, 1) })
	t.Run("U17 accepted, reader on another CPU that never sleeps", func(t *testing.T) {
		near(t, perPacket(2_318_562), accepted+m.RemoteEnqueue.Fixed, 1)
	})
	t.Run("U17 as it was: 74.3 % accepted", func(t *testing.T) { // of 2,318,562 delivered 1,722,307 were
		mix := (accepted*1_722_307+refused*596_255)/2_318_562 + m.RemoteEnqueue.Fixed
		near(t, perPacket(2_318_562), mix, 30)
	})
	t.Run("U13 recvmsg, reader on another CPU", func(t *testing.T) {
		near(t, perPacket(2_311_585), m.Syscall.Fixed+m.read(18, true), 1)
		require.Less(t, accepted+m.RemoteEnqueue.Fixed, perPacket(2_311_585), "the reader is the bottleneck")
	})
	t.Run("U12 both on one CPU: the steps leave room for the scheduler", func(t *testing.T) {
		both := accepted + m.Syscall.Fixed + m.read(18, false)
		near(t, 780_800, both, 1)
		require.Less(t, both, perPacket(718_135))
	})
	t.Run("U21 checksum of 1472 bytes", func(t *testing.T) { near(t, 91_800, m.Checksum.For(1472), 1) })
	t.Run("U21 less U22: copying 1454 bytes more", func(t *testing.T) {
		near(t, 676_200-547_400, m.Copy.For(1472)-m.Copy.For(18), 50)
	})
	t.Run("U21 share of the system call", func(t *testing.T) { near(t, 730_400*2045/10000, m.Syscall.Fixed, 1) })
}

// Extra multicast listeners, receive calls: minima of the recorded measures.
func TestBroadwellAgainstRecordedMeasures(t *testing.T) {
	m := machine{named(t, "bdw-3.6ghz")}
	t.Run("one listener more", func(t *testing.T) { near(t, 225*ns, m.Clone.Fixed+m.Enqueue.Fixed, 1) })
	t.Run("one full listener more", func(t *testing.T) { near(t, 180*ns, m.Clone.Fixed+m.FullDrop.Fixed, 1) })
	t.Run("EAGAIN", func(t *testing.T) { near(t, 275*ns, m.Syscall.Fixed+m.RecvEmpty.Fixed, 10) })
	t.Run("recvmmsg saves the system call of each further message", func(t *testing.T) {
		for _, r := range []struct{ recv, recvmmsg32 engine.Time }{{657_100, 531_910}, {628_920, 484_840}, {771_030, 595_460}} {
			saved := (r.recv - r.recvmmsg32) * 32 / 31
			near(t, saved, m.Syscall.Fixed, 220)
		}
	})
}

// What is assumed stays within the ranges that are known from memory.
func TestAssumedRanges(t *testing.T) {
	const us = engine.Microsecond
	for _, name := range []string{"bdw-3.6ghz", "xeon-2.0ghz"} {
		c := named(t, name)
		wakeup := c.IPI.Fixed + c.IPILatency.Fixed + c.Reschedule.Fixed + c.Switch.Fixed
		for _, r := range []struct {
			what      string
			at        engine.Time
			low, high engine.Time
		}{
			{"hard interrupt with MSI-X", c.Interrupt.Fixed + c.HardIRQ.Fixed, us / 2, us * 3 / 2},
			{"IPI", c.IPI.Fixed + c.IPILatency.Fixed, us / 2, us},
			{"context switch and wake-up latency", wakeup, us * 3 / 2, 5 * us},
			{"system call", c.Syscall.Fixed, us / 20, us * 2 / 5},
			{"DMA", c.DMA.Fixed, us * 7 / 10, us},
			{"a frame of 64 bytes passes the bus within its time on a 10 Gb/s wire", c.PCIe.For(64), 0, 67_200},
			{"a frame of 1518 bytes, too, in half of it", c.PCIe.For(1518), 0, 1_230_400 / 2},
		} {
			require.True(t, r.low <= r.at && r.at <= r.high, "%s: %s: %v is not within %v to %v", name, r.what, r.at, r.low, r.high)
		}
	}
	bdw := named(t, "bdw-3.6ghz")
	require.GreaterOrEqual(t, bdw.IdleExit.Fixed, 2*us)
	require.GreaterOrEqual(t, bdw.Wake.Fixed, (bdw.IP.Fixed+bdw.Route.Fixed+bdw.UDP.Fixed+bdw.Enqueue.Fixed)*128/(550-128), "traced share of the wake-up")
}

// twoCores lets the cores of saturated queues feed one reader on a core of its
// own and returns the time per datagram read: a queue's core pays for each
// wake-up, the reader sleeps when it has caught up, a full socket refuses.
func twoCores(m machine, queues int) engine.Time {
	const room, end = 238, 100 * engine.Millisecond
	rx := make([]engine.Time, queues) // when each queue's core is done with its datagram
	var reader engine.Time            // when the reader is done with what it does
	queued, read, batch := 0, engine.Time(0), 0
	asleep := true
	for {
		q := 0
		for i := range rx {
			if rx[i] < rx[q] {
				q = i
			}
		}
		step := m.Enqueue.Fixed
		if queued >= room {
			step = m.FullDrop.Fixed
		}
		rx[q] += m.lookup(60) + step + m.RemoteEnqueue.Fixed
		if rx[q] > end {
			return end / read
		}
		for !asleep && reader <= rx[q] {
			switch {
			case queued > 0:
				queued, read, batch = queued-1, read+1, batch+1
				reader += m.read(32, true)
			case batch > 0: // recvmmsg returns what it has; the program calls it again
				batch = 0
				reader += m.RecvEmpty.Fixed + m.Syscall.Fixed
			default:
				asleep = true
			}
		}
		if queued < room {
			queued++
		}
		if asleep {
			asleep = false
			rx[q] += m.Wake.Fixed + m.IPI.Fixed
			reader = rx[q] + m.IPILatency.Fixed + m.IdleExit.Fixed + m.Reschedule.Fixed + m.Switch.Fixed
		}
	}
}

func TestXeonLadder(t *testing.T) {
	m := machine{named(t, "xeon-2.0ghz")}
	t.Run("U2 one queue, reader on another core: 360 to 370 kpps", func(t *testing.T) {
		got := twoCores(m, 1)
		require.True(t, perPacket(370_000) <= got && got <= perPacket(360_000), "%v a datagram", got)
	})
	t.Run("U6 twice the load", func(t *testing.T) { near(t, perPacket(354_000), twoCores(m, 1), 35) })
	t.Run("U11 four queues with a socket each", func(t *testing.T) { near(t, 4*perPacket(1_400_000), twoCores(m, 1), 50) })
	t.Run("U7 two queues, one reader: 650 kpps or better", func(t *testing.T) {
		near(t, perPacket(650_000), twoCores(m, 2), 5)
	})
	t.Run("U3 one core, batches of 64", func(t *testing.T) {
		batch := m.HardIRQ.Fixed + m.PollDone.Fixed + m.Wake.Fixed + m.Switch.Fixed + m.Syscall.Fixed + m.RecvEmpty.Fixed
		near(t, perPacket(430_000), m.lookup(60)+m.Enqueue.Fixed+m.read(32, false)+batch/64, 2)
	})
	t.Run("U5 reader on the other socket: 330 kpps", func(t *testing.T) {
		far := *m.Costs
		require.NoError(t, far.Set("remote_enqueue", kernel.Cost{Fixed: 1190 * ns, Source: "U5"}))
		near(t, perPacket(330_000), twoCores(machine{&far}, 1), 20)
	})
	t.Run("the receiving side is four times that of bdw-3.6ghz", func(t *testing.T) {
		bdw := machine{named(t, "bdw-3.6ghz")}
		require.Equal(t, 4*(bdw.lookup(60)+bdw.Enqueue.Fixed)/ns, (m.lookup(60)+m.Enqueue.Fixed)/ns)
	})
}

func TestE1000Table(t *testing.T) {
	m := machine{named(t, "p3-e1000")}
	for _, row := range []struct {
		size      uint32
		delivered engine.Time
	}{{60, 364_332}, {128, 352_058}, {256, 345_207}} { // Ipps x Tput / 1M
		near(t, perPacket(row.delivered), m.lookup(row.size)+m.Enqueue.Fixed, 12)
	}
	require.Equal(t, m.Enqueue.Fixed, m.FullDrop.Fixed)
	require.Equal(t, m.Enqueue.Fixed, m.NoPort.Fixed+m.FreeDrop.Fixed)
	interrupt := m.HardIRQ.Fixed + m.Softirq.Fixed + m.NetRXAction.Fixed + m.Poll.Fixed + m.PollDone.Fixed
	require.Equal(t, 3*engine.Microsecond, interrupt, "1 to 4 us fit")
	require.Less(t, m.PCIe.For(60), perPacket(890_000), "the bus carries what the wire brought")
}
