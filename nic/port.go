package nic

import (
	"slices"

	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// Receive is who takes a packet from the driver. *napi.GRO implements it.
type Receive interface {
	Receive(*cpu.Core, *skb.Buff)
}

// A NAPI is the instance by which a vector is polled. *napi.Instance implements
// it.
type NAPI interface {
	// Schedule asks for the vector's PollRings to be called on the core.
	Schedule(*cpu.Core)
	// Complete says that a poll has done everything, and how many packets that
	// were. It returns whether the vector is to be unmasked.
	Complete(c *cpu.Core, work int) (unmask bool)
	// ID returns the id by which sockets find the instance, 0 if they cannot.
	ID() uint16
	// InBusyPoll reports whether it is polled in a busy loop, to which Complete means nothing.
	InBusyPoll() bool
}

// Env is what a port needs of its host.
type Env struct {
	Naive   bool
	Profile *kernel.Profile
	Costs   *kernel.Costs
	Ledger  *skb.Ledger
	GRO     Receive
	// Receive hands a packet to the core's stack past GRO (netif_receive_skb).
	Receive func(*cpu.Core, *skb.Buff)
	IfIndex int32
	CPUs    int
	// Seed selects the random numbers of allocations that fail.
	Seed uint64
	// Hardware is the device; nil: what the driver drives.
	Hardware Hardware
	// NAPI makes the instance that polls a vector of the named device.
	NAPI func(device string, v *Vector) NAPI
}

// A Port is one network interface with everything at the device's side of
// PCIe: the link, the MAC, the packet buffer (FIFO), all rings and vectors. It
// is one actor, because a full ring fills the FIFO, and a full FIFO stalls every
// queue (HW-7).
//
// The port is settled to t just before a core looks at it or changes it, and
// then has done everything that happens at or before t.
type Port struct {
	cfg     Config
	driver  *driver
	name    string
	ifindex int32
	cpus    int
	exec    engine.Executive
	id      engine.ID
	naive   bool
	profile *kernel.Profile
	costs   *kernel.Costs
	ledger  *skb.Ledger
	gro     Receive
	up      func(*cpu.Core, *skb.Buff)
	hw      Hardware
	seed    uint64
	// instance makes the NAPI instance of a vector.
	instance func(device string, v *Vector) NAPI

	wire     wire
	fifo     fifo
	queues   []*Queue
	vectors  []*Vector
	rssCount int
	table    [indirEntries]uint8 // hash to queue
	refills  bool                // after the receive loop, too
	buffer   buffer              // of a descriptor
	dropEn   bool
	dmaFree  engine.Time // the DMA engine takes the next frame from here on
	perByte  engine.Time // of the bus
	stalls   bool        // it stalls now and then; dmaFree is in no stall
	blocked  bool        // the head of the FIFO waits for a descriptor

	xoff      bool        // we have asked the partner to stop
	xoffAgain engine.Time // the request is repeated
	service   engine.Time // the next run of the service task
	upAt      engine.Time // when the interface came up

	groups   map[skb.MAC]int // multicast MACs
	mcFilter [4096]bool
	rssKey   []byte
	memo     skb.Memo[verdict]
	last     inspected

	regs, folded registers
	lsc          uint64    // interrupts for link changes
	other        *cpu.Line // the one for them, nil before the first
	otherCount   []uint64
	frameID      uint64
	watch        uint64                                           // the number of the frame that somebody follows, 0 for none
	met          *Met                                             // that frame, when it has come
	sought       func(id uint64, r skb.DropReason, t engine.Time) // is told of frames that are refused
	latFIFO      hist.Hist
	latRing      hist.Hist
	// Digest witnesses what the port did.
	Digest engine.Digest
}

// servicePeriod is the period of ixgbe_service_timer with the link up (HW-20).
const servicePeriod = 2 * engine.Second

// New brings an interface up. Its vectors have no core yet: see Bind.
func New(name string, cfg Config, env Env) *Port {
	p := &Port{
		cfg: cfg, driver: driverFor(&cfg, env.Profile), name: name, ifindex: env.IfIndex, cpus: env.CPUs, naive: env.Naive, profile: env.Profile,
		costs: env.Costs, ledger: env.Ledger, gro: env.GRO, up: env.Receive, groups: map[skb.MAC]int{}, rssKey: cfg.RSSKey,
		xoffAgain: engine.Never, service: servicePeriod, hw: env.Hardware, seed: env.Seed, instance: env.NAPI,
	}
	if p.hw == nil {
		p.hw = p.driver.hardware
	}
	p.perByte, p.stalls = cfg.PCIe.perByte(p.costs.PCIe.PerByte), cfg.PCIe.StallFor > 0
	if p.rssKey == nil {
		p.rssKey = defaultRSSKey[:]
	}
	p.wire.init(cfg.LinkBitsPerSecond, cfg.Partner)
	p.cfg = cfg.Booted()
	p.setBuffer()
	p.makeQueues()
	p.refills = p.driver.refillsAfterLoop || p.profile.RefillAfterLoop
	p.configure(0)
	if !cfg.linkUp() {
		p.wire.unplug(0)
	}
	return p
}

// Join makes the port an actor.
func (p *Port) Join(exec engine.Executive) {
	p.exec = exec
	p.id = exec.Add(p)
}

// makeQueues models ixgbe_set_num_queues, ixgbe_acquire_msix_vectors and what
// igb has in their place (RX-36, RX-37, IGB-5).
func (p *Port) makeQueues() {
	n := p.cfg.queues(p.cpus)
	p.rssCount = p.driver.rssQueues(n)
	p.table = p.driver.indirection(p.rssCount)
	if entries := p.cfg.Indirection.entries(); entries != nil {
		p.table = *entries
	}
	names, receiving := p.cfg.layout(p.cpus)
	for i, name := range names {
		p.vectors = append(p.vectors, newVector(p, i, name))
	}
	for i := range n {
		q := newQueue(p, i, p.driver.ringSize(&p.cfg))
		q.vector = p.vectors[i%receiving]
		q.vector.queues = append(q.vector.queues, q)
		p.queues = append(p.queues, q)
	}
}

// Connect adds a source at the other end of the link.
func (p *Port) Connect(src skb.FrameSource) { p.wire.connect(src) }

// Inject puts a frame on the wire so that its last bit arrives at t, or as soon
// after as the link allows. Frames must be injected in the order of t.
func (p *Port) Inject(f skb.Frame, t engine.Time) {
	f.At = t
	p.wire.inject(f)
	p.Changed()
}

// Changed tells the executive that the port's next event may have moved.
func (p *Port) Changed() {
	if p.exec != nil {
		p.exec.Changed(p.id)
	}
}

// Name returns the interface's name.
func (p *Port) Name() string { return p.name }

// Config returns what the interface was brought up with.
func (p *Port) Config() Config { return p.cfg }

// Vectors returns the queue vectors in order.
func (p *Port) Vectors() []*Vector { return p.vectors }

// Queues returns the receive queues in order.
func (p *Port) Queues() []*Queue { return p.queues }

// JoinGroup adds a multicast MAC to the filter (GM-2, RX-42).
func (p *Port) JoinGroup(group skb.Addr) { p.JoinMAC(skb.MulticastMAC(uint32(group))) }

// LeaveGroup undoes JoinGroup.
func (p *Port) LeaveGroup(group skb.Addr) { p.LeaveMAC(skb.MulticastMAC(uint32(group))) }

// JoinMAC adds a multicast MAC to the filter. It models dev_mc_add.
func (p *Port) JoinMAC(m skb.MAC) {
	p.groups[m]++
	p.refilter()
}

// LeaveMAC undoes JoinMAC.
func (p *Port) LeaveMAC(m skb.MAC) {
	if p.groups[m]--; p.groups[m] == 0 {
		delete(p.groups, m)
	}
	p.refilter()
}

func (p *Port) refilter() {
	p.mcFilter = [4096]bool{}
	// Any order: every group sets a bit of its own.
	for m := range p.groups {
		p.mcFilter[mcIndex(m)] = true
	}
	p.forget()
}

// mcIndex is the 12-bit index into the multicast hash table (RX-42).
func mcIndex(m skb.MAC) uint { return (uint(m[4])>>4 | uint(m[5])<<4) & 0xfff }

// A verdict is what the MAC decides of all frames of a flow.
type verdict struct {
	reason  skb.DropReason // why it refuses them
	bad     skb.DropReason // what is wrong with them although it does not
	cast    skb.PacketType
	sum     csum
	headers uint8 // see headLen
	queue   uint8
	matched bool  // a filter of the flow director did
	desc    uint8 // descriptors that a frame of this length takes
}

// inspected is the verdict on all frames of a flow that have the same length.
type inspected struct {
	head *skb.Header
	len  uint32
	verdict
}

// inspect is judge with what is wrong with the frame as such (HW-7 a).
func (p *Port) inspect(f *skb.Frame) *verdict {
	if l := &p.last; l.head == f.Head && l.len == f.Len {
		return &l.verdict
	}
	return p.inspectAnew(f)
}

func (p *Port) inspectAnew(f *skb.Frame) *verdict {
	v := p.judge(f.Head)
	v.desc = uint8(p.descriptors(p.stripped(f)))
	if bad := p.hw.Check(f, p.maxFrame()); bad != skb.NotDropped {
		switch {
		case !p.cfg.RXAll && !p.hw.StoresBad():
			v.reason = bad
		case v.reason == skb.NotDropped:
			v.bad = bad
		}
	}
	p.last = inspected{f.Head, f.Len, v}
	return &p.last.verdict
}

// maxFrame is the longest frame that the MAC takes, with FCS (RX-21). It models
// what ixgbe_set_rx_buffer_len programs.
func (p *Port) maxFrame() uint32 { return uint32(max(p.cfg.MTU+skb.EthHeader+skb.EthFCS, 1518)) }

// judge models the filters of the MAC (HW-7 b; RX-41, RX-42), the flow director
// and RSS.
func (p *Port) judge(h *skb.Header) verdict {
	if v, ok := p.memo.Get(h); ok {
		return v
	}
	v := verdict{cast: packetType(h.DstMAC, p.cfg.MAC), headers: p.headLen(h), sum: p.rxChecksum(h)}
	switch {
	case h.EtherType == skb.EtherTypePause:
		v.reason = skb.HWPause
	case p.cfg.Promisc:
	case h.Tagged && !h.ServiceTag && !p.hasVLAN(int(h.VLAN&0xfff)):
		v.reason = skb.HWVLANFilter
	case v.cast == skb.PacketOtherHost && !slices.Contains(p.cfg.Addresses, [6]byte(h.DstMAC)),
		v.cast == skb.PacketMulticast && !p.cfg.AllMulti && !p.mcFilter[mcIndex(h.DstMAC)]:
		v.reason = skb.HWFilter
	}
	p.steer(h, &v)
	p.memo.Put(h, v)
	return v
}

func (p *Port) hasVLAN(id int) bool {
	if id == 0 {
		return true // always registered
	}
	for _, v := range p.cfg.VLANs {
		if v == id {
			return true
		}
	}
	return false
}

// arrive takes the next frame off the wire: checks, filters, room in the FIFO.
func (p *Port) arrive() {
	f := p.wire.head()
	t := f.At
	p.ledger.Frames++
	p.frameID++
	f.ID = p.frameID
	if p.watch != 0 {
		p.meet(f)
	}
	v := &p.last.verdict
	if p.last.head != f.Head || p.last.len != f.Len {
		v = p.inspect(f)
	}
	if p.cfg.NTuple {
		p.regs.look(v, 1)
	}
	if v.reason|v.bad != skb.NotDropped {
		p.regs.fault(f.Head, v.reason|v.bad)
	}
	if v.reason != skb.NotDropped {
		p.lose(v.reason, 1, uint64(t))
		p.missed(f, v.reason, t)
		p.wire.pop()
		return
	}
	if !p.fifo.fits(f) {
		p.regs.missed++
		p.lose(skb.HWFIFO, 1, uint64(t))
		p.missed(f, skb.HWFIFO, t)
		p.wire.pop()
		return
	}
	if v.bad == skb.NotDropped {
		p.regs.accept(1, uint64(f.WireLen()), v.cast)
	}
	if p.stalls {
		p.dmaFree = max(p.dmaFree, p.busFrom(t))
	}
	if p.fifo.len() == 0 && p.dmaFree <= t && p.transfer(f, v, t) {
		p.wire.pop()
		return
	}
	p.fifo.push(f, v)
	p.wire.pop()
	if p.cfg.TXPause && !p.xoff && p.fifo.bytes >= p.fifo.high {
		p.sendXOFF(t)
	}
}

func (p *Port) lose(r skb.DropReason, n, times uint64) {
	p.ledger.Lose(r, n)
	p.Digest.Add(digestLost+uint64(r), n, times)
}

// transfer moves a frame at t from the FIFO, or past it, into its ring. It
// returns false if the frame has to wait for a descriptor.
func (p *Port) transfer(f *skb.Frame, v *verdict, t engine.Time) bool {
	q := p.queues[v.queue]
	n := int(v.desc)
	if q.free() < n {
		if p.dropEn {
			q.NoDesc++
			p.lose(skb.HWNoDesc, 1, uint64(f.At))
			p.missed(f, skb.HWNoDesc, t)
			return true
		}
		p.regs.noBuffer++
		p.blocked = true
		return false
	}
	p.dmaFree = t + p.costs.PCIe.Fixed + p.busTime(f.Len)
	ready := p.dmaFree + p.costs.DMA.Fixed
	if p.stalls {
		p.dmaFree = p.busFrom(p.dmaFree)
	}
	s := q.put(f, v, ready)
	p.latFIFO.Record(ready - f.At)
	if !p.naive {
		if n > 1 {
			ready = q.writtenBack(s, 0)
		}
		q.vector.written(ready)
	}
	return true
}

// departure is when the head of the FIFO can be moved next, Never if it can't.
func (p *Port) departure() engine.Time {
	if p.blocked || p.fifo.len() == 0 {
		return engine.Never
	}
	return max(p.dmaFree, p.fifo.head().frame.At)
}

// depart moves the head of the FIFO at t.
func (p *Port) depart(t engine.Time) {
	h := p.fifo.head()
	if !p.transfer(&h.frame, &h.verdict, t) {
		return
	}
	p.fifo.pop(h)
	if p.xoff && p.fifo.bytes <= p.fifo.low {
		p.regs.xon++
		p.xoff, p.xoffAgain = false, engine.Never
		p.wire.resume(t)
	}
}

// sendXOFF asks the partner to stop, and again when half the pause time has
// passed (HW-3).
func (p *Port) sendXOFF(t engine.Time) {
	p.regs.xoff++
	p.xoff = true
	p.xoffAgain = t + p.pauseTime()/2
	p.wire.pause(t)
}

func (p *Port) pauseTime() engine.Time { return p.hw.PauseTime(p.wire.byte) }

// unblock says that a core has armed descriptors at t.
func (p *Port) unblock(t engine.Time) {
	if p.blocked {
		p.blocked = false
		p.dmaFree = p.busFrom(max(p.dmaFree, t))
	}
	p.Changed()
}

// Settle brings the port to t, so that its counters and queues can be read.
func (p *Port) Settle(t engine.Time) {
	if p.wire.unplugged {
		p.wire.discard(t)
	}
	p.settle(t)
}

// settle brings the port to t.
func (p *Port) settle(t engine.Time) {
	if p.naive {
		return // every event up to here has been run
	}
	for {
		at, d := p.wire.at, p.departure()
		switch {
		case p.xoffAgain <= t && p.xoffAgain < at && p.xoffAgain <= d:
			p.sendXOFF(p.xoffAgain)
		case d < at && d <= t:
			p.depart(d)
		case at <= t:
			if until := min(t, p.xoffAgain); !p.many(until) { // a partner may have begun to obey
				p.arrive()
			}
		default:
			return
		}
	}
}

// many takes frames that arrive up to t without looking around for each, if there
// is a way. It returns false if it did nothing.
func (p *Port) many(t engine.Time) bool {
	switch {
	case p.blocked:
		return p.skip(t) || p.churn(t)
	case p.fifo.len() == 0:
		return p.stream(t)
	}
	return p.churn(t)
}

// skip counts at once the arrivals up to t that are certainly lost: all of
// them, as long as nothing leaves the blocked FIFO and the next frame has no room.
func (p *Port) skip(t engine.Time) bool {
	if p.watch > p.frameID {
		return false
	}
	f := p.wire.alike()
	if f == nil || p.fifo.fits(f) {
		return false
	}
	v := p.inspect(f)
	if v.reason|v.bad != skb.NotDropped {
		return false
	}
	n, times := p.wire.skip(t)
	if p.cfg.NTuple {
		p.regs.look(v, n)
	}
	p.ledger.Frames += n
	p.frameID += n
	p.regs.missed += n
	p.lose(skb.HWFIFO, n, times)
	return true
}

// stream is arrive for all frames up to t that are like the next one and go past
// the empty FIFO straight into their ring. It returns false if the next one does not.
func (p *Port) stream(t engine.Time) bool {
	w := &p.wire
	if p.blocked || p.stalls || p.cfg.NTuple || len(w.feeds) != 1 || p.watch > p.frameID {
		return false
	}
	f := &w.feeds[0]
	next := &f.buf[f.i]
	head, length := next.Head, next.Len
	v := p.inspect(next)
	if v.reason|v.bad != skb.NotDropped || !p.fifo.fits(next) {
		return false
	}
	q := p.queues[v.queue]
	bus := p.costs.PCIe.Fixed + p.busTime(length)
	delay := bus + p.costs.DMA.Fixed
	desc, free, first := int(v.desc), q.free(), q.tail
	for at := w.at; p.dmaFree <= at && free >= desc; {
		p.frameID++
		s := &q.slots[q.tail&q.mask]
		s.frame = *next
		s.frame.At, s.frame.ID = at, p.frameID
		s.ready, s.verdict = at+delay, *v
		q.tail++
		free -= desc
		p.dmaFree, w.last = at+bus, at
		if f.i++; f.i >= f.n {
			w.search()
			break
		}
		next = &f.buf[f.i]
		if at = max(next.At, at+w.timeOf(next.Len)); at-next.At > w.queue && !f.open {
			w.search()
			break
		}
		if w.at = at; at > t || next.Head != head || next.Len != length {
			break
		}
	}
	n := uint64(q.tail - first)
	if n == 0 {
		return false
	}
	q.rdh = q.after(q.rdh, int(n)*desc)
	p.ledger.Frames += n
	p.regs.accept(n, n*uint64(length+skb.EthFCS), v.cast)
	p.latFIFO.RecordN(delay, n)
	q.vector.written(q.writtenBack(&q.slots[first&q.mask], 0))
	return true
}

// churn is arrive and depart for the frames of a source that sends nothing but
// equal ones, while they go through a FIFO that does not run empty and need not
// tell the partner to stop.
func (p *Port) churn(t engine.Time) bool {
	w := &p.wire
	like := w.alike()
	if p.stalls || p.cfg.NTuple || p.cfg.TXPause || p.xoff || like == nil || p.watch > p.frameID {
		return false
	}
	v := p.inspect(like)
	if v.reason|v.bad != skb.NotDropped {
		return false
	}
	f, q := &w.feeds[0], &p.fifo
	size, link := q.size(like), w.timeOf(like.Len)
	var taken, missed, times uint64
	for q.len() > 0 {
		at := w.at
		if !p.blocked {
			h := q.head()
			if d := max(p.dmaFree, h.frame.At); d < at {
				if d > t {
					break
				}
				if p.transfer(&h.frame, &h.verdict, d) {
					q.pop(h)
				}
				continue
			}
		}
		fits := q.bytes+size <= q.capacity
		if at > t || p.blocked && !fits { // skip knows how
			break
		}
		p.frameID++
		if fits {
			fr := &f.buf[f.i]
			fr.At, fr.ID = at, p.frameID
			q.push(fr, v)
			taken++
		} else {
			missed++
			times += uint64(at)
		}
		w.last = at
		if f.i++; f.i < f.n { // advance, without looking around
			next := f.buf[f.i].At
			if w.at = max(next, max(at, w.resumed)+link); w.at-next <= w.queue || f.open {
				continue
			}
		}
		w.search()
	}
	p.ledger.Frames += taken + missed
	p.regs.accept(taken, taken*uint64(like.WireLen()), v.cast)
	p.regs.missed += missed
	p.lose(skb.HWFIFO, missed, times)
	return taken+missed > 0
}

// Live returns how many frames the FIFO and the rings hold.
func (p *Port) Live() uint64 {
	fifo, ring := p.LiveFrames()
	return fifo + ring
}

// LiveFrames returns the frames in the FIFO and in all rings.
func (p *Port) LiveFrames() (fifo, ring uint64) {
	for _, q := range p.queues {
		ring += uint64(q.tail - q.head)
	}
	return uint64(p.fifo.len()), ring
}

// FIFOBytes returns the bytes in the packet buffer.
func (p *Port) FIFOBytes() int { return p.fifo.bytes }

// Latencies returns the histograms of last bit to write-back and of write-back
// to the poll that took the frame.
func (p *Port) Latencies() (fifo, ring *hist.Hist) { return &p.latFIFO, &p.latRing }

// PartnerLost returns the frames that the link partner lost because its queue
// was full: they were never on the wire.
func (p *Port) PartnerLost() uint64 { return p.wire.lost }

// A PartnerView is what the sender's side sees of the link.
type PartnerView struct {
	// Held counts frames that wait for the link or for a pause to end, Lost those that waited too long.
	Held, Lost uint64
	// Paused is how long pause frames have kept it from sending.
	Paused engine.Time
}

// Partner returns what the link partner sees at t, to which the port has been
// settled. Asking makes a paused partner throw away what it could not send in
// time whenever the pause ends, so that PartnerLost may be larger afterwards.
func (p *Port) Partner(t engine.Time) PartnerView {
	held := p.wire.held(t)
	v := PartnerView{Held: held, Lost: p.wire.lost, Paused: p.wire.pausedFor}
	if p.wire.paused {
		v.Paused += t - p.wire.pausedAt
	}
	return v
}
