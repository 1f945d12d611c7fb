package sim_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// The addresses of the examples: eth0 of a host made from sim.Linux40 is
// 10.0.0.2.
var (
	from  = netip.MustParseAddrPort("10.0.0.1:5000")
	to    = netip.MustParseAddrPort("10.0.0.2:5001")
	group = netip.MustParseAddr("239.1.0.1")
)

// must ends an example that went wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A receive buffer of 208 KiB holds 238 small datagrams, not one more: each is
// charged 896 bytes, whatever it carries.
func Example() {
	h := must(sim.NewHost(sim.Linux40()))
	s := must(h.Bind(socket.Config{Local: to}))
	for range 300 {
		h.Inject(h.UDPFrame(from, to, 1))
	}
	h.Advance(10 * time.Millisecond)
	udp := h.Snapshot().Net.UDP
	fmt.Println("queued", s.Queued(), "drops", s.Drops(), "RcvbufErrors", udp.RcvbufErrors, "InErrors", udp.InErrors)
	// Output: queued 238 drops 62 RcvbufErrors 62 InErrors 62
}

// A configuration is a plain value; NewHost reports all its faults at once.
func ExampleNewHost() {
	cfg := sim.Linux40()
	cfg.CPUs = 0
	cfg.HZ = 42
	cfg.NICs[0].RXUsecs = 5000
	_, err := sim.NewHost(cfg)
	fmt.Println(err)
	// Output:
	// host.cpus = 0: want 1 to 256
	// host.hz = 42: want 100, 250, 300 or 1000
	// nics[0].coalesce.rx-usecs = 5000: want 0 to 1022
}

// SO_RCVBUF is clamped by net.core.rmem_max and doubled; what is not given is
// net.core.rmem_default, not doubled.
func ExampleHost_Bind() {
	h := must(sim.NewHost(sim.Linux40()))
	for port, rcvbuf := range []int{0, 1000, 65536, 8 << 20} {
		s := must(h.Bind(socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(6000+port)), RcvBuf: rcvbuf}))
		fmt.Println(rcvbuf, "gives", s.RcvBuf())
	}
	_, err := h.Bind(socket.Config{Name: "late", Local: netip.MustParseAddrPort("0.0.0.0:6000")})
	fmt.Println(err)
	// Output:
	// 0 gives 212992
	// 1000 gives 2304
	// 65536 gives 131072
	// 8388608 gives 425984
	// udp: bind late to 0.0.0.0:6000: address already in use by 0.0.0.0:6000 (EADDRINUSE); set reuseaddr or reuseport on both
}

// Frames follow each other on the wire at the speed of the link; the first has
// not begun before the host's time did.
func ExampleHost_Inject() {
	h := must(sim.NewHost(sim.Linux40()))
	s := must(h.Bind(socket.Config{Local: to}))
	for range 3 {
		h.Inject(h.UDPFrame(from, to, 18)) // 64 bytes on the wire
	}
	h.Advance(time.Millisecond)
	for range 3 {
		fmt.Println(must(s.Recv()).Arrived)
	}
	// Output:
	// 67ns
	// 134ns
	// 201ns
}

// Nothing happens but in virtual time: a frame is on its way to the socket for
// some microseconds.
func ExampleHost_Advance() {
	h := must(sim.NewHost(sim.Linux40()))
	s := must(h.Bind(socket.Config{Local: to}))
	h.Inject(h.UDPFrame(from, to, 100))
	for s.Queued() == 0 {
		h.Advance(time.Microsecond)
	}
	d := must(s.Recv())
	fmt.Println(d.Queued > d.Arrived, d.Queued <= h.Now(), h.Now() < 20*time.Microsecond)
	// Output: true true true
}

// InDatagrams counts what the application has read, not what arrived.
func ExampleSocket_Recv() {
	h := must(sim.NewHost(sim.Linux40()))
	s := must(h.Bind(socket.Config{Local: to}))
	h.Inject(h.UDPFrame(from, to, 100))
	h.Advance(time.Millisecond)
	fmt.Println("queued", s.Queued(), "InDatagrams", h.Snapshot().Net.UDP.InDatagrams)
	d := must(s.Recv())
	fmt.Println(d.Len, "bytes from", d.From, "to", d.To, "InDatagrams", h.Snapshot().Net.UDP.InDatagrams)
	_, err := s.Recv()
	fmt.Println(err)
	// Output:
	// queued 1 InDatagrams 0
	// 100 bytes from 10.0.0.1:5000 to 10.0.0.2:5001 InDatagrams 1
	// socket: resource temporarily unavailable (EAGAIN)
}

// A socket that joined nothing gets every group that anybody on the host has
// joined, unless IP_MULTICAST_ALL is off.
func ExampleSocket_Join() {
	h := must(sim.NewHost(sim.Linux40()))
	bind := func(all bool) *sim.Socket {
		return must(h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5001"), ReuseAddr: true, NoMulticastAll: !all}))
	}
	joins, idle, strict := bind(true), bind(true), bind(false)
	send := func() {
		h.Inject(h.UDPFrame(from, netip.AddrPortFrom(group, 5001), 100))
		h.Advance(time.Millisecond)
		fmt.Println(joins.Queued(), idle.Queued(), strict.Queued())
	}
	send()
	if err := joins.Join(group, "eth0"); err != nil {
		panic(err)
	}
	send()
	// Output:
	// 0 0 0
	// 1 1 0
}

// A snapshot is plain data with the kernel's names.
func ExampleHost_Snapshot() {
	h := must(sim.NewHost(sim.Linux40()))
	for range 3 {
		h.Inject(h.UDPFrame(from, to, 100)) // nobody listens
	}
	h.Advance(time.Millisecond)
	s := h.Snapshot()
	fmt.Printf("%+v\n", s.Net.UDP)
	fmt.Println("InDelivers", s.Net.IP.InDelivers, "processed", s.CPUs[0].Softnet.Processed, "rx_packets", s.Devices[1].Link.RXPackets)
	// Output:
	// {InDatagrams:0 NoPorts:3 InErrors:0 OutDatagrams:0 RcvbufErrors:0 InCsumErrors:0 IgnoredMulti:0 MemErrors:0}
	// InDelivers 3 processed 3 rx_packets 3
}

// The difference of two snapshots is what happened in between.
func ExampleSnapshot_Sub() {
	h := must(sim.NewHost(sim.Linux40()))
	s := must(h.Bind(socket.Config{Local: to, RcvBuf: 1000}))
	send := func(n int) {
		for range n {
			h.Inject(h.UDPFrame(from, to, 100))
		}
		h.Advance(time.Millisecond)
	}
	send(5)
	before := h.Snapshot()
	send(2)
	diff := h.Snapshot().Sub(before)
	fmt.Println("InReceives", diff.Net.IP.InReceives, "RcvbufErrors", diff.Net.UDP.RcvbufErrors, "of", s.Drops())
	fmt.Println("rx_queue is a level:", diff.Sockets[0].RxQueue)
	// Output:
	// InReceives 2 RcvbufErrors 2 of 4
	// rx_queue is a level: 2688
}

// FS shows the files that an operator would read.
func ExampleHost_FS() {
	h := must(sim.NewHost(sim.Linux40()))
	must(h.Bind(socket.Config{Local: to}))
	for range 300 {
		h.Inject(h.UDPFrame(from, to, 1))
	}
	h.Advance(10 * time.Millisecond)
	files := h.FS()
	for line := range strings.Lines(string(must(fs.ReadFile(files, "proc/net/snmp")))) {
		if strings.HasPrefix(line, "Udp:") {
			fmt.Print(line)
		}
	}
	fmt.Print(string(must(fs.ReadFile(files, "sys/class/net/eth0/statistics/rx_packets"))))
	// Output:
	// Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti
	// Udp: 0 0 62 0 62 0 0 0
	// 300
}

// Run runs a whole scenario: here a reader that takes 5 µs for a datagram gets
// 250,000 of them a second, one in 4 µs.
func ExampleRun() {
	sc := scenario.Default()
	sc.NICs = []scenario.NIC{sim.DefaultNIC("eth0")}
	feed := traffic.DefaultConfig()
	feed.Arrivals.Kind = traffic.Constant
	feed.Dst = netip.AddrPortFrom(group, 5001)
	sc.Traffic = []traffic.Config{feed}
	sc.Apps = []scenario.App{{
		Name: "gateway", CPUs: []int{2}, Read: scenario.Read{Service: law.Constant(int64(5 * engine.Microsecond))},
		Sockets: []socket.Config{{Local: netip.MustParseAddrPort("0.0.0.0:5001"), Join: []socket.Join{{Group: group}}}},
	}}
	sc.Run.For = 100 * engine.Millisecond
	res, err := sim.Run(context.Background(), &sc, sim.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("complete", res.Complete, "frames", res.Waterfall.Offered)
	var copies uint64
	for _, row := range res.Waterfall.Copies {
		fmt.Println(row.Place, row.Fate, row.Reason)
		copies += row.N
	}
	fmt.Println("every one accounted for:", copies == res.Waterfall.Delivered)
	// Output:
	// complete true frames 25000
	// socket lost SOCKET_RCVBUFF
	// socket waiting NOT_DROPPED_YET
	// reader read NOT_DROPPED_YET
	// every one accounted for: true
}
