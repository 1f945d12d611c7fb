package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// two returns a host with the interfaces eth0, 10.0.0.2, and eth1, 10.0.1.2.
func two(change func(*Config)) Config {
	cfg := Linux40()
	n := DefaultNIC("eth1")
	n.MAC[5]++
	n.Addr = 0x0a000102
	cfg.NICs = append(cfg.NICs, n)
	change(&cfg)
	return cfg
}

func started(t *testing.T, cfg Config) *Host {
	t.Helper()
	h, err := NewHost(cfg)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return h
}

// settled lets a host work off what was injected, and looks at the ledger.
func settled(t *testing.T, h *Host) {
	t.Helper()
	h.Advance(time.Millisecond)
	require.NoError(t, h.CheckLedger())
	fall := h.Waterfall()
	require.Equal(t, fall.Offered+fall.Copied, total(fall.Frames))
	require.Equal(t, fall.Tapped, total(fall.Taps))
}

func dev(t *testing.T, s Snapshot, name string) mib.Device {
	t.Helper()
	for _, d := range s.Devices {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no device %s", name)
	return mib.Device{}
}

// tagIt returns the frame with a VLAN tag.
func tagIt(f skb.Frame, id uint16) skb.Frame {
	h := *f.Head
	h.Tagged, h.VLAN = true, id
	f.Head = &h
	f.Len += skb.VLANHeader
	return f
}

// CORE-1, CORE-2, ODD-28: one socket with SO_TIMESTAMP makes the whole host stamp
// packets, those of other devices, too; a packet socket does not. With RPS the
// sysctl says on which side of the hop the time is taken.
func TestTimestamps(t *testing.T) {
	run := func(prequeue int, needed bool) (stamp, queued time.Duration, tap mib.Tap, eth1 *Tap) {
		cfg := two(func(c *Config) {
			c.NICs[0].RPS = map[string][]int{"rx-0": {1}}
			c.Softirq.TstampPrequeue = prequeue
			c.Costs.IPILatency.Fixed = 10 * engine.Microsecond
			c.NICs[1].Taps = []scenario.Tap{{RcvBuf: 1 << 20}}
		})
		h := started(t, cfg)
		s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("10.0.0.2:5001"), Timestamp: needed})
		require.NoError(t, err)
		h.Inject(h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:5001"), 100))
		f := h.UDPFrame(sender, netip.MustParseAddrPort("10.0.1.2:9"), 100)
		f.Head.DstMAC[5]++
		h.InjectOn("eth1", f)
		settled(t, h)
		d, err := s.Recv()
		require.NoError(t, err)
		return d.Timestamp, d.Queued, h.Snapshot().Taps[0], h.Taps()[0]
	}
	stampOf := func(tap *Tap) engine.Time {
		require.EqualValues(t, 1, tap.tap.Packets)
		return engine.Time(tap.tap.Stamped)
	}
	before, queued, _, tap := run(1, true)
	require.Greater(t, queued-before, 10*time.Microsecond, "CORE-1: before the hop to the other CPU")
	require.EqualValues(t, 1, stampOf(tap), "CORE-2: every device")
	behind, queued, _, tap := run(0, true)
	require.Greater(t, behind, before)
	require.Less(t, queued-behind, 10*time.Microsecond, "CORE-1: behind it")
	require.EqualValues(t, 1, stampOf(tap))
	none, _, _, tap := run(1, false)
	require.Zero(t, none)
	require.Zero(t, stampOf(tap), "CORE-2, ODD-28: a packet socket alone does not turn it on")
}

// CORE-2: closing the last such socket turns timestamps off again.
func TestTimestampsEnd(t *testing.T) {
	h := started(t, Linux40())
	to := netip.MustParseAddrPort("10.0.0.2:5001")
	s, err := h.Bind(socket.Config{Local: to, Timestamp: true})
	require.NoError(t, err)
	s.Close()
	tap, err := h.OpenTap(scenario.Tap{Device: "eth0", RcvBuf: 1 << 20})
	require.NoError(t, err)
	h.Inject(h.UDPFrame(sender, to, 100))
	settled(t, h)
	require.EqualValues(t, 1, tap.tap.Packets)
	require.Zero(t, tap.tap.Stamped)
	p, ok := tap.Recv()
	require.True(t, ok)
	require.Equal(t, engine.Millisecond, p.TStamp, "CORE-36: read now")
}

// bonded puts eth0 and eth1 into bond0, 10.0.0.2, with bond0.7 on it.
func bonded(mode ipstack.BondMode) func(*Config) {
	return func(c *Config) {
		for i := range c.NICs {
			c.NICs[i].Addr, c.NICs[i].PrefixLen = 0, 0
		}
		c.Devices = []scenario.Device{
			{Name: "bond0", Addr: 0x0a000002, PrefixLen: 24, Bond: &scenario.Bond{BondConfig: ipstack.BondConfig{Mode: mode}, Slaves: []string{"eth0", "eth1"}}},
			{Name: "bond0.7", Addr: 0x0a070002, PrefixLen: 24, VLAN: &scenario.VLAN{Device: "bond0", ID: 7}},
		}
	}
}

// CORE-41a, CORE-20, ODD-26, ODD-27: a bond shows the sum of its slaves, what the
// backup slave dropped included, and its own drops; the frame for its VLAN device
// is processed three times.
func TestBondStatistics(t *testing.T) {
	h := started(t, two(bonded(ipstack.ActiveBackup)))
	to := netip.MustParseAddrPort("10.0.0.2:5001")
	s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5001")})
	require.NoError(t, err)
	plain := h.UDPFrame(sender, to, 100)
	bad := plain
	bad.Head = &skb.Header{DstMAC: plain.Head.DstMAC, SrcMAC: plain.Head.SrcMAC, EtherType: 0x88cc}
	h.InjectOn("eth0", plain)
	h.InjectOn("eth1", plain) // the backup
	h.InjectOn("eth0", bad)
	h.InjectOn("eth0", tagIt(plain, 7))
	settled(t, h)
	snap := h.Snapshot()
	eth0, eth1, bond, vlan := dev(t, snap, "eth0").Link, dev(t, snap, "eth1").Link, dev(t, snap, "bond0").Link, dev(t, snap, "bond0.7").Link
	require.Equal(t, mib.Link{RXPackets: 3, RXBytes: 3 * 142}, eth0)
	require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 142, RXDropped: 1}, eth1)
	require.Equal(t, mib.Link{RXPackets: 4, RXBytes: 4 * 142, RXDropped: 2}, bond, "CORE-41a")
	require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 128}, vlan)
	var processed uint64
	for _, c := range snap.CPUs {
		processed += c.Softnet.Processed
	}
	require.EqualValues(t, 2+1+2+3, processed, "ODD-26")
	require.Equal(t, 2, s.Queued(), "one by bond0, one by bond0.7 (weak host model)")
}

// CORE-41, CORE-40: a failover at run time moves the groups to the other slave's filter.
func TestBondFailover(t *testing.T) {
	h := started(t, two(bonded(ipstack.ActiveBackup)))
	group := netip.MustParseAddr("239.1.2.3")
	for _, device := range []string{"", "bond0.7"} { // without a name: what the first interface is part of
		_, err := h.Bind(socket.Config{Local: netip.AddrPortFrom(group, 5001), ReuseAddr: true, Join: []socket.Join{{Group: group, Device: device}}})
		require.NoError(t, err)
	}
	send := func() (eth0, eth1, bond uint64) {
		before := h.Snapshot()
		f := h.UDPFrame(sender, netip.AddrPortFrom(group, 5001), 100)
		for _, name := range []string{"eth0", "eth1"} {
			h.InjectOn(name, f)
			h.InjectOn(name, tagIt(f, 7))
		}
		settled(t, h)
		s := h.Snapshot().Sub(before)
		return dev(t, s, "eth0").Link.RXPackets, dev(t, s, "eth1").Link.RXPackets, dev(t, s, "bond0.7").Link.RXPackets
	}
	eth0, eth1, vlan := send()
	require.Equal(t, [3]uint64{2, 0, 1}, [3]uint64{eth0, eth1, vlan})
	require.NoError(t, h.SetActiveSlaves("bond0", "eth1"))
	eth0, eth1, vlan = send()
	require.Equal(t, [3]uint64{0, 2, 1}, [3]uint64{eth0, eth1, vlan})

	require.ErrorContains(t, h.SetActiveSlaves("bond0", "eth0", "eth1"), "one active slave in mode active-backup, not 2")
	require.ErrorContains(t, h.SetActiveSlaves("bond0", "bond0.7"), `"bond0.7" is no slave of bond0`)
	require.ErrorContains(t, h.SetActiveSlaves("bond0", "eth9"), `"eth9" is no slave of bond0`)
	require.ErrorContains(t, h.SetActiveSlaves("eth0", "eth1"), "eth0 is no bond")
	require.ErrorContains(t, h.SetActiveSlaves("bond9"), `no device "bond9"`)
}

// CORE-41: LACP frames get through the filter of a slave in mode 802.3ad, and end in the bond.
func TestLACP(t *testing.T) {
	for mode, packets := range map[ipstack.BondMode]uint64{ipstack.LACP: 1, ipstack.BalanceXOR: 0} {
		h := started(t, two(bonded(mode)))
		f := h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:1"), 100)
		f.Head.DstMAC, f.Head.EtherType = skb.SlowProtocolsMAC, skb.EtherTypeSlow
		h.InjectOn("eth1", f)
		settled(t, h)
		require.Equal(t, packets, dev(t, h.Snapshot(), "eth1").Link.RXPackets, mode)
		require.Zero(t, dev(t, h.Snapshot(), "bond0").Link.RXDropped)
	}
}

// CORE-6, CORE-42: what a bridge passes up is received again by its own device: RPS
// applies again, and processed counts on both CPUs.
func TestBridgeRPS(t *testing.T) {
	h := started(t, two(func(c *Config) {
		for i := range c.NICs {
			c.NICs[i].Addr, c.NICs[i].PrefixLen = 0, 0
		}
		c.Devices = []scenario.Device{{Name: "br0", Addr: 0x0a000002, PrefixLen: 24, RPS: []int{3}, Bridge: &scenario.Bridge{
			Ports: []scenario.BridgePort{{Device: "eth0", State: ipstack.PortForwarding}, {Device: "eth1", State: ipstack.PortForwarding}}}}}
	}))
	s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("10.0.0.2:5001")})
	require.NoError(t, err)
	h.Inject(h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:5001"), 100))
	other := h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.99:5001"), 100)
	other.Head.DstMAC[5] = 0x99
	h.Inject(other) // forwarded
	settled(t, h)
	snap := h.Snapshot()
	require.EqualValues(t, 2, snap.CPUs[0].Softnet.Processed)
	require.EqualValues(t, 1, snap.CPUs[3].Softnet.Processed)
	require.EqualValues(t, 1, snap.CPUs[3].Softnet.ReceivedRPS)
	require.Equal(t, 1, s.Queued())
	require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 128}, dev(t, snap, "br0").Link)
	require.Equal(t, mib.Link{RXPackets: 2, RXBytes: 284}, dev(t, snap, "eth0").Link, "promiscuous")

	require.NoError(t, h.SetPortState("br0", "eth0", ipstack.PortBlocking))
	h.Inject(h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:5001"), 100))
	settled(t, h)
	require.Equal(t, 1, s.Queued())
	require.ErrorContains(t, h.SetPortState("br0", "lo", 0), `"lo" is no port of br0`)
	require.ErrorContains(t, h.SetPortState("eth0", "lo", 0), "eth0 is no bridge")
}

// CORE-43: a macvlan's address is in the hardware's filter, and its multicasts come
// by way of a worker and the backlog.
func TestMacvlanHost(t *testing.T) {
	mv := skb.MAC{2, 0, 0, 0, 0, 0x50}
	cfg := Linux40()
	cfg.Devices = []scenario.Device{{Name: "mv0", Addr: 0x0a000802, PrefixLen: 24, Macvlan: &scenario.Macvlan{Device: "eth0", Mode: ipstack.MacvlanBridge, MAC: mv}}}
	h := started(t, cfg)
	group := netip.MustParseAddrPort("239.1.2.3:5001")
	s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5001"), Join: []socket.Join{{Group: group.Addr(), Device: "mv0"}}})
	require.NoError(t, err)
	f := h.UDPFrame(sender, netip.MustParseAddrPort("10.0.8.2:5001"), 100)
	f.Head.DstMAC = mv
	h.Inject(f)
	h.Inject(h.UDPFrame(sender, group, 100))
	settled(t, h)
	require.Equal(t, 2, s.Queued())
	snap := h.Snapshot()
	require.Equal(t, mib.Link{RXPackets: 2, RXBytes: 284, Multicast: 1}, dev(t, snap, "mv0").Link)
	require.EqualValues(t, 2+1+1, snap.CPUs[0].Softnet.Processed, "the copy once more")
	fall := h.Waterfall()
	require.EqualValues(t, 1, fall.Copied)
}

// CORE-7: with RPS processed counts on the target CPU, without it on the polling one.
func TestProcessed(t *testing.T) {
	for name, tc := range map[string]struct {
		rps  map[string][]int
		want []uint64
	}{
		"CORE-7 without RPS": {nil, []uint64{1, 0, 0, 0}},
		"CORE-7 with RPS":    {map[string][]int{"rx-0": {2}}, []uint64{0, 0, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Linux40()
			cfg.NICs[0].RPS = tc.rps
			h := started(t, cfg)
			h.Inject(h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:1"), 100))
			settled(t, h)
			var got []uint64
			for _, c := range h.Snapshot().CPUs {
				got = append(got, c.Softnet.Processed)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// CORE-4.3: with rx-vlan-offload off the tag comes up in the data; nothing else
// changes but the bytes.
func TestRXVLANOffload(t *testing.T) {
	for _, offload := range []bool{true, false} {
		cfg := Linux40()
		cfg.NICs[0].VLANs, cfg.NICs[0].RXVLANOffload = []int{7}, offload
		h := started(t, cfg)
		s, err := h.Bind(socket.Config{Local: netip.MustParseAddrPort("0.0.0.0:5001")})
		require.NoError(t, err)
		h.Inject(tagIt(h.UDPFrame(sender, netip.MustParseAddrPort("10.0.0.2:5001"), 100), 7))
		settled(t, h)
		require.Equal(t, 1, s.Queued())
		octets := uint64(142)
		if !offload {
			octets += 4
		}
		snap := h.Snapshot()
		require.Equal(t, mib.Link{RXPackets: 1, RXBytes: octets}, dev(t, snap, "eth0").Link)
		require.Equal(t, mib.Link{RXPackets: 1, RXBytes: 128}, dev(t, snap, "eth0.7").Link)
	}
}

// FMT-17: the queue vectors of a port have the lower numbers, its other vector the last.
func TestFMT17IRQNumbers(t *testing.T) {
	cfg := Linux40()
	cfg.NICs[0].Combined = 2
	h := started(t, cfg)
	irqs := h.Snapshot().IRQs
	require.Len(t, irqs, 3)
	for i, name := range []string{"eth0-TxRx-0", "eth0-TxRx-1", "eth0"} {
		require.Equal(t, name, irqs[i].Name)
		require.Equal(t, irqs[0].Number+i, irqs[i].Number)
	}
}

// What a host's devices and packet sockets must be.
func TestDeviceErrors(t *testing.T) {
	bond := func(b scenario.Bond) scenario.Device { return scenario.Device{Name: "bond0", Bond: &b} }
	eth0 := &scenario.Macvlan{Device: "eth0", MAC: skb.MAC{2}}
	for name, tc := range map[string]struct {
		devices []scenario.Device
		taps    []scenario.Tap
		want    string
	}{
		"no kind":            {devices: []scenario.Device{{Name: "x"}}, want: "devices[0] = 0: want exactly one of vlan, bond, bridge and macvlan"},
		"two kinds":          {devices: []scenario.Device{{Name: "x", VLAN: &scenario.VLAN{}, Macvlan: eth0}}, want: "devices[0] = 2: want exactly one of"},
		"a name twice":       {devices: []scenario.Device{{Name: "eth0", Macvlan: eth0}}, want: "devices[0].name = eth0: want a name of its own"},
		"no slaves":          {devices: []scenario.Device{bond(scenario.Bond{})}, want: "bond.slaves = []: want at least one interface"},
		"a slave twice":      {devices: []scenario.Device{bond(scenario.Bond{Slaves: []string{"eth0", "eth0"}})}, want: "slaves[1] = eth0: want a device that is not part of another (EBUSY)"},
		"active, no slave":   {devices: []scenario.Device{bond(scenario.Bond{Slaves: []string{"eth0"}, Active: []string{"eth1"}})}, want: "active[0] = eth1: want a slave of the bond"},
		"slave is no nic":    {devices: []scenario.Device{bond(scenario.Bond{Slaves: []string{"eth7"}})}, want: "slaves[0] = eth7: want the name of an interface"},
		"vlan on nothing":    {devices: []scenario.Device{{Name: "x", VLAN: &scenario.VLAN{Device: "y", ID: 1}}}, want: "vlan.device = y: want a device that stands before"},
		"vlan 0":             {devices: []scenario.Device{{Name: "x", VLAN: &scenario.VLAN{Device: "eth0"}}}, want: "vlan.id = 0: want 1 to 4094"},
		"a port of two":      {devices: []scenario.Device{{Name: "m", Macvlan: eth0}, {Name: "b", Bridge: &scenario.Bridge{Ports: []scenario.BridgePort{{Device: "eth0"}}}}}, want: "(EBUSY)"},
		"tap on nothing":     {taps: []scenario.Tap{{Device: "eth9"}}, want: "taps[0].device = eth9: want the name of a device, or none for all"},
		"ring of no frames":  {taps: []scenario.Tap{{Kind: ipstack.TPacketRcv, FrameSize: 2048}}, want: "taps[0].frames = 0: want 1 to 1048576"},
		"odd frames":         {taps: []scenario.Tap{{Kind: ipstack.TPacketRcv, Frames: 1, FrameSize: 100}}, want: "taps[0].frame_size = 100: want a multiple of 16"},
		"a task that sleeps": {taps: []scenario.Tap{{Task: true}}, want: "taps[0].per_packet = 0ps: want more than 0"},
		"a filter of words":  {taps: []scenario.Tap{{Filter: []string{"ret #0"}}}, want: "taps[0].filter[0] = ret #0: want an instruction as tcpdump -ddd prints it"},
		"nobody runs it":     {taps: []scenario.Tap{{Filter: []string{"6 0 0 0"}}}, want: "OpenFilter is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Linux40()
			cfg.Devices, cfg.Taps = tc.devices, tc.taps
			_, err := NewHost(cfg)
			require.ErrorContains(t, err, tc.want)
		})
	}
}
