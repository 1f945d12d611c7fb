// Package scenario holds an experiment as plain structs: a host, its traffic,
// its applications, how long to run. It reads no file (package scenariofile
// does) and runs nothing (package sim does).
package scenario

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-556df219/rxpath/ipstack"
	"github.com/seed-556df219/rxpath/nic"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/softirq"
	"github.com/seed-556df219/rxpath/udp"
)

// A Scenario is a whole experiment.
type Scenario struct {
	// Name appears in results; it is not part of the experiment.
	Name string
	Host Host
	NICs []NIC
	// Veths and Tuns are devices without hardware, Senders the processes that send over them and over lo.
	Veths   []Veth
	Tuns    []Tun
	Senders []Sender
	// Devices are the network devices on top of the interfaces.
	Devices []Device
	// Raw are raw IPv4 sockets.
	Raw []ipstack.RawConfig
	// Taps are packet sockets of the host, bound to a device or not.
	Taps []Tap
	// Traffic are the synthetic sources.
	Traffic []traffic.Config
	// Captures are files whose frames are replayed.
	Captures []Capture
	Apps     []App
	// Changes are made while the run goes on.
	Changes []Change
	Run     Run
	// Thresholds are expressions that must hold at the end; see docs/metrics.md.
	Thresholds []string
}

// MaxCPUs is the largest machine.
const MaxCPUs = 256

// Host is the machine without its interfaces and applications.
type Host struct {
	Kernel kernel.Profile
	Costs  kernel.Costs
	// CPUs is the number of CPUs, 1 to 256, all online.
	CPUs int
	// PossibleCPUs is the number of CPUs that the kernel was made ready for; 0: as many as CPUs. It shows in files only,
	// and in the width of masks (FMT-12).
	PossibleCPUs int
	// HZ is the timer frequency: 100, 250, 300 or 1000.
	HZ int
	// TickPhase moves the timer ticks: they are at TickPhase + k/HZ, on every CPU.
	TickPhase engine.Time
	// ThreadIRQs is the boot parameter threadirqs as far as it concerns softirqs: ksoftirqd runs those of interrupts (SIRQ-8).
	ThreadIRQs bool
	Softirq    softirq.Config
	IP         ipstack.Config
	UDP        udp.Config
	Limits     socket.Limits
}

// NIC is one interface and where its interrupts and packets go.
type NIC struct {
	Name string
	nic.Config
	// Addr is the interface's IPv4 address with PrefixLen.
	Addr      skb.Addr
	PrefixLen int
	// Affinity maps a vector ("TxRx-0") to the CPUs of its smp_affinity; the first of them gets the interrupts.
	// Absent: the driver's hint, vector n to CPU n, or every CPU (RX-39).
	Affinity map[string][]int
	// RPS maps a queue ("rx-0") to the CPUs of its rps_cpus mask (RPS-1).
	RPS map[string][]int
	// RPSFlowCnt maps a queue ("rx-0") to the size of its flow table, rps_flow_cnt, rounded up to a power of two (RPS-1).
	RPSFlowCnt map[string]int
	// Conf is net.ipv4.conf.NAME of the interface.
	Conf ipstack.DeviceConf
	// Threaded: a thread polls each queue in place of net_rx_action (/sys/class/net/NAME/threaded), if the kernel can do that.
	Threaded bool
	// NAPIDeferHardIRQs and GROFlushTimeout let a poll that is done leave the interrupt masked (/sys/class/net/NAME), if the kernel can do that.
	NAPIDeferHardIRQs int
	GROFlushTimeout   engine.Time
	// Taps are packet sockets bound to the interface, as a tcpdump would be.
	Taps []Tap
	// Ingress are the filters of its ingress queueing discipline (CORE-4.5).
	Ingress []ipstack.Rule
}

// Capture replays a file.
type Capture struct {
	Name string
	// To is the interface.
	To string
	// File is a path, as os.Open takes it: scenariofile.Load has put the directory of the scenario file before
	// a relative one, scenariofile.Parse has not.
	File string
	// SpeedMilli is the replay speed in thousandths: 1000 as recorded, 10000 ten times as fast. Ignored with MilliPPS.
	SpeedMilli uint64
	// MilliPPS replays at a constant rate, in thousandths of a frame per second, whatever the file's times.
	MilliPPS uint64
	// Loops is the number of passes; 0 means until the run ends.
	Loops int
	// Start delays the first frame.
	Start engine.Time
	// Rewrite rules change addresses, the first match applies.
	Rewrite []Rewrite
	// KeepMAC keeps recorded unicast destination MACs; otherwise they become the interface's, so that a
	// capture of another host is for this one.
	KeepMAC bool
}

// Rewrite changes the destination (and optionally source) of matching frames. A zero field of a match matches everything, a
// zero field of the new values changes nothing.
type Rewrite struct {
	MatchDst, MatchSrc         skb.Addr
	MatchDstPort, MatchSrcPort uint16
	Dst, Src                   skb.Addr
	DstPort, SrcPort           uint16
}

// App is one application: its threads read its sockets.
type App struct {
	Name string
	// CPUs are the CPUs that its threads are pinned to, one thread each.
	CPUs []int
	// Nice is -20 to 19.
	Nice int
	// Sockets are read by every thread of the application if Shared, else socket i belongs to thread i mod threads.
	Sockets []socket.Config
	Shared  bool
	Read    Read
	// Busy makes it a CPU hog without sockets.
	Busy bool
	// Locks make one more thread that locks the sockets now and then.
	Locks Locks
	// Workers take over the service.
	Workers Workers
	// Copies starts that many applications of this kind, named NAME-0, NAME-1, ..., on the CPUs in turn; 0 means one.
	Copies int
}

// ReadMode is how a thread receives.
type ReadMode uint8

// Read modes.
const (
	Recvmsg       ReadMode = iota // blocking recvmsg on one socket
	Recvmmsg                      // blocking recvmmsg on one socket, MSG_WAITFORONE
	EpollRecvmsg                  // epoll_wait, then one recvmsg on every ready socket
	EpollRecvmmsg                 // epoll_wait, then one recvmmsg on every ready socket
	Never                         // bound and joined, never read
	PollRecvmsg                   // poll on all sockets, then one recvmsg on every ready one
	PollRecvmmsg                  // poll on all sockets, then one recvmmsg on every ready one
	SelectRecvmsg                 // select on all sockets, then one recvmsg on every ready one
	SpinRecvmsg                   // recvmsg with MSG_DONTWAIT on one socket after the other, without ever waiting
	SpinRecvmmsg                  // recvmmsg with MSG_DONTWAIT on one socket after the other, without ever waiting
)

// Wait returns how a thread of that mode waits for its sockets.
func (m ReadMode) Wait() socket.Wait {
	switch m {
	case EpollRecvmsg, EpollRecvmmsg:
		return socket.WaitEpoll
	case PollRecvmsg, PollRecvmmsg, SelectRecvmsg:
		return socket.WaitPoll
	case SpinRecvmsg, SpinRecvmmsg:
		return socket.WaitSpin
	}
	return socket.WaitRecv
}

// Batched reports whether a thread of that mode receives with recvmmsg.
func (m ReadMode) Batched() bool {
	return m == Recvmmsg || m == EpollRecvmmsg || m == PollRecvmmsg || m == SpinRecvmmsg
}

// Read is how an application receives.
type Read struct {
	With ReadMode
	// Batch is vlen of recvmmsg.
	Batch int
	// Service is the time in user mode per datagram, in picoseconds.
	Service law.Law
	// PauseEvery and PauseFor make every thread stop now and then, as a garbage collector does; 0: never.
	PauseEvery, PauseFor engine.Time
	// Pauses are others than those: at random, or as they were recorded.
	Pauses socket.Pauses
	// PauseFile is the file from which Pauses.Trace comes: scenariofile.Load reads it, scenariofile.LoadPauses after Parse.
	PauseFile string
	// FaultPPM is how many of a million copies meet a page that is not there, FaultFor the time until it is.
	FaultPPM int
	FaultFor law.Law
	// Edge is EPOLLET.
	Edge bool
	// Drain repeats the receive call on a ready socket until it finds nothing.
	Drain bool
	// WaitAll leaves MSG_WAITFORONE out of a blocking recvmmsg: it waits for the whole batch.
	WaitAll bool
	// Timeout is that of recvmmsg; 0: none.
	Timeout engine.Time
	// Peek looks at every datagram with MSG_PEEK before it reads it.
	Peek bool
	// Buffer is the size of the program's buffer in bytes; 0: large enough.
	Buffer int
}

// Locks are when a program locks its sockets, as with setsockopt (OW-2).
type Locks struct {
	// Every is when: at k*Every, k = 1, 2, ...; 0: never.
	Every engine.Time
	// For is how long each of its sockets is held, one after the other.
	For engine.Time
	// Asleep: the holder sleeps meanwhile, as IP_ADD_MEMBERSHIP does until it gets the RTNL; otherwise it runs.
	Asleep bool
	// CPU is where the thread runs that does it.
	CPU int
}

// Workers are threads that serve what the threads of an application read.
type Workers struct {
	// CPUs are the CPUs that they are pinned to, one each; none: every thread serves what it reads.
	CPUs []int
	// Queue is how many datagrams can wait between readers and workers.
	Queue int
	// Drop loses a datagram when the queue is full; otherwise the reader waits.
	Drop bool
}

// Run says how long and how closely to look.
type Run struct {
	For engine.Time
	// Seed selects the random numbers.
	Seed uint64
	// Sample is the interval of the time series; 0: none.
	Sample engine.Time
	// Warmup is how long the host runs before metrics are measured; 0: from the start.
	Warmup engine.Time
	// MaxEvents stops a run that never ends, with the results so far (contracts: Limits).
	MaxEvents uint64
	// MaxMemory refuses a scenario whose queues could take more bytes.
	MaxMemory int64
	// Naive uses the naive executive: slow, for proofs.
	Naive bool
}

// Defaults of Run.
const (
	DefaultMaxEvents = 100_000_000_000
	DefaultMaxMemory = 4 << 30
)

// DefaultHost returns a 4-CPU machine with Linux 4.0.
func DefaultHost() Host { return HostWith(kernel.Linux40()) }

// HostWith returns a 4-CPU machine with that kernel, and its sysctls as that
// kernel has them.
func HostWith(k kernel.Profile) Host {
	limits := socket.DefaultLimits()
	limits.RmemMax = k.RmemMax
	return Host{
		Kernel: k, Costs: kernel.DefaultCosts(), CPUs: 4, HZ: 250,
		Softirq: softirq.DefaultConfig(), IP: ipstack.DefaultConfig(), UDP: udp.DefaultConfig(), Limits: limits,
	}
}

// Default returns a scenario without interfaces, traffic or applications that runs for a second.
func Default() Scenario {
	return Scenario{
		Host: DefaultHost(),
		Run:  Run{For: engine.Second, Seed: 1, Sample: 10 * engine.Millisecond, MaxEvents: DefaultMaxEvents, MaxMemory: DefaultMaxMemory},
	}
}

// Validate reports every fault, as *cfgerr.Error values whose paths are those
// of the scenario file.
func (s *Scenario) Validate() error {
	errs := []error{s.Host.Validate()}
	names := map[string]bool{}
	for i := range s.NICs {
		n := &s.NICs[i]
		at := fmt.Sprintf("nics[%d]", i)
		errs = append(errs, cfgerr.Under(at, n.validate(&s.Host)),
			cfgerr.Check(n.Name != "" && n.Name != "lo" && len(n.Name) < 16 && !names[n.Name], at+".name", n.Name, "a name of its own, 1 to 15 characters"))
		names[n.Name] = true
	}
	errs = append(errs, s.validateDevices())
	for i := range s.Raw {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("raw[%d]", i), s.Raw[i].Validate()))
	}
	devices := map[string]bool{"lo": true}
	for _, name := range DeviceNames(s.NICs, s.Veths, s.Tuns, s.Devices) {
		devices[name] = true
	}
	flows := map[string]bool{}
	for i := range s.Traffic {
		t := &s.Traffic[i]
		at := fmt.Sprintf("traffic[%d]", i)
		errs = append(errs, cfgerr.Under(at, t.Validate()),
			cfgerr.Check(names[t.To], at+".to", t.To, "the name of a nic"),
			cfgerr.Check(!flows[t.Name], at+".name", t.Name, "a name of its own"))
		flows[t.Name] = true
	}
	for i := range s.Captures {
		c := &s.Captures[i]
		at := fmt.Sprintf("captures[%d]", i)
		errs = append(errs,
			cfgerr.Check(names[c.To], at+".to", c.To, "the name of a nic"),
			cfgerr.Check(c.File != "", at+".pcap", c.File, "a file"),
			cfgerr.Check(c.SpeedMilli > 0 || c.MilliPPS > 0, at+".speed", c.SpeedMilli, "more than 0"),
			cfgerr.Range(at+".loops", c.Loops, 0, 1<<30))
	}
	for i := range s.Apps {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("apps[%d]", i), s.Apps[i].validate(s.Host.CPUs, devices)))
	}
	errs = append(errs, cfgerr.Under("run", s.Run.validate()))
	if err := errors.Join(errs...); err != nil {
		return err // changes are made to what is right
	}
	return s.checkChanges()
}

// Validate reports every fault of the host.
func (h *Host) Validate() error {
	return errors.Join(
		cfgerr.Range("host.cpus", h.CPUs, 1, MaxCPUs),
		cfgerr.Check(h.PossibleCPUs == 0 || h.PossibleCPUs >= h.CPUs && h.PossibleCPUs <= mib.MaxPossible, "host.possible_cpus", h.PossibleCPUs,
			fmt.Sprintf("%d to %d", max(h.CPUs, 1), mib.MaxPossible)),
		cfgerr.Check(h.HZ == 100 || h.HZ == 250 || h.HZ == 300 || h.HZ == 1000, "host.hz", h.HZ, "100, 250, 300 or 1000"),
		cfgerr.Check(h.TickPhase >= 0 && h.TickPhase < engine.Second/100, "host.tick_phase", h.TickPhase, "0 to one tick"),
		h.Softirq.Validate(), h.IP.Validate(), h.UDP.Validate(), h.Limits.Validate(),
		cfgerr.Under("host.costs", h.Costs.Validate()))
}

func (n *NIC) validate(h *Host) error {
	cpus := h.CPUs
	errs := []error{n.Config.Validate(cpus), cfgerr.Range("prefix", n.PrefixLen, 0, 32), cfgerr.Under("conf", n.Conf.Validate()),
		cfgerr.Range("napi_defer_hard_irqs", n.NAPIDeferHardIRQs, 0, 1<<31-1),
		cfgerr.Check(n.GROFlushTimeout >= 0 && n.GROFlushTimeout <= engine.Second, "gro_flush_timeout", n.GROFlushTimeout, "0s to 1s")}
	for i := range n.Taps {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("taps[%d]", i), n.Taps[i].validate(cpus)))
	}
	for i := range n.Ingress {
		errs = append(errs, cfgerr.Range(fmt.Sprintf("ingress[%d].drop", i), n.Ingress[i].DropPPM, 0, 1_000_000))
	}
	if err := errors.Join(errs...); err != nil || cpus < 1 || cpus > MaxCPUs {
		return err // what follows asks for the driver's queues
	}
	var queues []string
	for q := range n.Queues(cpus) {
		queues = append(queues, fmt.Sprintf("rx-%d", q))
	}
	var sizes []error
	for _, q := range slices.Sorted(maps.Keys(n.RPSFlowCnt)) {
		at := "rps_flow_cnt." + q
		sizes = append(sizes, cfgerr.Range(at, n.RPSFlowCnt[q], 0, 1<<29),
			cfgerr.Check(slices.Contains(queues, q), at, n.RPSFlowCnt[q], "one of "+strings.Join(queues, ", ")))
	}
	return errors.Join(errors.Join(sizes...),
		checkCPUs("irq_affinity", n.Affinity, n.Labels(cpus), h, true),
		checkCPUs("rps", n.RPS, queues, h, false))
}

// Online returns the CPUs of a mask that are online, in ascending order: what
// store_rps_map makes of rps_cpus (RPS-1), and where an interrupt can go.
func (h *Host) Online(mask []int) []int {
	var out []int
	for _, cpu := range mask {
		if cpu < h.CPUs {
			out = append(out, cpu)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkMask refuses a mask with bits that no CPU can have, as bitmap_parse does.
// CPUs that are possible and not online may be in it.
func (h *Host) checkMask(path string, mask []int) error {
	possible := max(h.PossibleCPUs, h.CPUs)
	for _, cpu := range mask {
		if err := cfgerr.Range(path, cpu, 0, possible-1); err != nil {
			return err // one says it all
		}
	}
	return nil
}

// checkCPUs checks sets of CPUs by name.
func checkCPUs(path string, sets map[string][]int, known []string, h *Host, online bool) error {
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(sets)) {
		at := path + "." + k
		errs = append(errs,
			cfgerr.Check(slices.Contains(known, k), at, sets[k], "one of "+strings.Join(known, ", ")),
			h.checkMask(at, sets[k]),
			cfgerr.Check(!online || len(h.Online(sets[k])) > 0, at, sets[k], "at least one CPU that is online (EINVAL)"))
	}
	return errors.Join(errs...)
}

// VectorCPUs returns the set of CPUs of the nth queue vector, ascending: as told,
// as the driver hints, or all (RX-39). Interrupts go to the first of them.
func (n *NIC) VectorCPUs(v int, label string, h *Host) []int {
	if set, ok := n.Affinity[label]; ok {
		set = slices.Clone(set)
		slices.Sort(set)
		return slices.Compact(set)
	}
	if cpu := n.Hint(v, h.CPUs); cpu >= 0 && h.Kernel.AffinityHintMoves {
		return []int{cpu}
	}
	all := make([]int, h.CPUs)
	for i := range all {
		all[i] = i
	}
	return all
}

func (a *App) validate(cpus int, devices map[string]bool) error {
	errs := []error{
		cfgerr.Check(a.Name != "", "name", a.Name, "a name"),
		cfgerr.Check(len(a.CPUs) > 0, "cpu", a.CPUs, "at least one CPU"),
		cfgerr.Range("nice", a.Nice, -20, 19),
		cfgerr.Range("copies", a.Copies, 0, 10000),
		cfgerr.Check(a.Busy || len(a.Sockets) > 0, "sockets", len(a.Sockets), "at least one socket, or busy: true"),
	}
	for _, c := range a.CPUs {
		errs = append(errs, cfgerr.Range("cpu", c, 0, cpus-1))
	}
	blocking := a.Read.With == Recvmsg || a.Read.With == Recvmmsg
	errs = append(errs, a.Read.validate(), a.Locks.validate(cpus), a.Workers.validate(cpus),
		cfgerr.Check(a.Busy || !blocking || len(a.Sockets) <= len(a.CPUs), "read.with", len(a.Sockets),
			"a blocking thread per socket, or epoll: a thread blocked in one socket does not read another"),
		cfgerr.Check(a.Read.With != SelectRecvmsg || len(a.Sockets) <= maxSelect, "read.with", len(a.Sockets), fmt.Sprintf("at most %d sockets with select", maxSelect)))
	for i := range a.Sockets {
		errs = append(errs, cfgerr.Under(fmt.Sprintf("sockets[%d]", i), a.Sockets[i].Validate()),
			cfgerr.Check(!blocking || !a.Sockets[i].NonBlocking || a.Busy, fmt.Sprintf("sockets[%d].nonblocking", i), true,
				"false with read.with recvmsg or recvmmsg: spin+recvmsg or spin+recvmmsg calls again and again"),
			cfgerr.Check(!a.Read.Drain || a.Sockets[i].NonBlocking || a.Busy, fmt.Sprintf("sockets[%d].nonblocking", i), false,
				"true with read.drain: the last call would block"))
		for _, j := range a.Sockets[i].Join {
			errs = append(errs, cfgerr.Check(j.Device == "" || devices[j.Device], fmt.Sprintf("sockets[%d].join", i), j.Device, "the name of a nic or device"))
		}
	}
	return errors.Join(errs...)
}

// maxSelect is FD_SETSIZE without the standard streams.
const maxSelect = 1024 - 3

func (r *Read) validate() error {
	waits := r.With.Wait()
	errs := []error{
		cfgerr.Check(!r.With.Batched() || r.Batch >= 1 && r.Batch <= 65536, "read.batch", r.Batch, "1 to 65536"),
		cfgerr.Check(r.PauseEvery == 0 && r.PauseFor == 0 || r.PauseEvery > 0 && r.PauseFor > 0 && r.PauseFor < r.PauseEvery,
			"read.pauses", r.PauseFor, "every and for, for shorter than every"),
		cfgerr.Check(r.PauseEvery == 0 || r.Pauses.None(), "read.pauses", r.PauseEvery, "one kind of pauses"),
		cfgerr.Check(r.Pauses.Every.Min() >= 0 && r.Pauses.For.Min() >= 0, "read.pauses", r.Pauses.Every.Min(), "0 or more"),
		cfgerr.Check(len(r.Pauses.Trace) == 0 || r.Pauses.Every == law.Law{}, "read.pauses", len(r.Pauses.Trace), "either every and for, or a trace"),
		cfgerr.Check(r.Service.Min() >= 0, "read.service", r.Service.Min(), "0 or more"),
		cfgerr.Range("read.faults.share", r.FaultPPM, 0, 1_000_000),
		cfgerr.Check(r.FaultFor.Min() >= 0, "read.faults.for", r.FaultFor.Min(), "0 or more"),
		cfgerr.Check(!r.Edge || waits == socket.WaitEpoll, "read.edge", r.Edge, "false without epoll"),
		cfgerr.Check(!r.Drain || waits == socket.WaitEpoll || waits == socket.WaitPoll, "read.drain", r.Drain, "false without epoll, poll or select"),
		cfgerr.Check(!r.WaitAll || r.With == Recvmmsg, "read.wait_all", r.WaitAll, "false but for blocking recvmmsg"),
		cfgerr.Check(r.Timeout >= 0 && (r.Timeout == 0 || r.With.Batched()), "read.timeout", r.Timeout, "0 or more, and recvmmsg"),
		cfgerr.Check(!r.Peek || !r.With.Batched(), "read.peek", r.Peek, "false with recvmmsg"),
		cfgerr.Range("read.buffer", r.Buffer, 0, 65535),
	}
	var end engine.Time
	for i, p := range r.Pauses.Trace {
		errs = append(errs, cfgerr.Check(p.At >= end && p.For > 0 && p.For <= engine.MaxTime-p.At, fmt.Sprintf("read.pauses.at[%d]", i), p.At,
			"behind the end of the pause before, and longer than 0"))
		end = p.At + p.For
	}
	return errors.Join(errs...)
}

func (l *Locks) validate(cpus int) error {
	if *l == (Locks{}) {
		return nil
	}
	return errors.Join(
		cfgerr.Check(l.Every > 0, "locks.every", l.Every, "more than 0"),
		cfgerr.Check(l.For > 0 && l.For < l.Every, "locks.for", l.For, "more than 0, shorter than every"),
		cfgerr.Range("locks.cpu", l.CPU, 0, cpus-1))
}

func (w *Workers) validate(cpus int) error {
	if len(w.CPUs) == 0 {
		return cfgerr.Check(w.Queue == 0 && !w.Drop, "workers.cpus", w.CPUs, "at least one CPU")
	}
	errs := []error{cfgerr.Range("workers.queue", w.Queue, 1, 1<<20)}
	for _, c := range w.CPUs {
		errs = append(errs, cfgerr.Range("workers.cpus", c, 0, cpus-1))
	}
	return errors.Join(errs...)
}

func (r *Run) validate() error {
	return errors.Join(
		cfgerr.Check(r.For > 0 && r.For <= engine.MaxTime, "for", r.For, "more than 0, at most 53 days"),
		cfgerr.Check(r.Warmup >= 0 && (r.Warmup == 0 || r.Warmup < r.For), "warmup", r.Warmup, "0 or more, and less than run.for"),
		cfgerr.Check(r.Sample >= 0, "sample", r.Sample, "0 or more"),
		cfgerr.Check(r.Sample == 0 || r.For/r.Sample <= 1_000_000, "sample", r.Sample, "at most a million samples"))
}
