package unittest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/simtest"
)

// An alert on Udp.InErrors fires for full buffers, too, and is the same loss as
// Udp.RcvbufErrors: the two must not be added up. InDatagrams counts what the
// program read, not what arrived.
func TestAFullBufferCountsTwice(t *testing.T) {
	h := simtest.New(t)
	s := h.Listen("10.0.0.2:5000", simtest.RcvBuf(4096)) // 8192 bytes: ten datagrams of truesize 896
	h.Send(13, 100, "10.0.0.2:5000")
	h.Expect(simtest.Counters{"Udp.RcvbufErrors": 3, "Udp.InErrors": 3, "Udp.InDatagrams": 0, "proc/net/udp drops": 3})

	_, err := s.Recv()
	require.NoError(t, err)
	h.Expect(simtest.Counters{"Udp.InDatagrams": 1})
}

// A multicast datagram for three programs is one Ip.InDelivers and three reads,
// and a program with a full buffer loses its copy alone.
func TestEveryListenerHasItsOwnCopy(t *testing.T) {
	h := simtest.New(t)
	group, shared := simtest.Join("239.1.1.1"), simtest.ReuseAddr()
	fast := h.Listen("0.0.0.0:5000", group, shared)
	h.Listen("0.0.0.0:5000", group, shared)
	slow := h.Listen("0.0.0.0:5000", group, shared, simtest.RcvBuf(1)) // the least that there is: 2304 bytes, three datagrams
	h.Send(5, 100, "239.1.1.1:5000")
	h.Expect(simtest.Counters{"Ip.InDelivers": 5, "IpExt.InMcastPkts": 5, "Udp.RcvbufErrors": 2})
	require.Equal(t, 5, fast.Queued())
	require.Equal(t, 3, slow.Queued())

	h.Send(1, 100, "239.1.1.1:6000") // a port nobody listens on: no NoPorts for multicast
	h.Expect(simtest.Counters{"Udp.IgnoredMulti": 1, "Udp.NoPorts": 0, "Udp.InErrors": 0})
}

// A buffer holds fewer datagrams since ixgbe builds each in half a page, which is
// charged with 2,304 bytes instead of 896 (4.12), and one less since the test of
// the buffer counts the datagram itself (6.18).
func TestAnUpgradeHoldsLess(t *testing.T) {
	for kernel, held := range map[string]int{"linux-4.0": 238, "linux-6.12": 93, "linux-6.18": 92} {
		t.Run(kernel, func(t *testing.T) {
			h := simtest.New(t, simtest.Kernel(kernel))
			s := h.Listen("10.0.0.2:5000") // rmem_default: 212,992 bytes
			h.Send(300, 100, "10.0.0.2:5000")
			require.Equal(t, held, s.Queued())
			h.Expect(simtest.Counters{"Udp.RcvbufErrors": uint64(300 - held)})
		})
	}
}
