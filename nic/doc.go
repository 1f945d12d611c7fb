// Package nic models an interface, with the 82599 or a gigabit chip, and its driver: the link and
// the switch port at its other end, the MAC and its filters, the packet buffer
// (FIFO), DMA into the receive rings, RSS, interrupt moderation, and the receive
// path of drivers/net/ethernet/intel/ixgbe/ixgbe_main.c.
//
//	wire ─▶ MAC, filters ─▶ FIFO ─▶ DMA ─▶ ring ─▶ PollRings ─▶ Receive
//	  ▲       refused        │ full: HW_FIFO  │ written back
//	  └────── XOFF ◀─────────┘                ▼
//	      no descriptor: the FIFO's       vector: cause, mask,
//	      head waits, or HW_NO_DESC       throttle ─▶ interrupt
//
// Everything before the driver is one actor, the [Port]. A vector's interrupt
// is masked from when it is sent until a poll has found its rings empty:
//
//	          assert (cause, enabled, throttle over)
//	enabled ──────────────────────────────────────▶ masked
//	   ▲                                              │
//	   └────────────── PollRings is done ─────────────┘
//
// Not modelled: large receive offload (TCP only), the sampling of
// what is sent by the flow director and its filters for other protocols than
// UDP over IPv4, the time that a reset of the adapter takes and the loss of the
// link in it, several traffic classes, virtual functions, more speeds of a link
// than the one it has, time stamps, the receive hash of IPv6 and of the ports of
// TCP. A frame that needs several descriptors waits until all of them are there.
// Nothing is sent: cleaning the transmit ring is a part of the cost of a poll.
//
// Not modelled: the way of a page through the stack. How long a packet holds its
// half page is a setting, the same for all packets (see Memory).
//
// Not modelled: lowest-priority delivery. An interrupt whose affinity is several
// CPUs goes to the first of them.
package nic
