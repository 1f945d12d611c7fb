package nic

import (
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// TunConfig is a tap device.
type TunConfig struct {
	MAC [6]byte
	// NAPI is IFF_NAPI: what is written waits for a NAPI instance.
	NAPI bool
}

// Tun is a tap device, whose wire is a process that reads and writes frames. It
// models drivers/net/tun.c.
//
// Not modelled:
//   - A tap device has one queue, and its frames have no virtio headers.
//   - IFF_NAPI_FRAGS of a tap device does not exist.
//   - The process behind a tap device does not read: what is sent to it would count
//     when it is read (tun_put_user), and takes no room.
type Tun struct {
	cfg     TunConfig
	env     SoftEnv
	queue   packetRing // sk_write_queue
	napi    NAPI
	scratch skb.Buff

	written traffic
}

// tunQueue bounds sk_write_queue here; the kernel has no bound, but polls it as
// soon as the process leaves its BH-disabled section.
const tunQueue = 512

// NewTun returns a tap device.
func NewTun(name string, cfg TunConfig, env SoftEnv) *Tun {
	t := &Tun{cfg: cfg, env: env}
	if cfg.NAPI {
		t.queue.slots = make([]skb.Buff, tunQueue)
	}
	t.napi = env.NAPI(name, t)
	return t
}

// TunOverhead is what tun_alloc_skb puts before a frame: NET_SKB_PAD.
const TunOverhead = 64

// Write models tun_get_user, a frame that a process on the core writes: it is
// received before write returns, at once or by the device's NAPI instance; up to
// Linux 4.14 through the backlog of the core.
func (t *Tun) Write(c *cpu.Core, b *skb.Buff) {
	n := b.Len
	t.env.arrives(c, b, skb.MAC(t.cfg.MAC))
	c.LocalBHDisable()
	switch {
	case t.cfg.NAPI:
		if t.queue.put(b) {
			t.env.Ledger.Put()
			t.napi.Schedule(c)
		} else {
			t.env.Ledger.Drop(skb.FullRing)
		}
	case t.env.Profile.TunReceives:
		t.env.Receive(c, b)
	default:
		t.env.NetifRX(c, b)
	}
	c.LocalBHEnable()
	t.written.count(n)
}

// PollRings implements napi.Driver. It models tun_napi_poll.
func (t *Tun) PollRings(c *cpu.Core, weight int) int {
	c.Spend(t.env.Costs.Poll.Fixed)
	done := 0
	for ; done < weight && t.queue.len() > 0; done++ {
		b := &t.scratch
		t.queue.take(b)
		t.env.Ledger.Take()
		b.Polled, b.NAPI = c.Now(), t.napi.ID()
		t.env.GRO.Receive(c, b)
	}
	if done < weight && t.napi.Complete(c, done) && t.queue.len() > 0 {
		t.napi.Schedule(c)
	}
	return done
}

// Xmit models tun_net_xmit: the frame waits for a reader, and is gone.
func (t *Tun) Xmit(c *cpu.Core, b *skb.Buff) {
	t.env.Ledger.Drop(skb.HandledElsewhere)
	c.Spend(t.env.Costs.FreeDrop.Fixed)
}

// Link returns the device's statistics. It models tun_net_get_stats64.
func (t *Tun) Link() mib.Link {
	return mib.Link{RXPackets: t.written.packets, RXBytes: t.written.bytes}
}

// Live returns how many packets wait for the NAPI instance.
func (t *Tun) Live() int { return t.queue.len() }
