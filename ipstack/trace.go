package ipstack

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// freedIn are the functions that free a packet where that is not the function
// that tracers see the core in: the locations of kfree_skb (11.1).
var freedIn = map[skb.DropReason]string{
	skb.UnhandledProto: "__netif_receive_skb_core", skb.TCIngress: "__netif_receive_skb_core",
	skb.NetfilterDrop: "nf_hook_slow", skb.ConntrackFull: "nf_hook_slow",
	skb.IPInAddrErrors: "ip_error", skb.IPInNoRoutes: "ip_error",
	skb.DupFrag: "ip_defrag", skb.FragInvalid: "ip_defrag", skb.FragMem: "ip_defrag",
	skb.FragTooFar: "inet_frag_destroy", skb.FragReasmTimeout: "inet_frag_destroy",
	skb.MACInvalidSource: "br_handle_frame", skb.MACControl: "br_handle_frame", skb.BridgeState: "br_handle_frame",
	skb.DevReady: "macvlan_handle_frame", skb.MacvlanBacklog: "macvlan_handle_frame",
}

// traceDrop tells the tracer of core c that the packet in hand has ended.
func (l *Layer) traceDrop(c *cpu.Core, r skb.DropReason) {
	if r == skb.HandledElsewhere {
		c.Trace.Elsewhere(r)
		return
	}
	c.Trace.KfreeSKB(r, freedIn[r])
}
