package scenariofile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/scenariofile"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// compare looks into addresses by their ==, and into laws by their Equal.
var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func requireSame(t require.TestingT, want, got scenario.Scenario) {
	if diff := cmp.Diff(want, got, compare); diff != "" {
		require.FailNow(t, "scenarios differ (-want +got)", diff)
	}
}

func mustParse(t require.TestingT, text string, sets ...scenariofile.Set) scenario.Scenario {
	s, err := scenariofile.Parse("s.yaml", []byte(text), sets...)
	require.NoError(t, err)
	return s
}

// The sketch of design.md, word for word.
const sketch = `
kernel: linux-4.0
host: {cpus: 4, hz: 250, costs: bdw-3.6ghz}
sysctl:
  net.core.netdev_budget: 300
  net.core.rmem_max: 16777216
nics:
  - name: eth0
    driver: ixgbe
    link: 10Gb/s
    link_partner: {obeys_pause: false}
    ring: {rx: 512}                 # ethtool -G
    coalesce: {rx-usecs: 1}         # ethtool -C
    channels: {combined: 1}         # ethtool -L
    pause: {rx: true, tx: true}     # ethtool -A
    irq_affinity: {TxRx-0: 1}
    rps: {rx-0: "c"}
traffic:
  - {name: feed, to: eth0, rate: 250kpps, size: 128, arrivals: {poisson: {}}, dst: 239.193.4.65:14506, src: 10.0.0.1:5000}
  - {name: replay, to: eth0, pcap: feed.pcapng, speed: 10}
apps:
  - name: gateway
    cpu: 2
    sockets: [{bind: 0.0.0.0:14506, join: [239.193.4.65], rcvbuf: 8MiB}]
    read: {with: epoll+recvmsg, service: {lognormal: {mean: 2us, p99: 9us}}, pauses: {every: 1s, for: 20ms}}
run: {for: 10s, seed: 1, sample: 10ms}
thresholds: ["drops == 0", "p(latency.wire_to_app, 99) < 200us"]
`

func TestSketch(t *testing.T) {
	want := scenario.Default()
	want.Name = "s"
	want.Host.Softirq.NetdevBudget = 300
	want.Host.Limits.RmemMax = 16 << 20
	card := nic.DefaultConfig()
	card.Combined = 1
	want.NICs = []scenario.NIC{{
		Name: "eth0", Config: card, Addr: 0x0a000002, PrefixLen: 24,
		Affinity: map[string][]int{"TxRx-0": {1}}, RPS: map[string][]int{"rx-0": {2, 3}},
	}}
	want.Traffic = []traffic.Config{{
		Name: "feed", To: "eth0", MilliPPS: 250_000_000, Arrivals: traffic.Arrivals{Kind: traffic.Poisson}, Size: law.Constant(128),
		Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("239.193.4.65:14506"), DstMAC: card.MAC, Flows: 1, Groups: 1,
	}}
	want.Captures = []scenario.Capture{{Name: "replay", To: "eth0", File: "feed.pcapng", SpeedMilli: 10_000, Loops: 1}}
	want.Apps = []scenario.App{{
		Name: "gateway", CPUs: []int{2},
		Sockets: []socket.Config{{
			Local: netip.MustParseAddrPort("0.0.0.0:14506"), Join: []socket.Join{{Group: netip.MustParseAddr("239.193.4.65")}}, RcvBuf: 8 << 20,
		}},
		Read: scenario.Read{
			With: scenario.EpollRecvmsg, Batch: 64,
			Service:    law.Must(law.Lognormal(int64(2*engine.Microsecond), int64(9*engine.Microsecond))),
			PauseEvery: engine.Second, PauseFor: 20 * engine.Millisecond,
		},
	}}
	want.Run.For = 10 * engine.Second
	want.Thresholds = []string{"drops == 0", "p(latency.wire_to_app, 99) < 200us"}
	requireSame(t, want, mustParse(t, sketch))
}

// Every key arrives in its field.
func TestEverything(t *testing.T) {
	data, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	s := mustParse(t, string(data))

	want := scenario.Default()
	want.Name = "everything"
	h := &want.Host
	require.NoError(t, h.Kernel.Set("max_restart", "5"))
	h.Kernel.Source += "; changed: max_restart: 5 (linux-4.0: 10)"
	h.Costs, err = kernel.CostsNamed("xeon-2.0ghz")
	require.NoError(t, err)
	require.NoError(t, h.Costs.Set("switch", kernel.Cost{Fixed: 3 * engine.Microsecond, Source: "set in the scenario"}))
	require.NoError(t, h.Costs.Set("copy", kernel.Cost{Fixed: 100 * engine.Nanosecond, PerByte: 85, Source: "set in the scenario"}))
	h.CPUs, h.PossibleCPUs, h.HZ, h.TickPhase = 256, 512, 1000, 100*engine.Microsecond
	h.UDP.HashEntries, h.UDP.HashMix, h.UDP.CloneFailPPM = 1024, 77, 1000
	h.ThreadIRQs = true
	h.Softirq.NetdevBudget, h.Softirq.NetdevBudgetUsecs = 600, 4000
	h.Softirq.RPSSockFlowEntries = 32768
	h.Softirq.FlowLimitCPUs = []int{32, 33, 34, 35, 36, 37, 38, 39}
	h.Limits.UDPMem = [3]int{1000, 2000, 3000}
	h.IP.Netfilter = []ipstack.Rule{{
		Hook: ipstack.LocalIn, Src: 0x0a000001, Dst: 0xef010101, SrcPort: 5000, DstPort: 9999, IfIndex: scenario.IfIndex(1), DropPPM: 1000,
	}, {
		Raw: true, Src: 0x0a000000, SrcLen: 8, Proto: skb.ProtoUDP, MatchPPM: 500_000, Verdict: ipstack.NoTrack, DropPPM: 1_000_000,
	}}
	want.Raw = []ipstack.RawConfig{
		{Name: "pim", Protocol: 103, Local: 0x0a010203, Remote: 0x0a000001, IfIndex: scenario.IfIndex(1), Groups: []skb.Addr{0xe000000d}, NoMulticastAll: true, RcvBuf: 128 << 10},
		{Name: "raw1", Protocol: skb.ProtoUDP, RcvBuf: 212992, PerPacket: engine.Microsecond},
	}
	h.IP.Conntrack.On, h.IP.Conntrack.Assured = true, 1000
	eth1, eth2, eth3 := nic.DefaultConfig(), nic.DefaultIgb(), nic.DefaultIgb()
	for i, c := range []*nic.Config{&eth1, &eth2, &eth3} {
		c.MAC[5] += byte(i + 1)
	}
	eth1.Down, eth1.NoCarrier = true, true
	eth2.Chip, eth2.Combined, eth2.Indirection = nic.ChipI350, 2, nic.Indirection{Weight: []int{6, 2}}
	eth3.MSI, eth3.Indirection = true, nic.Indirection{Equal: 1}
	h.IP.Routes = []ipstack.Route{
		{IfIndexes: []int32{scenario.IfIndex(1)}},
		{Dst: 0xac100000, PrefixLen: 12, IfIndexes: []int32{scenario.IfIndex(0), scenario.IfIndex(1)}},
		{Dst: 0xc0a80000, PrefixLen: 16, Kind: ipstack.Blackhole},
	}
	taps := []scenario.Tap{{RcvBuf: 2 * 212992, PerPacket: 900 * engine.Nanosecond}, {RcvBuf: 8 << 20}, { // clamped, forced, a ring
		Name: "tcpdump", Kind: ipstack.TPacketRcv, EtherType: 35020, RcvBuf: 212992, Frames: 1024, FrameSize: 4096, SnapLen: 128,
		Filter: []string{"6 0 0 96"}, PerPacket: 300 * engine.Nanosecond, Task: true, CPU: 3, Nice: 5}}
	ingress := []ipstack.Rule{{Src: 0x0a000001, Dst: 0xef010101, SrcPort: 5000, DstPort: 9999, DropPPM: 10_000}}
	want.NICs = []scenario.NIC{{
		Name: "eth0",
		Config: nic.Config{
			Driver: "ixgbe", MAC: [6]byte{2, 0, 0, 0, 0, 0x99}, MTU: 9000, LinkBitsPerSecond: 10_000_000_000, RXRing: 4096, RXUsecs: 30, Combined: 4,
			UDPPortHash: true, Promisc: true, VLANs: []int{7, 100}, RSSKey: s.NICs[0].RSSKey, FrameOverhead: 16,
			NTuple: true, PauseForced: true, NoLRO: true, LegacyRX: true, NoRXHash: true, GROFragList: true, GROUDPForwarding: true, RXAll: true, AllMulti: true,
			FlowFilters: []nic.FlowFilter{
				{Src: 0x0a010001, Dst: 0xef010101, SrcPort: 5000, DstPort: 14506, VLAN: 7, Action: 3},
				{Src: 0x0a010002, Dst: 0xef010101, SrcPort: 5000, DstPort: 14506, VLAN: 7, Action: -1},
			},
			PCIe: nic.PCIe{BitsPerSecond: 8_000_000_000, StallEvery: engine.Millisecond, StallFor: 50 * engine.Microsecond},
			Memory: nic.Memory{
				PageHold: 20 * engine.Millisecond, Reserved: 10_000,
				PageFailures: nic.Failures{Share: 500_000, From: engine.Second, Until: 2 * engine.Second},
				SKBFailures:  nic.Failures{Share: 10, From: 500 * engine.Millisecond, Until: 3 * engine.Second},
			},
			Partner: nic.Partner{ObeysPause: true, Queue: 5 * engine.Millisecond},
		},
		Addr: 0x0a010203, PrefixLen: 16,
		Affinity:   map[string][]int{"TxRx-0": {1}, "TxRx-1": {2, 3}, "TxRx-2": {0, 1, 2, 3, 8}, "TxRx-3": {2}},
		RPS:        map[string][]int{"rx-0": {2, 3}, "rx-1": {32}, "rx-2": {5, 8, 9}},
		Taps:       taps,
		Ingress:    ingress,
		Conf:       ipstack.DeviceConf{RPFilter: 2, AcceptLocal: true, RouteLocalnet: true, RefuseSourceRoute: true},
		RPSFlowCnt: map[string]int{"rx-2": 4096},
		Threaded:   true, NAPIDeferHardIRQs: 2, GROFlushTimeout: 20 * engine.Microsecond,
	}, {Name: "eth1", Config: eth1, Addr: 0x0a000102, PrefixLen: 24}, {Name: "eth2", Config: eth2, Addr: 0x0a000202, PrefixLen: 24},
		{Name: "eth3", Config: eth3, Addr: 0x0a000302, PrefixLen: 24}}
	for i, name := range []string{"eth8", "eth9", "eth10"} { // parts of others: no address
		c := nic.DefaultConfig()
		c.MAC[5] += byte(4 + i)
		want.NICs = append(want.NICs, scenario.NIC{Name: name, Config: c})
	}
	want.Devices = []scenario.Device{
		{Name: "bond0", Addr: 0x0a090002, PrefixLen: 24, RPS: []int{0, 1}, Ingress: ingress, Taps: taps, Bond: &scenario.Bond{
			BondConfig: ipstack.BondConfig{Mode: ipstack.LACP, AllSlavesActive: true}, Slaves: []string{"eth8", "eth9"}, Active: []string{"eth9"}}},
		{Name: "bond0.7", VLAN: &scenario.VLAN{Device: "bond0", ID: 7}},
		{Name: "br0", Addr: 0x0a000402, PrefixLen: 24, Bridge: &scenario.Bridge{BridgeConfig: ipstack.BridgeConfig{STP: true, GroupFwdMask: 8},
			Ports: []scenario.BridgePort{{Device: "bond0", State: ipstack.PortForwarding}, {Device: "eth10", State: ipstack.PortLearning}}}},
		{Name: "mv0", Macvlan: &scenario.Macvlan{Device: "eth0", MAC: skb.MAC{2, 0, 0, 0, 2, 0}, Down: true}},
	}
	want.Taps = []scenario.Tap{{RcvBuf: 2 * 212992, PerPacket: engine.Microsecond}, {RcvBuf: 8 << 20, PerPacket: engine.Microsecond}, taps[2]}
	want.Taps[2].Device = "bond0"
	require.Len(t, s.NICs[0].RSSKey, 40)
	require.Equal(t, []byte{0x6d, 0x5a}, s.NICs[0].RSSKey[:2])

	addr := netip.MustParseAddrPort
	sender := addr("10.0.0.1:5000")
	source := func(n string, c traffic.Config) traffic.Config {
		c.Name, c.To, c.MilliPPS, c.Src, c.Dst, c.DstMAC, c.Flows, c.Groups = "traffic"+n, "eth1", 1_000_000, sender, addr("10.0.1.2:5000"), eth1.MAC, 1, 1
		return c
	}
	want.Traffic = []traffic.Config{
		{
			Name: "feed", To: "eth0", MilliPPS: 250_000_000, Start: engine.Millisecond, Stop: 5 * engine.Second, Count: 1_000_000,
			Profile:  []traffic.RatePoint{{At: 0, MilliPPS: 250_000_000}, {At: engine.Second, MilliPPS: 500_000_000, Step: true}},
			Arrivals: traffic.Arrivals{Kind: traffic.Jitter, SpreadPPM: 100_000}, Size: law.IMIX(),
			Src: addr("10.1.0.1:5000"), Dst: addr("239.1.1.1:14506"), DstMAC: skb.MAC{2, 0, 0, 0, 0, 0x99}, Flows: 8, Groups: 4,
			VLAN: 7, TOS: 16, NoChecksum: true,
			Faults: traffic.Faults{
				CRC: 1000, WrongMAC: 100, UnknownEtherType: 100, BadVersion: 1000, BadIPChecksum: 5, Truncated: 1000,
				BadUDPChecksum: 1000, BadUDPLength: 1000, UnknownPort: 1000, Fragment: 1000,
			},
		},
		source("2", traffic.Config{MTU: 1500, Size: law.Must(law.Uniform(20, 1024)), SizeIsPayload: true}),
		source("3", traffic.Config{Size: law.Must(law.Uniform(0, 1)), SizeIsPayload: true, Arrivals: traffic.Arrivals{Kind: traffic.Poisson}}),
		source("4", traffic.Config{
			Size: law.Must(law.Lognormal(100, 150)), SizeIsPayload: true,
			Arrivals: traffic.Arrivals{Kind: traffic.OnOff, BurstMilliPPS: 1_000_000_000, BurstMean: 32, FixedBursts: true},
		}),
		source("5", traffic.Config{
			Size: law.Must(law.Pareto(20, 1500, 1400)), SizeIsPayload: true,
			Arrivals: traffic.Arrivals{Kind: traffic.MMPP, BurstMilliPPS: 2_000_000, High: 10 * engine.Millisecond, Low: 90 * engine.Millisecond},
		}),
		source("6", traffic.Config{
			Size:     law.Must(law.Empirical([]int64{64, 128, 256}, []uint64{7, 4, 1})),
			Arrivals: traffic.Arrivals{Kind: traffic.Pareto, BurstMilliPPS: 1_000_000_000, BurstMean: 32, AlphaMilli: 1500},
		}),
	}
	full := scenario.VethEnd{
		Name: "veth0", MTU: 9000, Addr: 0x0a460002, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: skb.MAC{2, 0, 0, 0, 7, 2}, GRO: true, TSO: true, USO: true, XDP: nic.XDPPass},
		RPS: []int{0, 1}, Conf: ipstack.DeviceConf{RPFilter: 1, AcceptLocal: true, RouteLocalnet: true, RefuseSourceRoute: true}, Ingress: ingress, Taps: taps,
	}
	peer := full
	peer.Name, peer.Addr, peer.MAC = "veth3", 0x0a480001, skb.MAC{2, 0, 0, 0, 7, 4}
	want.Veths = []scenario.Veth{
		{full, {Name: "veth1", Namespace: "tx", MTU: 1500, Addr: 0x0a4d0001, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: skb.MAC{2, 0, 0, 0, 2, 1}}}},
		{{Name: "veth2", Namespace: "rx", MTU: 1500, Addr: 0x0a4d0102, PrefixLen: 24, VethConfig: nic.VethConfig{MAC: skb.MAC{2, 0, 0, 0, 2, 2}}}, peer},
	}
	want.Tuns = []scenario.Tun{{Name: "tap0", MTU: 1400, Addr: 0x0a470002, PrefixLen: 24, TunConfig: nic.TunConfig{MAC: skb.MAC{2, 0, 0, 0, 7, 3}, NAPI: true}, RPS: []int{1}}}
	program := func(n string, payload law.Law, a traffic.Arrivals) scenario.Sender {
		return scenario.Sender{Name: "sender" + n, CPU: 5, Local: addr("10.71.0.1:40000"), Dst: addr("10.71.0.2:14506"), Payload: payload,
			Pace: traffic.Config{MilliPPS: 1_000_000, Arrivals: a}}
	}
	want.Senders = []scenario.Sender{
		{
			Name: "client", Namespace: "tx", CPU: 4, Nice: 1, Local: addr("10.77.0.1:40000"), Dst: addr("10.70.0.2:14506"), Device: "veth1", NoMulticastLoop: true,
			Payload: law.Constant(1400), Segment: 100,
			Pace: traffic.Config{MilliPPS: 10_000_000, Profile: []traffic.RatePoint{{MilliPPS: 1_000_000}, {At: engine.Second, MilliPPS: 2_000_000, Step: true}},
				Arrivals: traffic.Arrivals{Kind: traffic.Poisson}, Start: engine.Millisecond, Stop: 2 * engine.Second, Count: 1000},
		},
		program("1", law.Must(law.Uniform(1, 100)), traffic.Arrivals{}),
		program("2", law.Must(law.Lognormal(100, 150)), want.Traffic[3].Arrivals),
		program("3", law.Must(law.Pareto(20, 1500, 1400)), want.Traffic[4].Arrivals),
		program("4", law.Must(law.Empirical([]int64{64, 128, 256}, []uint64{7, 4, 1})), want.Traffic[5].Arrivals),
		program("5", law.IMIX(), traffic.Arrivals{Kind: traffic.Jitter, SpreadPPM: 100_000}),
		program("6", law.Constant(1), traffic.Arrivals{Kind: traffic.Poisson}),
	}
	want.Senders[1].Tap = "tap0"
	want.Captures = []scenario.Capture{{
		Name: "replay", To: "eth1", File: "feed.pcapng", SpeedMilli: 10_000, Loops: 3, Start: 2 * engine.Millisecond, KeepMAC: true,
		Rewrite: []scenario.Rewrite{{MatchSrcPort: 6100, MatchDst: 0xef010101, Src: 0x0a000009, SrcPort: 1, Dst: 0xef020202, DstPort: 14506}},
	}}
	us := int64(engine.Microsecond)
	reader := func(n string, port uint16, service law.Law) scenario.App {
		return scenario.App{
			Name: "app" + n, CPUs: []int{4}, Read: scenario.Read{Batch: 64, Service: service},
			Sockets: []socket.Config{{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port)}},
		}
	}
	want.Apps = []scenario.App{
		{
			Name: "gateway", CPUs: []int{2, 3}, Nice: -5, Copies: 3, Shared: true,
			Sockets: []socket.Config{{
				Name: "feed-a", Local: addr("0.0.0.0:14506"), Remote: addr("10.1.0.1:5000"),
				Join: []socket.Join{
					{Group: netip.MustParseAddr("239.1.1.1")}, {Group: netip.MustParseAddr("239.1.1.2"), Device: "eth1"},
					{Group: netip.MustParseAddr("239.1.1.3"), Include: []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.2")}},
					{Group: netip.MustParseAddr("239.1.1.4"), Exclude: []netip.Addr{netip.MustParseAddr("10.1.0.3")}},
				},
				RcvBuf: 8 << 20, ReusePort: true, ReuseAddr: true, NoMulticastAll: true, Device: "eth0", NonBlocking: true, Timestamp: true, UID: 1000, Refusals: socket.Refusals{PolicyPPM: 10_000, ReservesPPM: 1_000, SecurityPPM: 2_000, TrimPPM: 500_000},
				RcvTimeo: 10 * engine.Millisecond, RXQOvfl: true, GRO: true, BusyPoll: 50, PreferBusyPoll: true, BusyPollBudget: 16, IncomingCPU: 3,
				Filter: []socket.FilterInsn{{Op: 40}, {Op: 53, Jf: 1, K: 6000}, {Op: 6}, {Op: 6, K: 65535}},
			}, {Local: addr("0.0.0.0:14507"), RcvBufForce: 16 << 20, NonBlocking: true}},
			Read: scenario.Read{
				With: scenario.EpollRecvmmsg, Batch: 16, Service: law.Must(law.Lognormal(2*us, 9*us)),
				PauseEvery: engine.Second, PauseFor: 20 * engine.Millisecond, Edge: true, Drain: true, Timeout: 100 * engine.Microsecond,
				FaultPPM: 10_000, FaultFor: law.Must(law.Uniform(us, 2*us)),
			},
			Locks:   scenario.Locks{Every: 10 * engine.Millisecond, For: 50 * engine.Microsecond, Asleep: true, CPU: 1},
			Workers: scenario.Workers{CPUs: []int{5}, Queue: 100, Drop: true},
		},
		reader("1", 1, law.Must(law.Uniform(us, 2*us))),
		reader("2", 2, law.Must(law.Exponential(us))),
		reader("3", 3, law.Must(law.Pareto(us, 2500, 1000*us))),
		reader("4", 4, law.Must(law.Empirical([]int64{us, 2 * us}, []uint64{9, 1}))),
		{Name: "hog", CPUs: []int{3}, Busy: true, Read: scenario.Read{Batch: 64}},
	}
	want.Changes = []scenario.Change{
		{At: engine.Second, Set: []scenario.Setting{
			{Path: "net.core.netdev_budget", Value: "400"}, {Path: "nics[1].up", Value: "true"}, {Path: "nics[eth0].irq_affinity.TxRx-1", Value: `"c"`},
			{Path: "nics[eth0].ring.rx", Value: "1024"}, {Path: "nics[eth0].rps.rx-1", Value: `[1,"4-7"]`},
		}},
		{At: 1500 * engine.Millisecond, Set: []scenario.Setting{
			{Path: "net.ipv4.udp_mem", Value: "[1,2,3]"}, {Path: "nics[eth0].rx-flow-hash.udp4", Value: `"sd"`}, {Path: "nics[eth1].carrier", Value: "true"},
		}},
	}
	peeks, waits, spins := &want.Apps[1].Read, &want.Apps[2].Read, &want.Apps[3].Read
	peeks.Peek, peeks.Buffer, peeks.Pauses.Trace = true, 64, []socket.Pause{{At: engine.Second, For: 20 * engine.Millisecond}}
	waits.With, waits.WaitAll = scenario.Recvmmsg, true
	waits.Pauses = socket.Pauses{Every: law.Must(law.Exponential(int64(engine.Second))), For: law.Constant(20_000 * us)}
	spins.With, spins.PauseFile = scenario.SpinRecvmsg, "gc.txt"
	want.Run = scenario.Run{For: 2 * engine.Second, Seed: 42, Sample: engine.Millisecond, Warmup: 250 * engine.Millisecond, MaxEvents: 1_000_000, MaxMemory: 1 << 30, Naive: true}
	want.Thresholds = []string{"drops == 0", "p(latency.wire_to_app, 99) < 200us"}
	requireSame(t, want, s)
}

func TestEmpty(t *testing.T) {
	want := scenario.Default()
	want.Name = "s"
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "nics:\n", "\ufeff"} {
		requireSame(t, want, mustParse(t, text))
	}
}

// Traffic or an application alone gets an interface.
func TestDefaultNIC(t *testing.T) {
	want := []scenario.NIC{{Name: "eth0", Config: nic.DefaultConfig(), Addr: 0x0a000002, PrefixLen: 24}}
	for _, text := range []string{
		"traffic: [{rate: 1pps, size: 64, dst: 239.1.1.1:1}]",
		"traffic: [{pcap: a.pcap}]",
		"apps: [{cpu: 0, busy: true}]",
	} {
		s := mustParse(t, text)
		require.Equal(t, want, s.NICs)
		for _, src := range s.Traffic {
			require.Equal(t, "eth0", src.To)
		}
	}
	require.Empty(t, mustParse(t, "host: {cpus: 1}").NICs)
}

// A JSON file is a YAML file.
func TestJSON(t *testing.T) {
	requireSame(t, mustParse(t, "host: {cpus: 2}\nthresholds: ['drops == 0']"), mustParse(t, `{"host": {"cpus": 2}, "thresholds": ["drops == 0"]}`))
}

func TestCostsBareTimeIsTheWhole(t *testing.T) {
	s := mustParse(t, "host: {costs: {base: bdw-3.6ghz, copy: 100ns}}")
	got, _ := s.Host.Costs.Get("copy")
	require.Equal(t, kernel.Cost{Fixed: 100 * engine.Nanosecond, Source: "set in the scenario"}, got)
	s = mustParse(t, "host: {costs: {base: bdw-3.6ghz, copy: {fixed: 100ns}}}")
	got, _ = s.Host.Costs.Get("copy")
	base, err := kernel.CostsNamed("bdw-3.6ghz")
	require.NoError(t, err)
	was, _ := base.Get("copy")
	require.NotZero(t, was.PerByte)
	require.Equal(t, kernel.Cost{Fixed: 100 * engine.Nanosecond, PerByte: was.PerByte, Source: "set in the scenario"}, got)
}

// Writing down what a profile says anyway is no change of it.
func TestProfileWrittenOut(t *testing.T) {
	s := mustParse(t, "kernel: {base: linux-3.10, repoll_same_run: true}\nhost: {costs: {base: p3-e1000}}")
	p, err := kernel.ProfileNamed("linux-3.10")
	require.NoError(t, err)
	require.Equal(t, p, s.Host.Kernel)
	c, err := kernel.CostsNamed("p3-e1000")
	require.NoError(t, err)
	require.Equal(t, c, s.Host.Costs)
}

func TestLoadKey(t *testing.T) {
	const text = `
traffic:
  - {rate: 1000.001kpps, size: 64, dst: 239.1.1.1:1, arrivals: {onoff: {burst_rate: 2Mpps, burst_mean: 8}}}
  - {rate: 1kpps, size: 64, dst: 239.1.1.1:1, profile: [{at: 1s, rate: 3kpps}]}
  - {pcap: a.pcap}
  - {pcap: a.pcap, rate: 10kpps}
`
	s := mustParse(t, text, scenariofile.Set{Path: "load", Value: "7"}, scenariofile.Set{Path: "load", Value: "1.5"}) // the later one
	require.EqualValues(t, 1_500_001_500, s.Traffic[0].MilliPPS)
	require.EqualValues(t, 3_000_000_000, s.Traffic[0].Arrivals.BurstMilliPPS)
	require.EqualValues(t, 4_500_000, s.Traffic[1].Profile[0].MilliPPS)
	require.EqualValues(t, 1500, s.Captures[0].SpeedMilli)
	require.EqualValues(t, 15_000_000, s.Captures[1].MilliPPS)
	require.Zero(t, s.Captures[1].SpeedMilli)
}

func TestCanonical(t *testing.T) {
	everything, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	texts := map[string]string{"empty": "", "sketch": sketch, "default": string(scenariofile.Default()), "everything": string(everything)}
	for name, text := range texts {
		checkCanonical(t, name+".yaml", text, nil)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(texts))).Draw(t, "text")
		checkCanonical(t, name+".yaml", texts[name], drawSets(t))
	})
}

// drawSets draws overrides that every scenario takes.
func drawSets(t *rapid.T) []scenariofile.Set {
	choices := []scenariofile.Set{
		{Path: "load", Value: "0.75"}, {Path: "net.core.netdev_budget", Value: "64"}, {Path: "net.core.flow_limit_cpu_bitmap", Value: `"3"`},
		{Path: "nics[0].ring.rx", Value: "64"}, {Path: "nics[0].coalesce.rx-usecs", Value: "0"}, {Path: "nics[0].features.gro", Value: "false"},
		{Path: "host.costs.copy.per_byte", Value: "99ps"}, {Path: "host.costs", Value: "p3-e1000"}, {Path: "kernel.fanout_flush", Value: "8"}, {Path: "kernel", Value: "linux-3.10"},
		{Path: "run", Value: "{for: 3s}"}, {Path: "netfilter", Value: "[{dport: 9, drop: 0.5%}]"}, {Path: "nics[0].taps", Value: "[{per_packet: never}]"},
		{Path: "name", Value: `"10"`}, {Path: "name", Value: `"true: #"`}, {Path: "thresholds", Value: `["x: y # z", "''\"", "*a"]`},
		{Path: "nics[0].rps.rx-0", Value: `"1"`}, {Path: "nics[0].rps.rx-0", Value: `"0"`},
	}
	n := rapid.SliceOfN(rapid.IntRange(0, len(choices)-1), 0, 6).Draw(t, "sets")
	var out []scenariofile.Set
	for _, i := range n {
		out = append(out, choices[i])
	}
	return out
}

func checkCanonical(t require.TestingT, name, text string, sets []scenariofile.Set) {
	want, err := scenariofile.Parse(name, []byte(text), sets...)
	require.NoError(t, err)
	full, err := scenariofile.Canonical(name, []byte(text), sets...)
	require.NoError(t, err)
	got, err := scenariofile.Parse("other-name.yaml", full)
	require.NoError(t, err, "%s", full)
	requireSame(t, want, got)
	again, err := scenariofile.Canonical("other-name.yaml", full)
	require.NoError(t, err)
	require.Equal(t, string(full), string(again))
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "feed.yaml")
	abs := filepath.ToSlash(filepath.Join(dir, "abs.pcap"))
	require.NoError(t, os.WriteFile(file, []byte("traffic: [{pcap: sub/a.pcap}, {pcap: '"+abs+"'}]"), 0o600))
	s, err := scenariofile.Load(file, scenariofile.Set{Path: "run.seed", Value: "9"})
	require.NoError(t, err)
	require.Equal(t, "feed", s.Name)
	require.EqualValues(t, 9, s.Run.Seed)
	require.Equal(t, filepath.Join(dir, "sub", "a.pcap"), s.Captures[0].File)
	require.Equal(t, filepath.FromSlash(abs), s.Captures[1].File)

	_, err = scenariofile.Load(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = scenariofile.Load(dir)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(file, []byte("hots: {}"), 0o600))
	_, err = scenariofile.Load(file)
	require.EqualError(t, err, file+`:1:1: hots: unknown key; did you mean "host"?`)
	var f *scenariofile.Fault
	require.True(t, errors.As(err, &f))
	require.Equal(t, "hots", f.Path)
}

func TestDefault(t *testing.T) {
	s, err := scenariofile.Parse(scenariofile.DefaultName, scenariofile.Default())
	require.NoError(t, err)
	require.EqualValues(t, 250_000_000, s.Traffic[0].MilliPPS)
	require.Len(t, s.Apps[0].Sockets[0].Join, s.Traffic[0].Groups, "the gateway joins what is sent")
}

// Whatever is too large or too deep is refused by a fault, and soon.
func TestBombs(t *testing.T) {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, text := range map[string]string{
		"large":              many("#", scenariofile.MaxBytes+1),
		"brackets":           many("[", 500_000),
		"closed brackets":    many("[", 100_000) + many("]", 100_000),
		"braces":             many("{a: ", 200_000),
		"dashes":             many("- ", 500_000),
		"question marks":     many("? ", 500_000),
		"tags":               many("!!a ", 250_000),
		"anchors":            many("&a ", 300_000) + "x",
		"keys":               many("a: b\n", 200_000),
		"words":              "x: [" + many("a,", 400_000) + "]",
		"documents":          many("---\n", 250_000),
		"aliases":            "a: &a [" + many("x,", 1000) + "]\nb: [" + many("*a,", 30_000) + "]",
		"aliases in aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e]",
		"indentation": func() (s string) {
			for i := range 1400 {
				s += many(" ", i) + "a:\n"
			}
			return s
		}(),
		"unknown keys":   "{" + many("x: 1, ", 30_000) + "}",
		"different keys": keysOf("host: {", 40_000),
		"more keys":      keysOf("", 40_000),
		"interfaces":     "nics: [" + many("{mtu: 1},", 20_000) + "]",
		"sources":        "traffic: [" + many("{rate: 1, to: x},", 20_000) + "]",
		"applications":   "apps: [" + many("{sockets: [{}]},", 20_000) + "]",
		"empty sources":  "traffic: [" + many("{},", 60_000) + "]",
		"wrong words":    "thresholds: [" + many("1,", 90_000) + "]",
		"wrong units":    "traffic: [{rate: 1pps, dst: 239.1.1.1:1, size: {empirical: {values: [" + many("1k,", 90_000) + "]}}}]",
		"quote":          `"` + many("x", 1_000_000),
		"digits":         "run: {seed: " + many("9", 1_000_000) + "}",
		"long key":       many("x", 1_000_000) + ": 1",
		"not UTF-8":      "host: {cpus: 4}\nname: \xff",
		"NUL":            "name: \x00",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenariofile.Parse("bomb.yaml", []byte(text))
			require.Error(t, err)
			faults := err.(scenariofile.Faults)
			require.LessOrEqual(t, len(faults), 1001)
			for _, f := range faults {
				require.Less(t, len(f.Error()), 1000)
			}
		})
	}
}

// keysOf returns a mapping with n different keys.
func keysOf(open string, n int) string {
	var b strings.Builder
	b.WriteString(open)
	for i := range n {
		if open == "" {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		} else {
			fmt.Fprintf(&b, "k%d: 1, ", i)
		}
	}
	if open != "" {
		b.WriteString("}")
	}
	return b.String()
}

func TestParseSet(t *testing.T) {
	s, err := scenariofile.ParseSet("thresholds=[\"drops == 0\"]")
	require.NoError(t, err)
	require.Equal(t, scenariofile.Set{Path: "thresholds", Value: `["drops == 0"]`}, s)
	for _, bad := range []string{"", "run.for", "=1", " =1"} {
		_, err := scenariofile.ParseSet(bad)
		require.ErrorContains(t, err, "want path=value")
	}
}

func FuzzLoad(f *testing.F) {
	everything, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(f, err)
	f.Add(string(everything), "load", "2")
	f.Add(string(scenariofile.Default()), "nics[eth0].ring.rx", "64")
	f.Add(sketch, "apps[gateway].read.service", "{uniform: {min: 1us, max: 2us}}")
	f.Add("a: &a [*a]\n<<: *a\n? [x]\n: y", "traffic[0].arrivals.poisson", "")
	f.Add("traffic: [{}]\napps: [{}]\nnics: [{}]", "[[", ": :")
	f.Add("host: {cpus: 1e400, hz: 1E-400}\nrun: {seed: -0}\n", "nics[0]", "null")
	f.Fuzz(func(t *testing.T, text, path, value string) {
		set := scenariofile.Set{Path: path, Value: value}
		if _, err := scenariofile.Parse("f.yaml", []byte(text), set); err != nil {
			var faults scenariofile.Faults
			require.True(t, errors.As(err, &faults), "%T", err)
			require.NotEmpty(t, faults)
			_, werr := faults.WriteTo(&strings.Builder{})
			require.NoError(t, werr)
			return
		}
		checkCanonical(t, "f.yaml", text, []scenariofile.Set{set})
	})
}

// Files of pauses are read where the scenario file is, and refused with their
// line.
func TestLoadPauses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gc.yaml")
	require.NoError(t, os.WriteFile(file, []byte("apps: [{cpu: 1, sockets: [{bind: 0.0.0.0:1}], read: {pauses: {trace: gc.txt}}}]"), 0o600))
	load := func(text string) (scenario.Scenario, error) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "gc.txt"), []byte(text), 0o600))
		return scenariofile.Load(file)
	}
	s, err := load("# when, how long\n1ms 500us\n\n2s 1.5ms # a full one\n")
	require.NoError(t, err)
	require.Equal(t, []socket.Pause{{At: engine.Millisecond, For: 500 * engine.Microsecond}, {At: 2 * engine.Second, For: 1500 * engine.Microsecond}},
		s.Apps[0].Read.Pauses.Trace)
	for text, want := range map[string]string{
		"":                     "at least one pause",
		"1ms":                  "gc.txt:1",
		"\n1ms 1ms 1ms":        "gc.txt:2",
		"1ms 0s":               "gc.txt:1",
		"1ms -1s":              "gc.txt:1",
		"1ms 2ms\n2ms 1ms":     "gc.txt:2",
		"1ms 100000000h":       "gc.txt:1",
		"soon 1ms":             "gc.txt:1",
		"1ms 1ms\nnever again": "gc.txt:2",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want, "%q", text)
		require.ErrorContains(t, err, "apps[0].read.pauses.trace", "%q", text)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "gc.txt")))
	_, err = scenariofile.Load(file)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What can't be is refused where it stands.
func TestProgramsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"read: {with: recvmsg, edge: true}":                                 "read.edge",
		"read: {with: spin+recvmsg, drain: true}":                           "read.drain",
		"read: {with: epoll+recvmsg, drain: true}":                          "nonblocking",
		"read: {with: epoll+recvmmsg, wait_all: true}":                      "read.wait_all",
		"read: {with: recvmsg, timeout: 1ms}":                               "read.timeout",
		"read: {with: recvmmsg, peek: true}":                                "read.peek",
		"read: {buffer: 70000}":                                             "read.buffer",
		"read: {pauses: {}}":                                                "read.pauses",
		"read: {pauses: {every: 1s}}":                                       "read.pauses",
		"read: {pauses: {every: 1s, for: 2s}}":                              "read.pauses",
		"read: {pauses: {every: 1s, for: 1ms, trace: x}}":                   "read.pauses",
		"read: {pauses: {at: [{at: 1s, for: 1s}, {at: 1500ms, for: 1ms}]}}": "read.pauses.at[1]",
		"locks: {every: 1ms, for: 2ms}":                                     "locks.for",
		"locks: {every: 1ms, for: 1us, cpu: 99}":                            "locks.cpu",
		"workers: {cpus: []}":                                               "workers",
		"workers: {cpus: [99]}":                                             "workers.cpus",
		"sockets: [{bind: 0.0.0.0:1, filter: [six]}]":                       "filter[0]",
		"sockets: [{bind: 0.0.0.0:1, filter: [\"6 0 0\"]}]":                 "filter[0]",
		"sockets: [{bind: 0.0.0.0:1, filter: [\"6 0 0 0 0\"]}]":             "filter[0]",
	} {
		if !strings.Contains(text, "sockets:") {
			text += ", sockets: [{bind: 0.0.0.0:1}]"
		}
		_, err := scenariofile.Parse("x.yaml", []byte("apps: [{cpu: 1, "+text+"}]"))
		require.ErrorContains(t, err, want, text)
	}
}

// TestSourceIsReadOnce: a source that has been parsed with other sets, right or
// wrong, gives what a file that is read anew gives.
func TestSourceIsReadOnce(t *testing.T) {
	for name, data := range map[string]string{
		"default": string(scenariofile.Default()), "a fault of its own": "run: {for: 1s, fro: 2}\n", "no YAML": "a: [\n", "empty": "", "no mapping": "- 1\n",
	} {
		src := scenariofile.Read("f.yaml", []byte(data))
		for range 2 {
			for _, sets := range [][]scenariofile.Set{
				nil,
				{{Path: "nics[0].ring.rx", Value: "64"}, {Path: "apps[0].read.pauses", Value: "null"}},
				{{Path: "nics[0].ring.xr", Value: "64"}},
				{{Path: "load", Value: "2"}, {Path: "host.costs.ip", Value: "1us"}, {Path: "kernel.repoll_same_run", Value: "true"}},
				{{Path: "kernel", Value: "["}},
			} {
				want, wantErr := scenariofile.Parse("f.yaml", []byte(data), sets...)
				got, err := src.Parse(sets...)
				require.Equal(t, wantErr, err, name)
				require.Equal(t, want, got, name)
			}
		}
	}
}
