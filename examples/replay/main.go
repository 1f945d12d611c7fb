// Replay runs a captured multicast feed through a simulated host and compares
// what the kernel's counters say with what is in the file.
//
//	go run ./examples/replay [capture]
//
// Without an argument it replays the recorded feed of examples/captures, twenty
// times as fast as it was recorded.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

func main() {
	speed := flag.Uint64("speed", 20, "replay that many times as fast as recorded")
	flag.Parse()
	file := "examples/captures/feed.pcapng"
	if flag.NArg() > 0 {
		file = flag.Arg(0)
	}
	if err := run(os.Stdout, file, *speed); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

// run replays the file at the given speed into a host that has joined every
// group in it, with one reader a port, and prints what became of the frames.
func run(w io.Writer, file string, speed uint64) error {
	f, err := capture.Open(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d frames in %v, %d groups\n", f.Info.Frames, f.Info.Duration, len(f.Info.Groups))
	for _, warning := range f.Info.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	sc := scenario.Default()
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	sc.Captures = []scenario.Capture{{Name: "feed", To: "eth0", File: file, SpeedMilli: 1000 * speed, Loops: 1}}
	sc.Apps = readers(&f.Info)
	sc.Run.For = engine.FromDuration(f.Info.Duration)/engine.Time(speed) + 100*engine.Millisecond
	sc.Run.Sample = 0

	res, err := sim.Run(context.Background(), &sc, sim.Options{OpenCapture: func(c scenario.Capture, mac skb.MAC) (skb.FrameSource, []string, error) {
		src, err := f.Source(capture.Options{SpeedMilli: c.SpeedMilli, Loops: c.Loops, MAC: mac, Rewrite: fromOutside})
		return src, nil, err
	}})
	if err != nil {
		return err
	}
	n := &res.Snapshot.Net
	fmt.Fprintf(w, "offered %d, Ip.InReceives %d, IpExt.InMcastPkts %d, Udp.InDatagrams %d, RcvbufErrors %d, lost %d\n",
		res.Snapshot.Ledger.Frames, n.IP.InReceives, n.IPExt.InMcastPkts, n.UDP.InDatagrams, n.UDP.RcvbufErrors, res.Snapshot.Ledger.Drops())
	for _, s := range res.Sockets {
		fmt.Fprintf(w, "%-12s read %5d, dropped %d, most waiting %d\n", s.App, s.Delivered, s.Drops, s.MaxQueued)
	}
	return nil
}

// fromOutside gives frames recorded on a loopback interface the address of a
// sender on the network: a host drops 127.0.0.1 that comes in from outside as a
// martian, without any counter but Ip.InReceives.
var fromOutside = []capture.Rewrite{{MatchSrc: 0x7f000001, Src: 0x0a000001}}

// maxMemberships is how many groups a socket may join.
const maxMemberships = 20

// readers returns an application for each UDP port of a capture. The first one
// joins the groups: a socket bound to 0.0.0.0 receives what any socket of the
// host has joined (IP_MULTICAST_ALL).
func readers(info *capture.Info) []scenario.App {
	var apps []scenario.App
	groups := info.Groups
	for i, p := range info.Ports {
		s := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), p.Port)}
		for len(groups) > 0 && len(s.Join) < maxMemberships {
			s.Join = append(s.Join, socket.Join{Group: groups[0].Group.Netip()})
			groups = groups[1:]
		}
		apps = append(apps, scenario.App{
			Name: fmt.Sprintf("port-%d", p.Port), CPUs: []int{1 + i%3}, Sockets: []socket.Config{s},
			Read: scenario.Read{With: scenario.EpollRecvmsg},
		})
	}
	return apps
}
