package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/trace"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// A Result is what a run showed.
type Result struct {
	// Scenario is what was run.
	Scenario scenario.Scenario
	// Complete is false if the run ended early: interrupted, or at a limit.
	Complete bool
	// Time is the virtual time that was simulated.
	Time engine.Time
	// Snapshot holds the counters at the end.
	Snapshot Snapshot
	// Waterfall says where every packet is.
	Waterfall Waterfall
	// Stages are the latencies in the order of the path.
	Stages []Stage
	// Sockets are the sockets in the order in which they were opened.
	Sockets []SocketResult
	// Programs are the applications in the order of the scenario, those without threads left out.
	Programs []ProgramResult
	// Series are the samples, the first at time zero.
	Series []Sample
	// Partner counts frames that the link partners lost before the wire: no loss of this host.
	Partner uint64
	// Digest witnesses the run: the same input gives the same digest.
	Digest uint64
	// Events counts how often the executive ran an actor.
	Events uint64
	// Warnings are remarks on the input, such as a capture out of order.
	Warnings []string

	// Trace holds the events that tracers recorded, Journey the way of the packet that was followed; see Options.Trace.
	Trace   *trace.Trace
	Journey *trace.Journey

	found    uint64  // the packet that was looked for
	measured *Result // since the warm-up; nil without one
}

// Measured returns what metrics are read from: the result of the time since the
// warm-up (run.warmup), or the result itself if there was none. Counters,
// latencies and times are differences; levels, such as queue lengths and the most
// that was queued, are those at the end. Series are not in it.
func (r *Result) Measured() *Result {
	if r.measured != nil {
		return r.measured
	}
	return r
}

// since returns what has come since the warm-up.
func (r *Result) since(w *Result) *Result {
	m := &Result{Scenario: r.Scenario, Complete: r.Complete, Time: r.Time - w.Time, Snapshot: r.Snapshot.Sub(w.Snapshot), Partner: r.Partner - w.Partner}
	m.Waterfall.Offered = r.Waterfall.Offered - w.Waterfall.Offered
	m.Waterfall.Delivered = r.Waterfall.Delivered - w.Waterfall.Delivered
	m.Waterfall.Tapped = r.Waterfall.Tapped - w.Waterfall.Tapped
	for i, s := range r.Stages {
		s.Hist = s.Hist.Since(&w.Stages[i].Hist)
		m.Stages = append(m.Stages, s)
	}
	rows := map[uint64]mib.Socket{}
	for _, row := range m.Snapshot.Sockets {
		rows[row.Inode] = row
	}
	for i, s := range r.Sockets {
		s.Socket = rows[s.Inode]
		if i < len(w.Sockets) {
			s.RxQueue.Hist = s.RxQueue.Hist.Since(&w.Sockets[i].RxQueue.Hist)
			s.WireToApp.Hist = s.WireToApp.Hist.Since(&w.Sockets[i].WireToApp.Hist)
		}
		m.Sockets = append(m.Sockets, s)
	}
	return m
}

// SocketResult is a socket at the end of a run.
type SocketResult struct {
	mib.Socket
	App string
	// RxQueue and WireToApp are the latencies of this socket.
	RxQueue, WireToApp Stage
}

// ProgramResult is what the threads of an application did.
type ProgramResult struct {
	App string
	// Calls counts receive calls, Empty those that found nothing, Waits calls of epoll_wait and poll, Timeouts calls that
	// SO_RCVTIMEO or recvmmsg's timeout has ended, Faults copies with a page fault, LockWaits those that waited for the
	// socket's owner, Locked how often the program itself locked a socket.
	Calls, Empty, Waits, Timeouts, Faults, LockWaits, Locked uint64
	// Handled counts datagrams that workers served, Dropped those lost in the program because the workers' queue was
	// full, Stalls how often a reader waited for room.
	Handled, Dropped, Stalls uint64
	// Done is the time from the wire to the end of the service by a worker.
	Done Stage
}

// Sample is the state at one instant.
type Sample struct {
	At     engine.Time
	Depths Depths
	// Ledger is cumulative.
	Ledger skb.Ledger
	// CPU is the time in each context so far, by CPU.
	CPU []mib.CPUTime
}

// Options refine a run.
type Options struct {
	// OpenCapture opens a capture of the scenario as a source of frames for an
	// interface with the given MAC, with remarks on the file. It is nil for
	// programs that need none: package capture provides one.
	OpenCapture func(c scenario.Capture, mac skb.MAC) (src skb.FrameSource, warnings []string, err error)
	// OpenFilter runs the filters of packet sockets; see Config. Package filter provides one.
	OpenFilter func(program []string) (func(b *skb.Buff, cpu int, ifindex int32) int, error)
	// Trace, if not nil, is what tracers record.
	Trace *TraceConfig
	// Progress, if not nil, is called now and then with the virtual time and the frames so far.
	Progress func(at engine.Time, frames uint64)
}

// progressSteps is how often a run looks up at least.
const progressSteps = 200

// How far a run goes before it looks whether it shall go on: as long as it
// takes for so many frames and events, a few hundredths of a second of real time.
const (
	firstStep           = engine.Millisecond
	leastWork, mostWork = 1 << 14, 1 << 17
)

// A pace is the step from one look to the next. It does not change what a run
// shows, only when it listens.
type pace struct {
	step, most engine.Time
	done       uint64 // frames and events at the last look
}

// next returns the step that follows when so many frames and events are done.
func (p *pace) next(done uint64) engine.Time {
	switch work := done - p.done; {
	case work > mostWork:
		p.step = max(p.step/2, 1)
	case work < leastWork:
		p.step = min(2*p.step, p.most)
	}
	p.done = done
	return p.step
}

// Run runs a scenario to its end. When ctx ends, or a limit is reached, it
// returns what it has with Complete false, and the reason as an error. A run
// whose ctx has ended already assembles everything and simulates nothing.
func Run(ctx context.Context, sc *scenario.Scenario, opts Options) (*Result, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if need := memoryBound(sc); sc.Run.MaxMemory > 0 && need > sc.Run.MaxMemory {
		return nil, &cfgerr.Error{Path: "run.max_memory", Value: sc.Run.MaxMemory,
			Want: fmt.Sprintf("at least %d: what the queues of this scenario could take in bytes", need)}
	}
	h, err := NewHost(Config{Host: sc.Host, NICs: sc.NICs, Veths: sc.Veths, Tuns: sc.Tuns, Sending: sc.Senders, Devices: sc.Devices, Raw: sc.Raw, Taps: sc.Taps, OpenFilter: opts.OpenFilter, Apps: sc.Apps, Seed: sc.Run.Seed, Naive: sc.Run.Naive})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	res := &Result{Scenario: *sc}
	closers, err := h.connect(sc, opts, res)
	defer func() {
		for _, c := range closers {
			c()
		}
	}()
	if err != nil {
		return nil, err
	}
	if opts.Trace != nil {
		if err := h.Trace(*opts.Trace); err != nil {
			return nil, err
		}
	}
	warm, err := h.runTo(ctx, sc, opts, res)
	if err == nil {
		err = sourceErrors(h)
	}
	h.fill(res)
	res.Complete = err == nil && h.now == sc.Run.For
	if terr := h.traceResult(res); err == nil {
		err = terr
	}
	if warm != nil {
		res.measured = res.since(warm)
	}
	if lerr := h.CheckLedger(); lerr != nil {
		return res, lerr
	}
	return res, err
}

// What one queued packet takes in this process, in bytes, when a queue has
// doubled just before.
const (
	fifoEntryBytes     = 2 * 40
	ringEntryBytes     = 40
	backlogEntryBytes  = 2 * 136
	flowEntryBytes     = 8
	datagramBytes      = 2 * 64
	tapEntryBytes      = 2 * 32
	macvlanQueue       = 1000
	smallestFIFOFrame  = 64
	smallestTruesize   = 896
	ringSlots          = 4096
	fifoBytes          = 512 << 10
	histogramsPerSock  = 32 << 10
	unlimitedBacklog   = 1 << 20 // packets, where netdev_max_backlog sets no limit
	perCPU, perProcess = 64 << 10, 8 << 20
)

// memoryBound returns what the queues of a scenario could take, in bytes.
func memoryBound(sc *scenario.Scenario) int64 {
	n := int64(perProcess) + int64(sc.Host.CPUs)*perCPU + 2*int64(sc.Host.Softirq.RPSSockFlowEntries)*flowEntryBytes
	backlog := int64(sc.Host.Softirq.NetdevMaxBacklog) + 1
	if backlog <= 0 {
		backlog = unlimitedBacklog
	}
	for i := range sc.NICs {
		queues := sc.NICs[i].Queues(sc.Host.CPUs)
		n += fifoBytes/smallestFIFOFrame*fifoEntryBytes + int64(queues)*ringSlots*ringEntryBytes
		// Any order: a sum.
		for _, flows := range sc.NICs[i].RPSFlowCnt {
			n += 2 * int64(flows) * flowEntryBytes
		}
		if len(sc.NICs[i].RPS)+len(sc.NICs[i].RPSFlowCnt) > 0 {
			n += int64(sc.Host.CPUs) * 2 * backlog * backlogEntryBytes
		}
	}
	if len(sc.Senders) > 0 { // every CPU's backlog can be theirs
		n += int64(sc.Host.CPUs) * 2 * backlog * backlogEntryBytes
	}
	for i := range sc.Veths {
		for j := range sc.Veths[i] {
			for k := range sc.Veths[i][j].Taps {
				n += tapBytes(&sc.Veths[i][j].Taps[k])
			}
		}
	}
	for i := range sc.Taps {
		n += tapBytes(&sc.Taps[i])
	}
	for i := range sc.NICs {
		for j := range sc.NICs[i].Taps {
			n += tapBytes(&sc.NICs[i].Taps[j])
		}
	}
	for i := range sc.Devices {
		for j := range sc.Devices[i].Taps {
			n += tapBytes(&sc.Devices[i].Taps[j])
		}
		if sc.Devices[i].Macvlan != nil {
			n += 2 * macvlanQueue * backlogEntryBytes
		}
	}
	for i := range sc.Apps {
		a := &sc.Apps[i]
		for j := range a.Sockets {
			r := int64(sc.Host.Limits.EffectiveRcvBuf(&sc.Host.Kernel, &a.Sockets[j]))
			n += int64(max(a.Copies, 1)) * ((max(r, 0)/smallestTruesize+1)*datagramBytes + histogramsPerSock)
		}
	}
	if sc.Run.Sample > 0 {
		n += int64(sc.Run.For/sc.Run.Sample) * int64(512+48*sc.Host.CPUs)
	}
	return n
}

// tapBytes is what the queue of a packet socket could take.
func tapBytes(t *scenario.Tap) int64 {
	if t.Kind == ipstack.TPacketRcv {
		return int64(t.Frames) * tapEntryBytes
	}
	return (int64(max(t.RcvBuf, 0))/smallestTruesize + 1) * tapEntryBytes
}

// connect puts the scenario's sources at the ends of their links.
func (h *Host) connect(sc *scenario.Scenario, opts Options, res *Result) (closers []func(), err error) {
	for _, c := range sc.Traffic {
		p := h.port(c.To)
		if c.DstMAC == (skb.MAC{}) {
			c.DstMAC = p.Config().MAC
		}
		src, err := traffic.New(c, sc.Run.Seed)
		if err != nil {
			return closers, err
		}
		p.Connect(src)
	}
	for _, c := range sc.Captures {
		if opts.OpenCapture == nil {
			return closers, fmt.Errorf("sim: scenario replays %q, but Options.OpenCapture is not set", c.File)
		}
		p := h.port(c.To)
		src, warnings, err := opts.OpenCapture(c, p.Config().MAC)
		if err != nil {
			return closers, err
		}
		if s, ok := src.(interface{ Close() error }); ok {
			closers = append(closers, func() { _ = s.Close() })
		}
		if s, ok := src.(interface{ Err() error }); ok {
			h.sourceErr = append(h.sourceErr, s.Err)
		}
		res.Warnings = append(res.Warnings, warnings...)
		p.Connect(src)
	}
	return closers, nil
}

// sourceErrors returns the first error with which a source ended.
func sourceErrors(h *Host) error {
	for _, f := range h.sourceErr {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// runTo advances the host from sample to sample. It returns the state at the end
// of the warm-up, if there was one.
func (h *Host) runTo(ctx context.Context, sc *scenario.Scenario, opts Options, res *Result) (warm *Result, err error) {
	end := sc.Run.For
	most := max(end/progressSteps, 1)
	p := pace{step: min(most, firstStep), most: most}
	sample, warmup := sc.Run.Sample, sc.Run.Warmup
	if sample > 0 {
		res.Series = append(res.Series, h.sample())
	}
	nextSample, nextStep := sample, p.step
	changes := slices.Clone(sc.Changes)
	slices.SortStableFunc(changes, func(a, b scenario.Change) int { return cmp.Compare(a.At, b.At) })
	for h.now < end && !h.traceDone() {
		if err := ctx.Err(); err != nil {
			return warm, err
		}
		to := min(end, nextStep)
		if sample > 0 {
			to = min(to, nextSample)
		}
		if h.now < warmup {
			to = min(to, warmup)
		}
		if len(changes) > 0 {
			to = min(to, changes[0].At)
		}
		h.AdvanceTo(to)
		if err := h.Err(); err != nil {
			return warm, err
		}
		for len(changes) > 0 && changes[0].At == to {
			if err := h.apply(&changes[0]); err != nil {
				return warm, err
			}
			changes = changes[1:]
		}
		if to == warmup && warmup > 0 {
			warm = new(Result)
			h.fill(warm)
		}
		if sample > 0 && to == nextSample {
			res.Series = append(res.Series, h.sample())
			nextSample += sample
		}
		if to == nextStep {
			nextStep += p.next(h.ledger.Frames + h.exec.Events())
			if opts.Progress != nil {
				opts.Progress(h.now, h.ledger.Frames)
			}
		}
		if n := sc.Run.MaxEvents; n > 0 && h.exec.Events() > n {
			return warm, fmt.Errorf("sim: run stopped at %v after %d events: run.max_events is %d", h.now, h.exec.Events(), n)
		}
	}
	return warm, nil
}

func (h *Host) sample() Sample {
	s := Sample{At: h.now, Depths: h.Depths(), Ledger: h.ledger}
	for _, c := range h.cores {
		s.CPU = append(s.CPU, c.Books(h.now))
	}
	return s
}

// fill copies what a run showed.
func (h *Host) fill(res *Result) {
	res.Time = h.now
	res.Snapshot = h.Snapshot()
	res.Waterfall = h.Waterfall()
	res.Stages = h.Latencies()
	res.Digest = h.Digest()
	res.Events = h.exec.Events()
	for _, p := range h.ports {
		res.Partner += p.PartnerLost()
	}
	rows := map[uint64]mib.Socket{}
	for _, r := range res.Snapshot.Sockets {
		rows[r.Inode] = r
	}
	for _, s := range h.socks {
		res.Sockets = append(res.Sockets, SocketResult{
			Socket: rows[s.inode], App: s.app,
			RxQueue:   Stage{Name: "rx_queue", From: "queued to the socket", To: "copied to the application", Hist: s.sock.RxQueue.Clone()},
			WireToApp: Stage{Name: "wire_to_app", From: "last bit received", To: "copied to the application", Hist: s.sock.WireToApp.Clone()},
		})
	}
	res.Programs = h.programs()
	for i := range res.Programs {
		if p := &res.Programs[i]; p.Dropped > 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s lost %d datagrams in its own queue to its workers, behind all counters of the kernel", p.App, p.Dropped))
		}
	}
}
