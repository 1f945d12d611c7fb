// Package counters shows how a program of its own, in its own module, pins down
// what a kernel counter means. It uses nothing but the public API of rxpath.
package counters

import (
	"bufio"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/socket"
)

var (
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
	local  = netip.MustParseAddrPort("10.0.0.2:5001") // of eth0 in sim.Linux40
)

// newHost returns a host with one bound socket.
func newHost(t *testing.T, cfg socket.Config) (*sim.Host, *sim.Socket) {
	t.Helper()
	h, err := sim.NewHost(sim.Linux40())
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Bind(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, s
}

// receive puts n datagrams on the wire and lets them arrive.
func receive(h *sim.Host, n int) {
	for range n {
		h.Inject(h.UDPFrame(sender, local, 100))
	}
	h.Advance(10 * time.Millisecond)
}

// A datagram lost to a full receive buffer counts in RcvbufErrors and again in
// InErrors: whoever adds the two counts it twice.
func TestRcvbufErrorsAreAlsoInErrors(t *testing.T) {
	h, s := newHost(t, socket.Config{Local: local})
	before := h.Snapshot()
	receive(h, 300)
	udp := h.Snapshot().Sub(before).Net.UDP
	if udp.RcvbufErrors != 62 || udp.InErrors != udp.RcvbufErrors {
		t.Errorf("RcvbufErrors %d, InErrors %d: want 62 in both", udp.RcvbufErrors, udp.InErrors)
	}
	if s.Drops() != udp.RcvbufErrors {
		t.Errorf("sk_drops %d, RcvbufErrors %d: want the same", s.Drops(), udp.RcvbufErrors)
	}
	if udp.InDatagrams != 0 {
		t.Errorf("InDatagrams %d before anybody has read", udp.InDatagrams)
	}
}

// InDatagrams counts what the application read, InDelivers what IP handed to
// UDP, and neither says that the other happened.
func TestInDatagramsCountsReads(t *testing.T) {
	h, s := newHost(t, socket.Config{Local: local})
	receive(h, 300)
	read := uint64(0)
	for {
		d, err := s.Recv()
		if err != nil {
			break
		}
		if read++; d.Frame != read || d.From != sender || d.Len != 100 {
			t.Fatalf("datagram %d is %+v", read, d)
		}
	}
	net := h.Snapshot().Net
	if read != 238 || net.UDP.InDatagrams != read || net.IP.InDelivers != 300 {
		t.Errorf("read %d, InDatagrams %d, InDelivers %d: want 238, 238, 300", read, net.UDP.InDatagrams, net.IP.InDelivers)
	}
}

// An operator sees the same in the files: the drops column of /proc/net/udp, and
// a rx_queue in bytes of memory, not of payload.
func TestProcNetUDP(t *testing.T) {
	h, _ := newHost(t, socket.Config{Local: local})
	receive(h, 300)
	f, err := h.FS().Open("proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	row := fields(t, f)
	if row["rx_queue"] != "00034100" || row["drops"] != "62" {
		t.Errorf("rx_queue %s, drops %s: want 00034100 (238 x 896), 62", row["rx_queue"], row["drops"])
	}
}

// fields returns the columns of interest of the only row.
func fields(t *testing.T, f fs.File) map[string]string {
	t.Helper()
	sc := bufio.NewScanner(f)
	var rows [][]string
	for sc.Scan() {
		rows = append(rows, strings.Fields(sc.Text()))
	}
	if err := sc.Err(); err != nil || len(rows) != 2 {
		t.Fatalf("%d lines, error %v: want a header and one row", len(rows), err)
	}
	row := rows[1]
	_, rx, _ := strings.Cut(row[4], ":")
	return map[string]string{"rx_queue": rx, "drops": row[len(row)-1]}
}
