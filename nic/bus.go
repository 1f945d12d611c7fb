package nic

import (
	"errors"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// PCIe is what slows the device's bus down beyond the times of the cost profile
// (HW-10). The zero value is nothing.
type PCIe struct {
	// BitsPerSecond is the most that the bus carries of frames; 0 leaves it to the cost profile.
	BitsPerSecond int64
	// StallEvery and StallFor keep the bus from beginning another frame for StallFor from every multiple of
	// StallEvery on, the first at StallEvery; 0: never.
	StallEvery, StallFor engine.Time
}

func (b *PCIe) validate() error {
	return errors.Join(
		cfgerr.Check(b.BitsPerSecond == 0 || b.BitsPerSecond >= 1_000_000 && b.BitsPerSecond <= 1_000_000_000_000, "rate", b.BitsPerSecond, "1Mb/s to 1Tb/s, or left out"),
		cfgerr.Check(b.StallEvery >= 0, "stall_every", b.StallEvery, "0 or more"),
		cfgerr.Check(b.StallFor >= 0 && (b.StallFor == 0 || b.StallFor < b.StallEvery), "stall_for", b.StallFor, "less than stall_every"))
}

// perByte returns the time of a byte, given that of the cost profile.
func (b *PCIe) perByte(profile engine.Time) engine.Time {
	if b.BitsPerSecond == 0 {
		return profile
	}
	return max(profile, engine.Time(8*int64(engine.Second)/b.BitsPerSecond))
}

// busTime returns how long the bus carries so many bytes.
func (p *Port) busTime(bytes uint32) engine.Time { return engine.Time(bytes) * p.perByte }

// busFrom returns when a frame that could be moved at t is: t, or the end of the
// stall that t is in.
func (p *Port) busFrom(t engine.Time) engine.Time {
	every := p.cfg.PCIe.StallEvery
	if !p.stalls || t < every {
		return t
	}
	if since := t % every; since < p.cfg.PCIe.StallFor {
		return t - since + p.cfg.PCIe.StallFor
	}
	return t
}
