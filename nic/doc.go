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
// Not modelled:
//   - Large receive offload merges nothing: it is for TCP only.
//   - The flow director does not sample what is sent, and has filters for UDP
//     over IPv4 only.
//   - A reset of the adapter takes no time, and the link stays up in it.
//   - An adapter has one traffic class and no virtual functions.
//   - A link has the one speed that it is given: nothing is negotiated.
//   - There are no hardware time stamps.
//   - The receive hash of IPv6, and of the ports of TCP, is not computed.
//   - A frame that needs several descriptors waits until all of them are
//     there.
//   - Nothing is sent: cleaning the transmit ring is a part of the cost of a
//     poll.
//
// Not modelled:
//   - The way of a page through the stack is not followed: how long a packet
//     holds its half page is a setting, the same for all packets (nic.Memory).
//
// Not modelled:
//   - There is no lowest-priority delivery: an interrupt whose affinity is
//     several CPUs goes to the first of them.
package nic
