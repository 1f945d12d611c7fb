package nic

// This file is the dynamic moderation of ixgbe from 4.15 on
// (drivers/net/ethernet/intel/ixgbe/ixgbe_main.c).

// adaptiveITR are the two directions of a vector. It models the itr and
// next_update of two struct ixgbe_ring_container.
type adaptiveITR struct {
	begun  bool
	rx, tx direction
}

// A direction is what one ring container asks for.
type direction struct {
	raw     int   // microseconds, and latencyBit
	updated int64 // in jiffies
}

// Limits in microseconds, and the bit that marks a wish for low latency
// (IXGBE_ITR_ADAPTIVE_*).
const (
	adaptiveMin = 10
	adaptiveMax = 126
	adaptiveInc = 2
	latencyBit  = 0x80
)

// adaptITR models ixgbe_set_itr of 4.15: each direction says what it wants, and
// the smaller wish is granted. Nothing is ever sent by the vector.
func (v *Vector) adaptITR() {
	a, now := &v.adaptive, v.line.Core().Jiffies()
	if !a.begun {
		*a = adaptiveITR{true, direction{adaptiveMax | latencyBit, now}, direction{adaptiveMax | latencyBit, now}}
	}
	usecs := v.itr >> 2
	a.tx.update(usecs, 0, 0, now, false)
	a.rx.update(usecs, v.rxPackets, v.rxBytes, now, v.slowLink())
	v.rxPackets, v.rxBytes = 0, 0
	if itr := min(a.rx.raw, a.tx.raw) &^ latencyBit << 2; itr != v.itr {
		v.itr = itr
		v.interval = interval(itr)
	}
}

// slowLink: at these speeds the size of frames counts for more.
func (v *Vector) slowLink() bool {
	switch v.port.cfg.LinkBitsPerSecond {
	case 10_000_000, gigabit, 2_500_000_000:
		return true
	}
	return false
}

// update models ixgbe_update_itr of 4.15: by what came since the last poll that
// was done, given the interval in microseconds that is in force.
func (d *direction) update(usecs int, packets, bytes uint64, now int64, slow bool) {
	stale := now > d.updated+1
	d.updated = now
	more := min(usecs+adaptiveInc, adaptiveMax)
	switch {
	case stale:
		d.raw = adaptiveMin | latencyBit
	case packets == 0:
		d.raw = more + d.raw&latencyBit
	case packets < 4 && bytes < 9000:
		d.raw = latencyBit + usecsForSize(bytes/packets, true, slow)
	case packets < 48:
		d.raw = more
	case packets < 96:
		d.raw = usecs
	case packets < 256:
		d.raw = max(usecs/2, adaptiveMin)
	default:
		d.raw = usecsForSize(bytes/packets, false, slow)
	}
}

// usecsForSize is the interval for frames of that average size, half of it for
// low latency.
func usecsForSize(size uint64, latency, slow bool) int {
	s := int(size)
	switch {
	case s <= 60:
		s = 5120
	case s <= 316:
		s = s*40 + 2720
	case s <= 1084:
		s = s*15 + 11452
	case s < 1968:
		s = s*5 + 22420
	default:
		s = 32256
	}
	if latency {
		s /= 2
	}
	if slow {
		return (min(s, 8064) + 127) / 128 * adaptiveInc
	}
	return (s + 511) / 512 * adaptiveInc
}
