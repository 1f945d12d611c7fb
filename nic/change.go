package nic

import (
	"fmt"
	"reflect"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// This file is what an operator changes while the interface runs, with the side
// effects that the driver's operations have. A reset takes no time here, and
// the link stays up through it.

// fibre is the speed at which fibre does not negotiate pause (HW-4).
const fibre = 10_000_000_000

// Become returns what the configuration is after an operator has asked for
// want: not always what was asked for. It returns an error for what the driver
// refuses, and for what no operator can change while a host runs.
func (c *Config) Become(want Config) (Config, error) {
	if err := c.fixed(want); err != nil {
		return *c, err
	}
	want.PauseForced = c.PauseForced
	if err := c.setPause(&want); err != nil {
		return *c, err
	}
	want.NoPauseAutoneg = !want.pauseAutoneg()
	return want, nil
}

// Booted returns the configuration as a port has it that was brought up with c:
// ixgbe without full flow control has been told not to negotiate it, for there
// is no other way to that (HW-5).
func (c Config) Booted() Config {
	c.PauseForced = c.PauseForced || c.Driver == DriverIxgbe && !(c.RXPause && c.TXPause)
	c.NoPauseAutoneg = !c.pauseAutoneg()
	return c
}

// changeable clears the fields that can change at run time.
func (c Config) changeable() Config {
	c.MTU, c.RXRing, c.RXUsecs, c.Combined, c.Indirection = 0, 0, 0, 0, Indirection{}
	c.NTuple, c.FlowFilters, c.RXPause, c.TXPause, c.NoPauseAutoneg, c.PauseForced = false, nil, false, false, false, false
	c.UDPPortHash, c.RXChecksum, c.NoLRO, c.NoRXHash, c.GRO, c.RXAll = false, false, false, false, false, false
	c.GROFragList, c.GROUDPForwarding = false, false
	c.Promisc, c.AllMulti, c.Down, c.NoCarrier = false, false, false, false
	c.Partner.ObeysPause = false
	return c
}

// fixed reports fields that differ and can't change.
func (c *Config) fixed(want Config) error {
	was, is := reflect.ValueOf(c.changeable()), reflect.ValueOf(want.changeable())
	for i := range was.NumField() {
		if name := was.Type().Field(i).Name; !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			return &cfgerr.Error{Path: name, Value: fmt.Sprint(is.Field(i).Interface()), Want: fmt.Sprintf("%v: it can't change while the host runs", was.Field(i).Interface())}
		}
	}
	return nil
}

// setPause models ixgbe_set_pauseparam (HW-5) and igb_set_pauseparam. The
// command sends all three settings, those that were not asked for as it has read
// them, and nothing if none is another one.
func (c *Config) setPause(want *Config) error {
	if want.RXPause == c.RXPause && want.TXPause == c.TXPause && want.NoPauseAutoneg == c.NoPauseAutoneg {
		return nil
	}
	autoneg := !want.NoPauseAutoneg
	if c.Driver == DriverIxgbe && autoneg && c.linkUp() && c.LinkBitsPerSecond >= fibre {
		return &cfgerr.Error{Path: "pause.autoneg", Value: true, Want: "off: fibre at 10 Gb/s does not negotiate while the link is up (EINVAL, HW-5)"}
	}
	want.PauseForced = !autoneg
	switch {
	case autoneg && c.Driver == DriverIxgbe:
		want.RXPause, want.TXPause = true, true // whatever was asked for
	case autoneg:
		want.RXPause, want.TXPause = c.RXPause, c.TXPause // what was negotiated stays
	}
	return nil
}

// pauseAutoneg is what ethtool -a shows as Autonegotiate (HW-4, IGB-14).
func (c *Config) pauseAutoneg() bool {
	return !c.PauseForced && !(c.Driver == DriverIxgbe && c.linkUp() && c.LinkBitsPerSecond >= fibre)
}

// linkUp reports whether frames can come.
func (c *Config) linkUp() bool { return !c.Down && !c.NoCarrier }

// Become makes the port what next says, which Config.Become has returned, at t,
// up to which the port must have been settled. It reports whether queues and
// vectors are other ones now: then they need cores.
func (p *Port) Become(next Config, t engine.Time) (rebuilt bool) {
	was := p.cfg
	reset := p.resets(&next)
	rebuilt = next.queues(p.cpus) != was.queues(p.cpus)
	goesDown, comesUp := next.Down && !was.Down, !next.Down && was.Down
	if running := !was.Down; running && (reset || rebuilt || goesDown) {
		p.drain(t)
	}
	p.cfg = next
	p.forget()
	switch {
	case rebuilt:
		p.rebuild(t)
	case reset || comesUp:
		p.restart(t)
	case goesDown:
		p.configure(t)
	}
	if next.RXUsecs != was.RXUsecs {
		p.retune()
	}
	if was.linkUp() != next.linkUp() {
		p.linkChanged(t)
	}
	p.wire.obeys = next.Partner.ObeysPause
	p.table = p.driver.indirection(p.rssCount)
	if entries := next.Indirection.entries(); entries != nil {
		p.table = *entries
	}
	p.Changed()
	return rebuilt
}

// resets reports whether the driver resets the adapter for a change (RX-2, RX-3,
// RX-29, IRQ-13, HW-5).
func (p *Port) resets(next *Config) bool {
	was := &p.cfg
	return p.driver.ringSize(next) != p.driver.ringSize(was) || next.MTU != was.MTU || next.NTuple != was.NTuple || next.RXAll != was.RXAll ||
		p.resetsForPause(next) || p.driver.lro && next.rsc() != was.rsc() || p.driver.retunes(was.RXUsecs, next.RXUsecs)
}

// resetsForPause: ixgbe resets for any change of flow control, igb only to
// negotiate it anew (HW-5).
func (p *Port) resetsForPause(next *Config) bool {
	was := &p.cfg
	if p.driver.negotiatesPause {
		return was.PauseForced && !next.PauseForced
	}
	return next.RXPause != was.RXPause || next.TXPause != was.TXPause || next.PauseForced != was.PauseForced
}

// drain models what ixgbe_down and igb_down throw away: what the packet buffer
// and the rings hold, and what the hardware has counted since the last fold
// (RX-2, RX-3; igb reads it first, IGB-9).
func (p *Port) drain(t engine.Time) {
	fifo, ring := p.LiveFrames()
	if n := fifo + ring; n > 0 {
		p.lose(skb.HWReset, n, n*uint64(t))
		if p.met != nil && p.Where() != "" {
			p.missed(&skb.Frame{ID: skb.Chosen}, skb.HWReset, t)
		}
	}
	p.fifo.clear()
	for _, q := range p.queues {
		q.empty(q.count)
	}
	if p.driver.losesRegisters {
		p.regs = p.folded
		for _, q := range p.queues {
			q.NoDesc = q.noDescFolded
		}
	} else {
		p.update()
	}
	if p.xoff {
		p.xoff, p.xoffAgain = false, engine.Never
		p.wire.resume(t)
	}
	p.blocked = false
	p.dmaFree = p.busFrom(max(p.dmaFree, t))
	for _, v := range p.vectors {
		v.pending, v.pendingAt, v.notBefore = false, engine.Never, t
		v.interval = p.driver.interval(v.itr)
	}
}

// restart models ixgbe_up_complete: rings of the size asked for, all armed, and
// what follows from the configuration.
func (p *Port) restart(t engine.Time) {
	p.upAt = t
	p.setBuffer()
	for _, q := range p.queues {
		q.fill(p.driver.ringSize(&p.cfg))
	}
	p.configure(t)
}

// configure sets what follows from the number of queues and from flow control.
// If the interface is up it starts the service timer anew and enables every
// vector whose poll is done: napi_disable waits for the others.
func (p *Port) configure(t engine.Time) {
	p.fifo.init(p)
	p.dropEn = p.driver.dropEnable(len(p.queues), p.cfg.TXPause)
	if p.service = engine.Never; !p.cfg.Down {
		p.service = t + p.period()
	}
	for _, v := range p.vectors {
		v.enabled, v.enabledAt = !v.masked && !p.cfg.Down, t
	}
}

// rebuild models ixgbe_setup_tc and igb_reinit_queues: other rings and vectors,
// whose counters begin at zero (RX-38).
func (p *Port) rebuild(t engine.Time) {
	for _, v := range p.vectors {
		v.Free()
	}
	p.vectors, p.queues = nil, nil
	p.upAt = t
	p.setBuffer()
	p.makeQueues()
	p.configure(t)
}

// retune gives every vector the setting of rx-usecs at once; igb writes it at
// the next interrupt. The latency classes stay (IRQ-13, IGB-11).
func (p *Port) retune() {
	for _, v := range p.vectors {
		v.setting, v.dynamic = p.driver.setting(p.cfg.RXUsecs)
		v.itr = p.driver.startITR(v.setting, v.dynamic)
		if !p.driver.writesITRLate {
			v.interval = p.driver.interval(v.itr)
		}
	}
}

// linkChanged models ixgbe_watchdog_link_is_up and ixgbe_watchdog_link_is_down:
// the device interrupts for it, and the service task runs at once.
func (p *Port) linkChanged(t engine.Time) {
	if p.cfg.linkUp() {
		p.wire.plug(t)
		p.dropEn = p.driver.dropEnable(len(p.queues), p.cfg.TXPause)
	} else {
		p.wire.unplug(t)
	}
	if p.cfg.Down {
		return // nobody listens any more
	}
	p.lsc++
	if p.other != nil {
		p.other.Raise(t + max(p.costs.Interrupt.Fixed, engine.Picosecond))
	}
	p.service = t + p.period()
	p.update()
}

// update is the fold of the service task: igb reads nothing without a link
// (HW-20, IGB-9).
func (p *Port) update() {
	if p.driver.losesRegisters || p.cfg.linkUp() {
		p.Fold()
	}
}

// period is that of the service task (HW-20, IRQ-8).
func (p *Port) period() engine.Time {
	if p.cfg.NoCarrier {
		return p.driver.downPeriod
	}
	return servicePeriod
}

// BindOther sends the interrupt for link changes to a core.
func (p *Port) BindOther(c *cpu.Core, cpus int) {
	if p.otherCount == nil {
		p.otherCount = make([]uint64, cpus)
	}
	if p.other == nil || p.other.Core() != c {
		p.other = c.NewLine(&p.costs.HardIRQ.Fixed, &p.otherCount[c.ID()], func(*cpu.Core) {})
		p.other.Name = p.Name
	}
}

// OtherCount returns the row of /proc/interrupts of the interrupt for link
// changes, per CPU; nil if it has never come.
func (p *Port) OtherCount() []uint64 { return p.otherCount }

// forget drops what is remembered of flows.
func (p *Port) forget() {
	p.memo.Forget()
	p.last = inspected{}
}

// clear empties the packet buffer.
func (f *fifo) clear() { f.head32, f.tail32, f.bytes = 0, 0, 0 }
