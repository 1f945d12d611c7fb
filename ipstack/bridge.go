package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// PortState is the spanning-tree state of a bridge port.
type PortState uint8

// States of a bridge port, with the kernel's numbers (BR_STATE_DISABLED and so on).
const (
	PortDisabled PortState = iota
	PortListening
	PortLearning
	PortForwarding
	PortBlocking
)

// PortStates are the names of the states, as the bridge command prints them.
var portStates = []string{"disabled", "listening", "learning", "forwarding", "blocking"}

// PortStates returns the names of all states.
func PortStates() []string { return append([]string{}, portStates...) }

// String returns the name of the state.
func (s PortState) String() string { return portStates[s] }

// BridgeConfig is how a bridge was made.
type BridgeConfig struct {
	// STP says that the bridge takes part in the spanning tree.
	STP bool
	// GroupFwdMask is group_fwd_mask: bit n lets link-local group n be forwarded.
	GroupFwdMask uint16
}

// Bridge is an Ethernet bridge. It models struct net_bridge.
//
// Not modelled:
//   - A bridge forwards nothing: a packet for another port, or for an unknown
//     address, leaves the host and ends here.
//   - A bridge does no multicast snooping: there is no querier, so every group
//     comes up.
//   - A bridge filters no VLANs, and calls no netfilter hooks of its own.
//   - A bridge learns no addresses: those that a source is seen on are all on
//     the wire side.
type Bridge struct {
	*Device
	cfg   BridgeConfig
	ports []*bridgePort
}

// A bridgePort is a device of a bridge. It models struct net_bridge_port.
type bridgePort struct {
	bridge *Bridge
	dev    *Device
	state  PortState
}

// AddBridge registers a bridge over devices, all forwarding. Its address on the
// link is the lowest of theirs (br_stp_recalculate_bridge_id).
func (l *Layer) AddBridge(name string, cfg BridgeConfig, ports []*Device, addr skb.Addr, prefixLen int) *Bridge {
	lowest, mtu := ports[0].MAC, ports[0].MTU
	for _, p := range ports {
		if lower(p.MAC, lowest) {
			lowest = p.MAC
		}
		mtu = min(mtu, p.MTU)
	}
	d := l.AddDevice(name, lowest, mtu, addr, prefixLen)
	b := &Bridge{Device: d, cfg: cfg}
	d.bridge = b
	for _, p := range ports {
		k := &bridgePort{bridge: b, dev: p, state: PortForwarding}
		b.ports = append(b.ports, k)
		p.master, p.rxHandler = d, k
	}
	return b
}

func lower(a, b skb.MAC) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// SetState sets the spanning-tree state of a port, which must be one of the bridge's.
func (b *Bridge) SetState(port *Device, s PortState) {
	for _, p := range b.ports {
		if p.dev == port {
			p.state = s
		}
	}
}

// Ports returns the devices of the bridge.
func (b *Bridge) Ports() []*Device {
	var out []*Device
	for _, p := range b.ports {
		out = append(out, p.dev)
	}
	return out
}

// handleFrame implements rxHandler. It models br_handle_frame (CORE-42).
func (p *bridgePort) handleFrame(c *cpu.Core, b *skb.Buff, _ *Device) rxResult {
	l, dst := p.bridge.layer, b.Head.DstMAC
	if b.PktType == skb.PacketLoopback {
		return rxPass // it never was on the wire
	}
	if src := b.Head.SrcMAC; src.Multicast() || src == (skb.MAC{}) { // is_valid_ether_addr
		l.drop(c, skb.MACInvalidSource)
		return rxConsumed
	}
	if dst.LinkLocal() {
		switch group := dst[5]; {
		case group == 1: // PAUSE
			l.drop(c, skb.MACControl)
			return rxConsumed
		case group == 0 && !p.bridge.cfg.STP, p.bridge.cfg.GroupFwdMask>>group&1 != 0:
		default:
			return rxPass // br_handle_local_finish: for the port alone
		}
	}
	switch p.state {
	case PortForwarding, PortLearning:
		if dst == p.bridge.MAC {
			b.PktType = skb.PacketHost
		}
		p.handleFrameFinish(c, b)
	default:
		l.drop(c, skb.BridgeState)
	}
	return rxConsumed
}

// handleFrameFinish models br_handle_frame_finish: groups, broadcasts and the
// addresses of the bridge and its ports come up, the rest goes elsewhere.
func (p *bridgePort) handleFrameFinish(c *cpu.Core, b *skb.Buff) {
	br := p.bridge
	switch {
	case p.state == PortLearning:
		br.layer.drop(c, skb.BridgeState)
	case b.Head.DstMAC.Multicast(), br.local(b.Head.DstMAC):
		br.passFrameUp(c, b)
	default:
		br.layer.drop(c, skb.HandledElsewhere)
	}
}

// local reports whether the address is one of the bridge's own.
func (b *Bridge) local(m skb.MAC) bool {
	if m == b.MAC {
		return true
	}
	for _, p := range b.ports {
		if m == p.dev.MAC {
			return true
		}
	}
	return false
}

// passFrameUp models br_pass_frame_up: the bridge's device counts the packet
// without its Ethernet header and receives it as any device does (CORE-6).
func (b *Bridge) passFrameUp(c *cpu.Core, p *skb.Buff) {
	b.RXPackets++
	b.RXBytes += uint64(p.Len)
	p.IfIndex = b.Index
	b.layer.NetifReceiveSKB(c, p)
}
