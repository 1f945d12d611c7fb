package scenariofile

import (
	"fmt"

	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// The two values of rx-flow-hash: addresses, or addresses and ports.
const (
	hashAddrs = "sd"
	hashPorts = "sdfn"
)

func flowHash(ports bool) string {
	if ports {
		return hashPorts
	}
	return hashAddrs
}

// nicName is the name of the nth interface if the scenario gives none.
func nicName(n int) string { return fmt.Sprintf("eth%d", n) }

// defaultNIC adds an interface to a scenario that says none but needs one.
func (c *converter) defaultNIC() {
	if len(c.doc.NICs) > 0 || len(c.doc.Traffic) == 0 && (len(c.doc.Apps) == 0 || len(c.doc.Senders) > 0) {
		return
	}
	var n nicSection
	if err := n.UnmarshalJSON([]byte("{}")); err != nil {
		panic("scenariofile: " + err.Error()) // {} is valid JSON
	}
	c.doc.NICs = []nicSection{n}
}

// nic converts one interface, and completes what depends on its place.
func (c *converter) nic(i int, h *scenario.Host) scenario.NIC {
	d := &c.doc.NICs[i]
	if d.Name == "" {
		d.Name = nicName(i)
	}
	first := nic.DefaultConfig().MAC
	first[5] += byte(i)
	d.MAC.or(first)
	if !c.enslaved(d.Name) {
		d.Address.or(defaultAddress(i))
	}
	n := scenario.NIC{
		Name: d.Name,
		Config: nic.Config{
			Driver: d.Driver, Chip: d.Chip, MSI: d.Interrupts == msi, MAC: d.MAC.v, MTU: d.MTU, LinkBitsPerSecond: d.Link.v,
			RXRing: d.Ring.RX, RXUsecs: d.Coalesce.RXUsecs, Combined: d.Channels.Combined,
			RXPause: d.Pause.RX, TXPause: d.Pause.TX, PauseForced: !d.Pause.Autoneg, UDPPortHash: d.RXFlowHash.UDP4 == hashPorts,
			RXChecksum: d.Features.RXChecksumming, GRO: d.Features.GRO, NTuple: d.Features.NTuple, RXAll: d.Features.RXAll,
			NoLRO: !d.Features.LRO, LegacyRX: d.Features.LegacyRX, GROFragList: d.Features.RXGROList, GROUDPForwarding: d.Features.RXUDPGROForwarding, NoRXHash: !d.Features.RXHash, Down: !d.Up, NoCarrier: !d.Carrier,
			RXVLANOffload: d.Features.RXVLANOffload, Promisc: d.Promisc, AllMulti: d.AllMulticast, VLANs: d.VLANs,
			Indirection: nic.Indirection{Equal: d.RSSTable.Equal, Weight: d.RSSTable.Weight}, RSSKey: d.RSSKey.v, FrameOverhead: d.FrameOverhead,
			PCIe: nic.PCIe{BitsPerSecond: d.PCIe.Rate.v, StallEvery: d.PCIe.StallEvery.v, StallFor: d.PCIe.StallFor.v},
			Memory: nic.Memory{
				PageHold: d.Memory.PageHold.v, Reserved: d.Memory.ReservedPages.v,
				PageFailures: d.Memory.PageFailures.failures(), SKBFailures: d.Memory.SKBFailures.failures(),
			},
			Partner: nic.Partner{ObeysPause: d.LinkPartner.ObeysPause, Queue: d.LinkPartner.Queue.v},
		},
		Addr: skb.AddrFrom(d.Address.v.Addr()), PrefixLen: d.Address.v.Bits(),
		Conf:       d.Conf.conf(),
		Ingress:    ingress(d.Ingress),
		RPSFlowCnt: d.RPSFlowCnt, Threaded: d.Threaded, NAPIDeferHardIRQs: d.NAPIDeferHardIRQs, GROFlushTimeout: d.GROFlushTimeout.v,
	}
	if !d.Address.v.IsValid() {
		n.PrefixLen = 0
	}
	for label, set := range d.IRQAffinity {
		if n.Affinity == nil {
			n.Affinity = map[string][]int{}
		}
		n.Affinity[label] = set.v
	}
	for queue, set := range d.RPS {
		if n.RPS == nil {
			n.RPS = map[string][]int{}
		}
		n.RPS[queue] = set.v
	}
	for k := range d.NTuple {
		f := &d.NTuple[k]
		n.FlowFilters = append(n.FlowFilters, nic.FlowFilter{
			Src: skb.AddrFrom(f.SrcIP.v), Dst: skb.AddrFrom(f.DstIP.v), SrcPort: f.SrcPort, DstPort: f.DstPort, VLAN: f.VLAN, Action: f.Action,
		})
	}
	for k := range d.Taps {
		n.Taps = append(n.Taps, c.tap(path{"nics"}.item(i).under("taps").item(k), &d.Taps[k], h, false))
	}
	return n
}

func (f *failuresSection) failures() nic.Failures {
	return nic.Failures{Share: f.Share.v, From: f.From.v, Until: f.Until.v}
}

// rcvBuf returns the argument of SO_RCVBUF, 0 if it is not given.
func (c *converter) rcvBuf(p path, d *byteSize) int {
	const most = 1<<31 - 1 // an int of the kernel
	if d.given && d.err == nil && (d.v == 0 || d.v > most) {
		c.fault(p, "", "1 to 2147483647 bytes; leave it out for net.core.rmem_default")
		return 1
	}
	return int(d.v)
}

// nicNamed returns the place of an interface, and reports an unknown name at p.
func (c *converter) nicNamed(p path, name string) int {
	var known []string
	for i := range c.doc.NICs {
		if c.doc.NICs[i].Name == name {
			return i
		}
		known = append(known, c.doc.NICs[i].Name)
	}
	c.faultNear(p, "", "the name of a nic: "+names(known), cfgerr.Near(name, known))
	return -1
}
