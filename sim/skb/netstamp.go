package skb

// A NetStamp is the switch of receive timestamps, one for the whole host: while
// anybody needs them, every packet of every device is stamped (CORE-2). It
// models netstamp_needed of net/core/dev.c. A nil NetStamp is off.
type NetStamp struct {
	users int
	// Prequeue is net.core.netdev_tstamp_prequeue: if not 0, stamps are taken before
	// RPS; otherwise behind it, on the CPU that processes the packet (CORE-1).
	Prequeue *int
}

// Enable models net_enable_timestamp: one more socket needs timestamps.
func (n *NetStamp) Enable() { n.users++ }

// Disable models net_disable_timestamp: it takes one Enable back.
func (n *NetStamp) Disable() { n.users-- }

// Before reports whether a packet is stamped before RPS.
func (n *NetStamp) Before() bool { return n != nil && n.users > 0 && *n.Prequeue != 0 }

// Behind reports whether a packet is stamped behind RPS.
func (n *NetStamp) Behind() bool { return n != nil && n.users > 0 && *n.Prequeue == 0 }
