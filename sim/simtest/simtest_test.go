package simtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
)

// recorder is a testing.TB that notes failures.
type recorder struct {
	testing.TB
	text  string
	fatal bool
}

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.text += fmt.Sprintf(format, args...)
	r.fatal = true
	panic("fatal")
}

func TestExpectHolds(t *testing.T) {
	h := New(t)
	s := h.Listen("10.0.0.2:5000", RcvBuf(4096))
	h.Send(20, 100, "10.0.0.2:5000")
	h.ExpectOnly(Counters{"Udp.RcvbufErrors": 10, "Udp.InErrors": 10, "Ip.InReceives": 20, "Ip.InDelivers": 20,
		"IpExt.InOctets": 20 * 128, "IpExt.InNoECTPkts": 20})
	for range 10 {
		_, err := s.Recv()
		require.NoError(t, err)
	}
	h.ExpectOnly(Counters{"Udp.InDatagrams": 10})
	h.Burst(5, 100, "10.0.0.2:5000")
	h.Expect(Counters{"Udp.InErrors": 0, "proc/net/softnet_stat processed": 5, "ethtool/eth0/S rx_packets": 5})
}

// TestFailureTells: a failure says which counter, what it has, what else moved,
// and what became of which datagram.
func TestFailureTells(t *testing.T) {
	r := &recorder{TB: t}
	h := New(r)
	h.Listen("10.0.0.2:5000", RcvBuf(4096))
	h.Send(12, 100, "10.0.0.2:5000")
	h.Send(1, 100, "10.0.0.2:1")
	h.Expect(Counters{"Udp.InErrors": 3, "Udp.NoPorts": 1, "Udp.InErors": 1, "softnet_stat dropped": 1, "Udp.Everything": 1, "rx_packets": 13})
	require.Equal(t, strings.TrimPrefix(`
counters are not as expected:
  Udp.Everything: no such counter (docs/COUNTERS.md has all)
  Udp.InErors: no such counter: did you mean "Udp.InErrors"?
  Udp.InErrors: got 2, want 3 (proc/net/snmp)
  rx_packets: several files have it: write "ethtool/eth0/S rx_packets" or the like
  softnet_stat dropped: no such counter: did you mean "proc/net/softnet_stat dropped"?
what else moved: IpExt.InNoECTPkts 13, IpExt.InOctets 1664, IpExt.OutOctets 156, Icmp.OutDestUnreachs 1, Icmp.OutMsgs 1, Ip.InDelivers 13, Ip.InReceives 13, Ip.OutRequests 1, Udp.RcvbufErrors 2
what became of the datagrams:
  #1 to #10 arrived
  #11 to #12 lost SOCKET_RCVBUFF
  #13 refused NO_SOCKET`, "\n"), r.text)

	r.text = ""
	h.Send(1, 100, "10.0.0.2:1")
	h.ExpectOnly(Counters{"Udp.NoPorts": 1})
	require.Contains(t, r.text, "Ip.InReceives: got 1, want nothing (proc/net/snmp)")
	r.text = ""
	h.Expect(Counters{"Udp.NoPorts": 1})
	require.Contains(t, r.text, "no datagram was sent")
}

func TestFaultsOfATest(t *testing.T) {
	for want, f := range map[string]func(*recorder){
		"want ADDRESS:PORT":       func(r *recorder) { New(r).Listen("here") },
		"no such host":            func(r *recorder) { New(r, func(c *sim.Config) { c.CPUs = 0 }) },
		"\"there\": want ADDRESS": func(r *recorder) { New(r).Send(1, 1, "there") },
	} {
		r := &recorder{TB: t}
		require.Panics(t, func() { f(r) })
		require.True(t, r.fatal)
		require.Contains(t, r.text, want)
	}
	require.Panics(t, func() { Kernel("linux-1.0") })
	h := New(t, Kernel("linux-3.10"))
	require.Equal(t, "linux-3.10", h.Config().Kernel.Name)
	h.Listen("0.0.0.0:5000", Join("239.1.1.1"))
	h.Send(1, 10, "239.1.1.1:5000")
	h.Expect(Counters{"IpExt.InMcastPkts": 1})
}
