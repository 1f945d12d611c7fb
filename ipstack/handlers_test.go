package ipstack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cpu"

	"github.com/seed-556df219/rxpath/sim/skb"
)

// to is the destination MAC of a packet as the device eth0 receives it.
func to(dst skb.MAC) packet {
	return func(h *skb.Header, p *skb.Buff) {
		h.DstMAC = dst
		switch {
		case dst.Broadcast():
			p.PktType = skb.PacketBroadcast
		case dst.Multicast():
			p.PktType = skb.PacketMulticast
		case dst == mac:
			p.PktType = skb.PacketHost
		default:
			p.PktType = skb.PacketOtherHost
		}
	}
}

func from(src skb.MAC) packet { return func(h *skb.Header, _ *skb.Buff) { h.SrcMAC = src } }

func etherType(typ uint16) packet { return func(h *skb.Header, _ *skb.Buff) { h.EtherType = typ } }

func on(d *Device) packet { return func(_ *skb.Header, p *skb.Buff) { p.IfIndex = d.Index } }

// ended returns why the last packet ended, NotDropped if UDP got it.
func (b *bench) ended() (reason skb.DropReason) {
	for r := range b.ledger.Dropped {
		if b.ledger.Dropped[r] > 0 {
			reason = skb.DropReason(r)
		}
	}
	return reason
}

// CORE-4.5: an ingress queueing discipline drops what its filters say. Only it
// counts that; and it makes taps get the packet before (CORE-5).
func TestIngress(t *testing.T) {
	unknown := etherType(0x88cc)
	for name, tc := range map[string]struct {
		rules     []Rule
		tap       bool
		change    []packet
		stats     IngressStats
		dropped   uint64
		tapped    uint64
		reason    skb.DropReason
		processed uint64
	}{
		"CORE-4.5 dropped, not in rx_dropped": {rules: []Rule{{DropPPM: 1_000_000}}, stats: IngressStats{1, 142, 1}, reason: skb.TCIngress, processed: 1},
		"CORE-4.5 taps come first":            {rules: []Rule{{DropPPM: 1_000_000}}, tap: true, tapped: 1, stats: IngressStats{1, 142, 1}, reason: skb.TCIngress, processed: 1},
		"CORE-4.5 no filter matches":          {rules: []Rule{{DstPort: 9, DropPPM: 1_000_000}}, stats: IngressStats{1, 142, 0}, processed: 1},
		"CORE-4.5 the first match decides":    {rules: []Rule{{DropPPM: 0}, {DropPPM: 1_000_000}}, stats: IngressStats{1, 142, 0}, processed: 1},
		"CORE-4.5 before the VLAN device":     {rules: []Rule{{DropPPM: 1_000_000}}, change: []packet{tagged(7)}, stats: IngressStats{1, 142, 1}, reason: skb.TCIngress, processed: 1},
		"CORE-5 a tap was served already": {rules: []Rule{{DropPPM: 0}}, tap: true, tapped: 1, change: []packet{unknown}, stats: IngressStats{1, 142, 0},
			dropped: 1, reason: skb.UnhandledProto, processed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			v := b.eth0.AddVLAN(7, "eth0.7", 0, 0)
			var tap *Tap
			if tc.tap {
				tap = b.eth0.AddTap(1<<20, 0)
			}
			b.eth0.SetIngress(tc.rules)
			b.receive(local, tc.change...)
			require.Equal(t, tc.stats, b.eth0.Ingress)
			require.Equal(t, tc.dropped, b.eth0.RXDropped)
			require.Equal(t, tc.reason, b.ended())
			require.Equal(t, tc.processed, b.stats.Softnet.Processed)
			require.Zero(t, v.RXPackets)
			if tap != nil {
				require.Equal(t, tc.tapped, tap.Packets)
			}
		})
	}
}

// CORE-41, ODD-26, ODD-27: what a bond does with a frame of its slaves eth0, which
// is active unless said otherwise, and eth1.
func TestBond(t *testing.T) {
	lacp := []packet{etherType(skb.EtherTypeSlow), to(skb.SlowProtocolsMAC)}
	unicast, broadcast := []packet{to(mac)}, []packet{to(skb.MAC{255, 255, 255, 255, 255, 255})}
	type result struct {
		processed, eth1Dropped, bondDropped uint64
		on                                  string // the device that IP sees
		reason                              skb.DropReason
	}
	bond0 := result{processed: 2, on: "bond0"}
	exact := result{processed: 1, eth1Dropped: 1, reason: skb.UnhandledProto}
	for name, tc := range map[string]struct {
		cfg    BondConfig
		backup bool // the frame comes in on eth1
		change []packet
		tap    bool // on eth1, for all protocols
		ip     bool // on eth1, for IP alone
		want   result
	}{
		"CORE-41 active slave":                          {cfg: BondConfig{Mode: ActiveBackup}, change: unicast, want: bond0},
		"CORE-41 backup slave":                          {cfg: BondConfig{Mode: ActiveBackup}, backup: true, change: unicast, want: exact},
		"ODD-27 backup slave, tcpdump or not":           {cfg: BondConfig{Mode: ActiveBackup}, backup: true, change: unicast, tap: true, want: exact},
		"CORE-41 backup slave, a socket bound to it":    {cfg: BondConfig{Mode: ActiveBackup}, backup: true, change: unicast, ip: true, want: result{processed: 1, reason: skb.UnhandledProto}},
		"CORE-41 all_slaves_active":                     {cfg: BondConfig{Mode: ActiveBackup, AllSlavesActive: true}, backup: true, change: unicast, want: bond0},
		"CORE-41 balance-alb, unicast":                  {cfg: BondConfig{Mode: BalanceALB}, backup: true, change: unicast, want: bond0},
		"CORE-41 balance-alb, broadcast":                {cfg: BondConfig{Mode: BalanceALB}, backup: true, change: broadcast, want: exact},
		"CORE-41 balance-alb, multicast":                {cfg: BondConfig{Mode: BalanceALB}, backup: true, change: []packet{to(skb.MulticastMAC(0xef010001))}, want: exact},
		"CORE-41 balance-tlb, unicast":                  {cfg: BondConfig{Mode: BalanceTLB}, backup: true, change: unicast, want: exact},
		"CORE-41 balance-rr":                            {cfg: BondConfig{Mode: BalanceRR}, backup: true, change: unicast, want: bond0},
		"CORE-41 802.3ad":                               {cfg: BondConfig{Mode: LACP}, backup: true, change: unicast, want: bond0},
		"CORE-41 802.3ad, LACP is consumed":             {cfg: BondConfig{Mode: LACP}, change: lacp, want: result{processed: 1, reason: skb.HandledElsewhere}},
		"CORE-41 LACP in another mode":                  {cfg: BondConfig{Mode: BalanceXOR}, change: lacp, want: result{processed: 2, bondDropped: 1, reason: skb.UnhandledProto}},
		"CORE-6 VLAN on bond":                           {cfg: BondConfig{Mode: ActiveBackup}, change: []packet{to(mac), tagged(7)}, want: result{processed: 3, on: "bond0.7"}},
		"CORE-4.8 no VLAN on it, on neither round":      {cfg: BondConfig{Mode: ActiveBackup}, change: []packet{to(mac), tagged(8)}, want: result{processed: 2, reason: skb.OtherHost}},
		"CORE-4.10 unknown EtherType: the bond counts":  {cfg: BondConfig{Mode: ActiveBackup}, change: []packet{to(mac), etherType(0x88cc)}, want: result{processed: 2, bondDropped: 1, reason: skb.UnhandledProto}},
		"CORE-41 backup slave, VLAN frame: the slave's": {cfg: BondConfig{Mode: ActiveBackup}, backup: true, change: []packet{to(mac), tagged(7)}, want: exact},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Addr, b.eth0.PrefixLen = 0, 0
			eth1 := b.layer.AddDevice("eth1", skb.MAC{2, 0, 0, 0, 0, 0x11}, 1500, 0, 0)
			bond := b.layer.AddBond("bond0", tc.cfg, []*Device{b.eth0, eth1}, skb.AddrFrom(own), 24)
			vlan := bond.AddVLAN(7, "bond0.7", 0, 0)
			require.Equal(t, mac, eth1.MAC, "slaves take the bond's address")
			require.Equal(t, bond.Device, eth1.Master())
			dev := b.eth0
			if tc.backup {
				dev = eth1
			}
			if tc.tap {
				eth1.AddTap(1<<20, 0)
			}
			var ip *Tap
			if tc.ip {
				ip = b.layer.OpenTap(eth1, TapConfig{RcvBuf: 1 << 20, EtherType: skb.EtherTypeIPv4})
			}
			b.receive(local, append([]packet{on(dev)}, tc.change...)...)
			got := result{processed: b.stats.Softnet.Processed, eth1Dropped: eth1.RXDropped, bondDropped: bond.RXDropped, reason: b.ended()}
			if len(b.got) > 0 {
				got.on = b.layer.Device(b.got[0].IfIndex).Name
			}
			require.Equal(t, tc.want, got)
			require.Zero(t, vlan.RXDropped)
			if ip != nil {
				require.EqualValues(t, 1, ip.Packets)
			}
		})
	}
}

// CORE-41: after a failover the other slave delivers.
func TestBondFailover(t *testing.T) {
	b := newBench(t)
	eth1 := b.layer.AddDevice("eth1", mac, 1500, 0, 0)
	bond := b.layer.AddBond("bond0", BondConfig{Mode: ActiveBackup}, []*Device{b.eth0, eth1}, skb.AddrFrom(own), 24)
	require.Equal(t, []*Device{b.eth0}, bond.Active())
	bond.SetActive([]*Device{eth1})
	b.receive(local, on(eth1))
	require.Len(t, b.got, 1)
	b.receive(local)
	require.Len(t, b.got, 1)
	require.EqualValues(t, 1, b.eth0.RXDropped)
}

// CORE-42: what a bridge does with a frame of its port eth0.
func TestBridge(t *testing.T) {
	eth1MAC := skb.MAC{2, 0, 0, 0, 0, 0x0f} // lower: the bridge's
	group := func(n byte) packet { return to(skb.MAC{0x01, 0x80, 0xc2, 0, 0, n}) }
	type result struct {
		processed, packets, octets uint64
		on                         string
		reason                     skb.DropReason
	}
	up := result{processed: 2, packets: 1, octets: 128, on: "br0"}
	dropped := func(r skb.DropReason) result { return result{processed: 1, reason: r} }
	for name, tc := range map[string]struct {
		cfg    BridgeConfig
		state  PortState
		change []packet
		want   result
	}{
		"CORE-42 the bridge's own address":         {change: []packet{to(eth1MAC)}, want: up},
		"CORE-42 a port's address":                 {change: []packet{to(mac)}, want: up},
		"CORE-42 broadcast":                        {change: []packet{to(skb.MAC{255, 255, 255, 255, 255, 255})}, want: up},
		"CORE-42 another's address":                {change: []packet{to(skb.MAC{2, 0, 0, 0, 0, 0x99})}, want: dropped(skb.HandledElsewhere)},
		"CORE-42 source is a group":                {change: []packet{to(mac), from(skb.MAC{3, 0, 0, 0, 0, 1})}, want: dropped(skb.MACInvalidSource)},
		"CORE-42 source is zero":                   {change: []packet{to(mac), from(skb.MAC{})}, want: dropped(skb.MACInvalidSource)},
		"CORE-42 PAUSE address":                    {change: []packet{group(1)}, want: dropped(skb.MACControl)},
		"CORE-42 PAUSE address, whatever the mask": {cfg: BridgeConfig{GroupFwdMask: 0xffff}, change: []packet{group(1)}, want: dropped(skb.MACControl)},
		"CORE-42 LLDP passes to the port":          {change: []packet{group(14), etherType(0x88cc)}, want: dropped(skb.UnhandledProto)},
		"CORE-42 LLDP with the mask":               {cfg: BridgeConfig{GroupFwdMask: 1 << 14}, change: []packet{group(14)}, want: up},
		"CORE-42 STP group, bridge without STP":    {change: []packet{group(0)}, want: up},
		"CORE-42 STP group, bridge with STP":       {cfg: BridgeConfig{STP: true}, change: []packet{group(0), etherType(0x27)}, want: dropped(skb.UnhandledProto)},
		"CORE-42 learning":                         {state: PortLearning, change: []packet{to(mac)}, want: dropped(skb.BridgeState)},
		"CORE-42 listening":                        {state: PortListening, change: []packet{to(mac)}, want: dropped(skb.BridgeState)},
		"CORE-42 blocking":                         {state: PortBlocking, change: []packet{to(mac)}, want: dropped(skb.BridgeState)},
		"CORE-42 disabled":                         {state: PortDisabled, change: []packet{to(mac)}, want: dropped(skb.BridgeState)},
		"CORE-6 VLAN on the bridge":                {change: []packet{to(mac), tagged(7)}, want: result{processed: 3, packets: 1, octets: 128, on: "br0.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Addr, b.eth0.PrefixLen = 0, 0
			eth1 := b.layer.AddDevice("eth1", eth1MAC, 1500, 0, 0)
			br := b.layer.AddBridge("br0", tc.cfg, []*Device{b.eth0, eth1}, skb.AddrFrom(own), 24)
			br.AddVLAN(7, "br0.7", 0, 0)
			require.Equal(t, eth1MAC, br.MAC)
			if tc.state != PortDisabled || name == "CORE-42 disabled" {
				br.SetState(b.eth0, tc.state)
			}
			var again int // CORE-6: the bridge's own device receives as any other
			b.layer.NetifReceiveSKB = func(c *cpu.Core, p *skb.Buff) { again++; b.layer.ReceiveSKB(c, p) }
			b.receive(local, tc.change...)
			got := result{processed: b.stats.Softnet.Processed, packets: br.RXPackets, octets: br.RXBytes, reason: b.ended()}
			if len(b.got) > 0 {
				got.on = b.layer.Device(b.got[0].IfIndex).Name
			}
			require.Equal(t, tc.want, got)
			require.EqualValues(t, br.RXPackets, again)
			require.Zero(t, br.RXDropped)
			link := br.Link()
			require.Zero(t, link.Multicast, "br_get_stats64 has none")
		})
	}
}

// CORE-43: unicast for macvlans.
func TestMacvlanUnicast(t *testing.T) {
	mv := skb.MAC{2, 0, 0, 0, 0, 0x50}
	type result struct {
		processed, packets, octets uint64
		on                         string
		reason                     skb.DropReason
	}
	for name, tc := range map[string]struct {
		mode   MacvlanMode
		down   bool
		change []packet
		want   result
	}{
		"CORE-43 its address: with the Ethernet header": {change: []packet{to(mv)}, want: result{processed: 2, packets: 1, octets: 142, on: "mv0"}},
		"CORE-43 down":              {down: true, change: []packet{to(mv)}, want: result{processed: 1, reason: skb.DevReady}},
		"CORE-43 the lower's":       {change: []packet{to(mac)}, want: result{processed: 1, on: "eth0"}},
		"CORE-43 nobody's":          {change: []packet{to(skb.MAC{2, 9})}, want: result{processed: 1, reason: skb.OtherHost}},
		"CORE-43 passthru takes it": {mode: MacvlanPassthru, change: []packet{to(skb.MAC{2, 9})}, want: result{processed: 2, packets: 1, octets: 142, on: "mv0"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.layer.AddMacvlan("mv0", b.eth0, tc.mode, mv, 0, 0)
			m.Down = tc.down
			b.receive(local, tc.change...)
			got := result{processed: b.stats.Softnet.Processed, packets: m.RXPackets, octets: m.RXBytes, reason: b.ended()}
			if len(b.got) > 0 {
				got.on = b.layer.Device(b.got[0].IfIndex).Name
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// CORE-43: multicasts pass to the lower device, and a worker hands copies to the
// macvlans that listen, by way of the backlog.
func TestMacvlanMulticast(t *testing.T) {
	everybody := skb.MAC{255, 255, 255, 255, 255, 255}
	private, vepa, bridge := skb.MAC{2, 0, 0, 0, 0, 0x50}, skb.MAC{2, 0, 0, 0, 0, 0x51}, skb.MAC{2, 0, 0, 0, 0, 0x52}
	for name, tc := range map[string]struct {
		change []packet
		heard  []string // by whom
		lower  int      // delivered on eth0
		reason skb.DropReason
	}{
		"CORE-43 broadcast: all that are up":  {change: []packet{to(everybody)}, heard: []string{"private", "vepa", "bridge"}, lower: 1},
		"CORE-43 group: who joined it":        {change: []packet{to(skb.MulticastMAC(0xef010001))}, heard: []string{"vepa"}, lower: 1},
		"CORE-43 a group that nobody joined":  {change: []packet{to(skb.MulticastMAC(0xef010002))}, lower: 1, reason: skb.HandledElsewhere},
		"CORE-43 back from a private one":     {change: []packet{to(everybody), from(private)}, heard: []string{"private"}},
		"CORE-43 back from a vepa one":        {change: []packet{to(everybody), from(vepa)}, heard: []string{"bridge"}, lower: 1},
		"CORE-43 back from one of the bridge": {change: []packet{to(everybody), from(bridge)}, heard: []string{"vepa"}, lower: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.eth0.Join(skb.AddrFrom(group.Addr()))
			b.layer.AddMacvlan("private", b.eth0, MacvlanPrivate, private, 0, 0)
			b.layer.AddMacvlan("vepa", b.eth0, MacvlanVEPA, vepa, 0, 0).Join(0xef010001)
			b.layer.AddMacvlan("bridge", b.eth0, MacvlanBridge, bridge, 0, 0)
			b.layer.AddMacvlan("down", b.eth0, MacvlanBridge, skb.MAC{2, 7}, 0, 0).Down = true
			b.receive(group, tc.change...)
			b.exec.RunUntil(b.now + 1000)
			require.NoError(t, b.ledger.Check(b.tapped()))
			var heard []string
			for _, p := range b.backlog {
				d := b.layer.Device(p.IfIndex)
				heard = append(heard, d.Name)
				if len(b.got) > 0 {
					require.EqualValues(t, 1, d.RXPackets)
					require.EqualValues(t, 142, d.RXBytes)
					require.EqualValues(t, 1, d.Multicast)
				} else { // CORE-43: forwarded: counted with no bytes
					require.Equal(t, [3]uint64{1, 0, 0}, [3]uint64{d.RXPackets, d.RXBytes, d.Multicast})
				}
				require.NotEqual(t, skb.PacketHost, p.PktType)
			}
			require.Equal(t, tc.heard, heard)
			require.Len(t, b.got, tc.lower)
			require.Equal(t, tc.reason, b.ended())
		})
	}
}

// CORE-43: a thousand copies wait for the worker; the next one is lost, and the
// lower device says so. A full backlog is an error of the macvlan, shown twice.
func TestMacvlanFull(t *testing.T) {
	b := newBench(t)
	m := b.layer.AddMacvlan("mv0", b.eth0, MacvlanBridge, skb.MAC{2, 0, 0, 0, 0, 0x50}, 0, 0)
	h := *skb.NewUDP(mac, sender, group, 100).Head
	b.do(func(c *cpu.Core) {
		for range 1003 {
			p := skb.Buff{Frame: h.UDPFrame(100), Truesize: 896, Len: 128, IfIndex: b.eth0.Index, PktType: skb.PacketMulticast}
			p.Head = &h
			b.ledger.Frames++
			b.ledger.Take()
			b.layer.ReceiveSKB(c, &p)
		}
		require.EqualValues(t, 1000, b.layer.Live())
	})
	require.EqualValues(t, 3, b.eth0.RXDropped)
	require.EqualValues(t, 3, b.ledger.Dropped[skb.MacvlanBacklog])
	b.exec.RunUntil(b.now + 1000)
	require.Zero(t, b.layer.Live())

	m.Join(skb.AddrFrom(group.Addr()))
	b.backlogFull = true
	b.receive(group)
	b.exec.RunUntil(b.now + 1000)
	link := m.Link()
	require.EqualValues(t, 1, link.RXErrors, "and netif_rx counts it in rx_dropped on top")
	require.EqualValues(t, 1, link.RXDropped)
	require.Zero(t, link.RXPackets)
}
