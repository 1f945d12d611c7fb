package softirq

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// NetifRX models netif_rx, the way in of what no NAPI instance polls: loopback,
// veth, tunnels (RPS-18). The packet in hand goes to the backlog of the CPU that
// RPS chooses for its device and queue, else of core c, on which the caller
// runs. NotDropped is NET_RX_SUCCESS; any other reason is NET_RX_DROP: the
// packet is gone, and has been counted.
//
// Nothing is processed before softirqs run: at irq_exit if the caller is an
// interrupt, else when it leaves its BH-disabled section, in its own time
// (SIRQ-9). A process that sends is a task in its step:
//
//	c.LocalBHDisable() // dev_queue_xmit: rcu_read_lock_bh
//	sd.NetifRX(c, b)   // loopback_xmit
//	c.LocalBHEnable()  // net_rx_action, process_backlog, up to the socket
//
// Its core must not have been joined as a consumer.
func (sd *SoftnetData) NetifRX(c *cpu.Core, b *skb.Buff) skb.DropReason {
	c.Trace.Enter(b, "netif_rx")
	c.Trace.Receive(ftrace.NetifRXEntry, b)
	sd.stamp(c, b)
	target := sd
	var f *flow
	if h := sd.host; h.RPS {
		var cpu int
		if cpu, f = h.rpsCPU(b); cpu >= 0 {
			target = h.CPUs[cpu]
		}
	}
	c.Trace.Receive(ftrace.NetifRX, b)
	c.Spend(sd.host.Costs.RPS.Fixed)
	r := sd.enqueueToBacklog(target, b, f)
	c.Trace.Leave("netif_rx")
	return r
}

// NetifRXNI models netif_rx_ni, for a caller outside interrupts and BH-disabled
// sections, as a write to a tap device is: what is pending runs before it
// returns.
func (sd *SoftnetData) NetifRXNI(c *cpu.Core, b *skb.Buff) skb.DropReason {
	c.Trace.Receive(ftrace.NetifRXNIEntry, b)
	c.LocalBHDisable()
	r := sd.NetifRX(c, b)
	c.LocalBHEnable()
	return r
}
