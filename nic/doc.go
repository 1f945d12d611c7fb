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
// Not modelled: large receive offload (TCP only), filters of the
// flow director, resets of the adapter while it runs, page recycling and failed
// allocations, several traffic classes, virtual functions, time stamps. A frame
// of several descriptors is written back as one. Nothing is sent: cleaning the
// transmit ring is a part of the cost of a poll.
package nic
