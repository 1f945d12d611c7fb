package sim

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// containers is a scenario in which a process of the namespace tx sends to a
// reader over a pair of veth devices.
func containers(change func(*scenario.Scenario)) *scenario.Scenario {
	sc := scenario.Default()
	sc.Host = scenario.HostWith(kernel.Linux618())
	sc.Host.CPUs, sc.Run.For, sc.Run.Sample = 2, 100*engine.Millisecond, 0
	sc.Veths = []scenario.Veth{{
		{Name: "veth0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: vethMAC}},
		{Name: "veth1", Namespace: "tx", MTU: 1500, Addr: 0x0a4d0001, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: [6]byte{2, 0, 0, 0, 0, 1}}},
	}}
	sc.Senders = []scenario.Sender{{Name: "client", Namespace: "tx", CPU: 0, Local: vethPeer, Dst: vethAddr, Payload: law.Constant(100),
		Pace: traffic.Config{MilliPPS: 10_000_000}}}
	sc.Apps = []scenario.App{{Name: "server", CPUs: []int{1}, Sockets: []socket.Config{{Local: anySocket.Local}}, Read: scenario.Read{Service: law.Constant(0)}}}
	change(&sc)
	return &sc
}

// Processes of a scenario send over veth, lo and tap devices at their rate.
func TestSendersOfAScenario(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*scenario.Scenario)
		read   uint64
	}{
		"veth": {func(*scenario.Scenario) {}, 1000},
		"lo": {func(sc *scenario.Scenario) {
			sc.Veths = nil
			s := &sc.Senders[0]
			s.Namespace, s.Local, s.Dst = "", netip.MustParseAddrPort("127.0.0.1:4000"), loAddr
		}, 1000},
		"tap": {func(sc *scenario.Scenario) {
			sc.Veths = nil
			sc.Tuns = []scenario.Tun{{Name: "tap0", MTU: 1500, Addr: 0x0a4d0002, PrefixLen: 24, TunConfig: nic.TunConfig{MAC: vethMAC}}}
			s := &sc.Senders[0]
			s.Namespace, s.Tap = "", "tap0"
		}, 1000},
		"UDP_SEGMENT": {func(sc *scenario.Scenario) { sc.Senders[0].Segment = 10 }, 10_000},
		"UDP_GRO": {func(sc *scenario.Scenario) {
			sc.Senders[0].Segment, sc.Veths[0][1].USO, sc.Apps[0].Sockets[0].GRO = 10, true, true
		}, 1000},
		"count":         {func(sc *scenario.Scenario) { sc.Senders[0].Pace.Count = 7 }, 7},
		"from 50 ms on": {func(sc *scenario.Scenario) { sc.Senders[0].Pace.Start = 50 * engine.Millisecond }, 500},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := Run(context.Background(), containers(tc.change), Options{})
			require.NoError(t, err)
			require.InEpsilon(t, tc.read, res.Snapshot.Net.UDP.InDatagrams, 0.002)
			require.Zero(t, res.Snapshot.Net.UDP.InErrors)
			require.EqualValues(t, res.Snapshot.Net.UDP.InDatagrams, res.Stages[len(res.Stages)-1].Hist.N)
		})
	}
}

// A process that is asked for more than it can do sends as fast as it can, and
// what it sends it also receives: on its CPU nothing is left for it to send more.
func TestSenderFlatOut(t *testing.T) {
	res, err := Run(context.Background(), containers(func(sc *scenario.Scenario) {
		sc.Senders[0].Pace.MilliPPS = 10_000_000_000
	}), Options{})
	require.NoError(t, err)
	sent := res.Snapshot.Ledger.Frames
	require.Less(t, sent, uint64(200_000), "10 million a second were asked for")
	require.Greater(t, sent, uint64(10_000))
	require.Less(t, int64(res.Snapshot.CPUs[0].Time.Idle), int64(engine.Millisecond))
}

// Wrong senders and devices are refused with their path.
func TestSendersRefused(t *testing.T) {
	for want, change := range map[string]func(*scenario.Scenario){
		"senders[0].cpu = 2: want 0 to 1":          func(sc *scenario.Scenario) { sc.Senders[0].CPU = 2 },
		"senders[0].namespace = nowhere":           func(sc *scenario.Scenario) { sc.Senders[0].Namespace = "nowhere" },
		"senders[0].tap = tap9":                    func(sc *scenario.Scenario) { sc.Senders[0].Tap = "tap9" },
		"senders[0].payload = 70000":               func(sc *scenario.Scenario) { sc.Senders[0].Payload = law.Constant(70000) },
		"senders[0].rate":                          func(sc *scenario.Scenario) { sc.Senders[0].Pace.MilliPPS = 0 },
		"senders[1].name = client":                 func(sc *scenario.Scenario) { sc.Senders = append(sc.Senders, sc.Senders[0]) },
		"veths[0].peer.mtu = 5: want 68 to 65535":  func(sc *scenario.Scenario) { sc.Veths[0][1].MTU = 5 },
		"tuns[0].name = veth0: want a name of its": func(sc *scenario.Scenario) { sc.Tuns = []scenario.Tun{{Name: "veth0", MTU: 1500}} },
		"veths[0].end.rps = 9: want 0 to 1":        func(sc *scenario.Scenario) { sc.Veths[0][0].RPS = []int{9} },
	} {
		_, err := Run(context.Background(), containers(change), Options{})
		require.ErrorContains(t, err, want)
	}
}

// A process that sends needs no memory for each datagram.
func TestSendersAllocateNothing(t *testing.T) {
	for name, change := range map[string]func(*scenario.Scenario){
		"veth": func(*scenario.Scenario) {},
		"lo": func(sc *scenario.Scenario) {
			s := &sc.Senders[0]
			s.Namespace, s.Local, s.Dst = "", netip.MustParseAddrPort("127.0.0.1:4000"), loAddr
		},
	} {
		t.Run(name, func(t *testing.T) {
			sc := containers(change)
			h, err := NewHost(Config{Host: sc.Host, Veths: sc.Veths, Sending: sc.Senders, Apps: sc.Apps, Seed: 1})
			require.NoError(t, err)
			defer h.Close()
			h.AdvanceTo(200 * engine.Millisecond)
			now := h.now
			require.Less(t, testing.AllocsPerRun(5, func() {
				now += 100 * engine.Millisecond
				h.AdvanceTo(now)
			}), 10., "for a thousand datagrams")
		})
	}
}
