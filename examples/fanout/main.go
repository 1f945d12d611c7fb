// Fanout follows one multicast datagram to ever more listeners: who gets it when,
// how many copies are made, and how long the lock of the hash slot is held.
//
//	go run ./examples/fanout
//
// Every second listener has bound the group's address, the others have bound
// none, as programs do that do not agree with each other.
package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/socket"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

var (
	group  = netip.MustParseAddrPort("239.193.4.65:14506")
	sender = netip.MustParseAddrPort("10.0.0.1:5000")
)

// A delivery is when a listener got the datagram.
type delivery struct {
	listener int // in the order of bind, from 1
	after    time.Duration
}

// run prints a line for each number of listeners, and two orders.
func run(w io.Writer) error {
	fmt.Fprintf(w, "%9s  %5s  %10s  %8s  %8s  %7s  %7s  %7s\n", "listeners", "demux", "under lock", "after it", "original", "held", "first", "last")
	orders := map[int]string{}
	for _, n := range []int{1, 10, 11, 32, 33, 64, 65, 100} {
		h, got, err := deliver(n)
		if err != nil {
			return err
		}
		s := h.Fanout()
		demux := "no"
		if s.DemuxHits > 0 {
			demux = "yes"
		}
		last := got[len(got)-1]
		fmt.Fprintf(w, "%9d  %5s  %10d  %8d  %8s  %7s  %7s  %7s\n", n, demux, s.ClonesLocked, s.ClonesUnlocked, "#"+strconv.Itoa(last.listener),
			micro(s.SlotHeld.Duration()), micro(got[0].after), micro(last.after))
		var names []string
		for _, d := range got {
			names = append(names, strconv.Itoa(d.listener))
		}
		orders[n] = strings.Join(names, " ")
	}
	_, err := fmt.Fprintf(w, "\norder with 10 listeners: %s\norder with 11 listeners: %s\n", orders[10], orders[11])
	return err
}

func micro(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/1e3, 'f', 2, 64) + "µs"
}

// deliver sends one datagram to n listeners and returns the deliveries in their
// order, with their time since the last bit was on the wire.
func deliver(n int) (*sim.Host, []delivery, error) {
	h, err := sim.NewHost(sim.Linux40())
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	socks := make([]*sim.Socket, n)
	for i := range socks {
		cfg := socket.Config{Local: group, Join: []socket.Join{{Group: group.Addr()}}, ReuseAddr: true}
		if i%2 == 1 {
			cfg.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), group.Port())
		}
		if socks[i], err = h.Bind(cfg); err != nil {
			return nil, nil, err
		}
	}
	h.Inject(h.UDPFrame(sender, group, 100))
	h.Advance(10 * time.Millisecond)
	var got []delivery
	for i, s := range socks {
		d, err := s.Recv()
		if err != nil {
			return nil, nil, fmt.Errorf("listener %d: %w", i+1, err)
		}
		got = append(got, delivery{i + 1, d.Queued - d.Arrived})
	}
	slices.SortFunc(got, func(a, b delivery) int { return cmp.Compare(a.after, b.after) })
	return h, got, nil
}
