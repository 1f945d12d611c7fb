package report

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// Schema is the value of the key schema in the JSON of a run.
const Schema = "rxpath.run/1"

// The types of this file are the JSON of a run. Their comments are the
// documentation of the keys: docs/run.schema.json and the table of
// docs/results.md have them from here. Fields stand in the order of their keys.

//go:generate go test -run TestGenerated -update .

// A document is the root.
type document struct {
	// Assumptions are the assumed costs that move the headline of this run by more than 10 % when they are half as large or half as large again; null if nobody looked.
	Assumptions []assumptionDoc `json:"assumptions" jsonschema:"nullable"`
	// Bottleneck is the stage that limits the run; null if nobody looked.
	Bottleneck *bottleneckDoc `json:"bottleneck" jsonschema:"nullable"`
	// Changes are the settings that were changed while it ran, in the order of their times; those behind the end of an incomplete run are there, too.
	Changes []changeDoc `json:"changes"`
	// Complete is false if the run ended early: interrupted, or at a limit. Everything else then stands for the time that was run.
	Complete bool `json:"complete"`
	// Costs is the machine: how long each step takes, and where the number comes from.
	Costs costsDoc `json:"costs"`
	// Counters are the counters of the host by file, then by kernel name. A file with a row per device, CPU, interrupt or socket is an array. They have 64 bits where the file wraps at 32.
	Counters procfs.View `json:"counters"`
	// CPU is the time of every CPU in its contexts.
	CPU []cpuDoc `json:"cpu"`
	// Digest witnesses the run, in hexadecimal: the same input gives the same digest.
	Digest string `json:"digest"`
	// Drops counts packets lost for lack of room, memory or time.
	Drops uint64 `json:"drops"`
	// Kernel is the kernel profile.
	Kernel kernelDoc `json:"kernel"`
	// Latency is the time that packets took, by stage: fifo, ring, backlog, stack, rx_queue, wire_to_app.
	Latency map[string]latencyDoc `json:"latency"`
	// Ledger accounts for every packet: born = consumed + merged + live + all of dropped.
	Ledger ledgerDoc `json:"ledger"`
	// Name is the name of the scenario.
	Name string `json:"name"`
	// PartnerLost counts frames that the link partners lost before the wire; they are not in the ledger.
	PartnerLost uint64 `json:"partner_lost"`
	// Rejects counts packets refused on purpose: by filters, checks, or because nobody listens.
	Rejects uint64 `json:"rejects"`
	// ResultsVersion is raised whenever the same scenario gives other results than before.
	ResultsVersion int `json:"results_version"`
	// Scenario is the scenario with every default filled in; null if it was not made from a file.
	Scenario json.RawMessage `json:"scenario"`
	// Schema names this format and its version.
	Schema string `json:"schema"`
	// Seed selects the random numbers.
	Seed uint64 `json:"seed"`
	// Sockets are the sockets in the order in which they were opened.
	Sockets []socketDoc `json:"sockets"`
	// Thresholds are the thresholds of the scenario with what became of them.
	Thresholds []thresholdDoc `json:"thresholds"`
	// TimeNS is the virtual time that was run.
	TimeNS nanoseconds `json:"time_ns"`
	// Version is the version of the program; empty if it has none.
	Version string `json:"version"`
	// Warnings are remarks on the input, such as a capture out of order.
	Warnings []string `json:"warnings"`
	// Waterfall says where every packet is.
	Waterfall waterfallDoc `json:"waterfall"`
}

type changeDoc struct {
	// AtNS is when the setting was changed.
	AtNS nanoseconds `json:"at_ns"`
	// Path is the setting, as the scenario writes it.
	Path string `json:"path"`
	// Value is its new value, as the scenario writes it.
	Value string `json:"value"`
}

type assumptionDoc struct {
	// Half is the run with half the cost.
	Half trialDoc `json:"half"`
	// Key is the key of the cost in costs.steps.
	Key string `json:"key"`
	// More is the run with half as much again.
	More trialDoc `json:"more"`
}

type bottleneckDoc struct {
	// Base is the scenario as it is, over the window.
	Base trialDoc `json:"base"`
	// Counter is where the stage is seen. File has <if> where there is a file per interface; with stage none it is the counter of the largest loss, or empty.
	Counter counterDoc `json:"counter"`
	// Knob is the path of what to change in the scenario; empty with stage none.
	Knob string `json:"knob"`
	// Objective is the metric that was to improve: drops, or p(latency.wire_to_app, 99) if nothing is lost.
	Objective string `json:"objective"`
	// Sentence says it for people.
	Sentence string `json:"sentence"`
	// Stage is the stage that, relaxed alone, helps most: ring, moderation, budget, backlog, rcvbuf, udp_mem, tap, scheduling, softirq, reader, pauses, partner; or none.
	Stage string `json:"stage"`
	// Trials are the runs with one stage relaxed, by stage; stages that could not matter were not run.
	Trials map[string]trialDoc `json:"trials"`
	// WindowNS is the virtual time of the runs that were compared.
	WindowNS nanoseconds `json:"window_ns"`
}

type counterDoc struct {
	// File is the file, as in counters.
	File string `json:"file"`
	// Name is the kernel's name.
	Name string `json:"name"`
	// Value is its value in the whole run, summed over rows and interfaces.
	Value uint64 `json:"value"`
}

type trialDoc struct {
	// Counts says that the improvement is large enough to name the stage: a tenth of what is lost, of what is served, or of the latency.
	Counts bool `json:"counts"`
	// ImprovementPercent is how much better the objective is than in base: packets saved, or time.
	ImprovementPercent tenths `json:"improvement_percent"`
	// Lost counts packets lost, those of the link partner included.
	Lost uint64 `json:"lost"`
	// P99NS is the 99th percentile from the wire to the application.
	P99NS nanoseconds `json:"p99_ns"`
	// Served counts packets that were read, or refused on purpose.
	Served uint64 `json:"served"`
}

type costsDoc struct {
	// Assumed lists the keys of the costs that nobody measured.
	Assumed []string `json:"assumed"`
	// Changed lists what differs from the profile of that name.
	Changed []string `json:"changed"`
	// CPU is the processor.
	CPU string `json:"cpu"`
	// Description says whose machine it is.
	Description string `json:"description"`
	// Profile is the name of the cost profile.
	Profile string `json:"profile"`
	// Source says what the profile rests on.
	Source string `json:"source"`
	// Steps are the costs by key; docs/costs.md says what each covers.
	Steps map[string]costDoc `json:"steps"`
}

type costDoc struct {
	// Assumed says that nobody measured it.
	Assumed bool `json:"assumed"`
	// FixedNS is the time per packet, call or event.
	FixedNS nanoseconds `json:"fixed_ns"`
	// PerByteNS is the time per byte.
	PerByteNS nanoseconds `json:"per_byte_ns"`
	// Source is a publication, or how the number was derived from one.
	Source string `json:"source"`
}

type kernelDoc struct {
	// Changed lists what differs from the profile of that name.
	Changed []string `json:"changed"`
	// Profile is the name of the kernel profile.
	Profile string `json:"profile"`
	// Recorded says that recordings of such a kernel were compared with the profile; without, it rests on source.
	Recorded bool `json:"recorded"`
	// Source says what the profile rests on.
	Source string `json:"source"`
}

type cpuDoc struct {
	// ContextSwitches counts switches between tasks.
	ContextSwitches uint64 `json:"context_switches"`
	// CPU is the number of the CPU.
	CPU int `json:"cpu"`
	// HardirqNS is the time in hard interrupts.
	HardirqNS nanoseconds `json:"hardirq_ns"`
	// IdleNS is the time that it idled.
	IdleNS nanoseconds `json:"idle_ns"`
	// KsoftirqdNS is the time in softirqs that ksoftirqd ran; it is not in softirq_ns.
	KsoftirqdNS nanoseconds `json:"ksoftirqd_ns"`
	// KsoftirqdWakeups counts wake-ups of ksoftirqd.
	KsoftirqdWakeups uint64 `json:"ksoftirqd_wakeups"`
	// Preemptions counts tasks that had to give the CPU away while they could have gone on.
	Preemptions uint64 `json:"preemptions"`
	// Restarts counts further passes of __do_softirq beyond the first.
	Restarts uint64 `json:"restarts"`
	// SoftirqNS is the time in softirqs at the end of interrupts.
	SoftirqNS nanoseconds `json:"softirq_ns"`
	// SpinningNS is the part of the other times in which it waited for spinlocks that another CPU held.
	SpinningNS nanoseconds `json:"spinning_ns"`
	// SystemNS is the time of tasks in the kernel.
	SystemNS nanoseconds `json:"system_ns"`
	// UserNS is the time of tasks in user mode.
	UserNS nanoseconds `json:"user_ns"`
	// Wakeups counts tasks woken on this CPU.
	Wakeups uint64 `json:"wakeups"`
}

type latencyDoc struct {
	// From says where the time begins.
	From string `json:"from"`
	// Histogram has the buckets that are not empty, if they were asked for.
	Histogram []bucketDoc `json:"histogram,omitempty"`
	// MaxNS is the longest time, exactly.
	MaxNS nanoseconds `json:"max_ns"`
	// MeanNS is the mean, rounded down to a picosecond; 0 if n is 0, as all of these.
	MeanNS nanoseconds `json:"mean_ns"`
	// N counts packets.
	N uint64 `json:"n"`
	// P50NS is the median. Percentiles are the upper ends of histogram buckets, at most 3.2 % too large, and never above the maximum.
	P50NS nanoseconds `json:"p50_ns"`
	// P90NS is the 90th percentile.
	P90NS nanoseconds `json:"p90_ns"`
	// P999NS is the percentile 99.9.
	P999NS nanoseconds `json:"p99_9_ns"`
	// P99NS is the 99th percentile.
	P99NS nanoseconds `json:"p99_ns"`
	// To says where the time ends.
	To string `json:"to"`
}

type bucketDoc struct {
	// FirstNS is the shortest time of the bucket.
	FirstNS nanoseconds `json:"first_ns"`
	// LastNS is the longest time of the bucket.
	LastNS nanoseconds `json:"last_ns"`
	// N counts packets.
	N uint64 `json:"n"`
}

type ledgerDoc struct {
	// Born counts frames offered on the wire, and clones: multicast copies beyond the first, copies for taps.
	Born uint64 `json:"born"`
	// Clones counts the clones.
	Clones uint64 `json:"clones"`
	// Consumed counts packets that were read.
	Consumed uint64 `json:"consumed"`
	// Dropped counts packets lost or refused by reason; a reason that did not come is not there.
	Dropped map[string]uint64 `json:"dropped"`
	// Frames counts frames offered on the wire.
	Frames uint64 `json:"frames"`
	// Live counts packets that were still somewhere at the end.
	Live uint64 `json:"live"`
	// Merged counts fragments that became part of a datagram, all but one of each; left out if there was none.
	Merged uint64 `json:"merged,omitempty"`
}

type socketDoc struct {
	// App is the name of the application.
	App string `json:"app"`
	// Bytes counts payload bytes read.
	Bytes uint64 `json:"bytes"`
	// Delivered counts datagrams read.
	Delivered uint64 `json:"delivered"`
	// Drops is sk_drops.
	Drops uint64 `json:"drops"`
	// Inode is the inode, as in /proc/net/udp.
	Inode uint64 `json:"inode"`
	// Latency is the time that datagrams of this socket took, by stage: rx_queue, wire_to_app.
	Latency map[string]latencyDoc `json:"latency"`
	// Local is the bound address and port.
	Local string `json:"local"`
	// MaxQueued is the most datagrams that ever waited.
	MaxQueued int `json:"max_queued"`
	// Name is the name of the socket.
	Name string `json:"name"`
	// Queued is the number of datagrams that wait at the end.
	Queued int `json:"queued"`
	// RcvBuf is sk_rcvbuf in bytes: what setsockopt was given, clamped and doubled.
	RcvBuf int `json:"rcvbuf"`
	// Remote is the connected peer; empty if there is none.
	Remote string `json:"remote"`
	// RxQueue is sk_rmem_alloc in bytes at the end.
	RxQueue int `json:"rx_queue"`
}

type thresholdDoc struct {
	// OK says whether it holds.
	OK bool `json:"ok"`
	// Threshold is the expression.
	Threshold string `json:"threshold"`
	// Value is the value of its metric, for people.
	Value string `json:"value"`
}

type waterfallDoc struct {
	// Copied counts copies of frames for macvlans, which go the way of frames; left out if there are none.
	Copied uint64 `json:"copied,omitzero"`
	// Copies are the rows that delivered falls into.
	Copies []rowDoc `json:"copies"`
	// Delivered counts copies that came to a socket: frames that passed on, and their clones.
	Delivered uint64 `json:"delivered"`
	// Frames are the rows that offered and copied fall into.
	Frames []rowDoc `json:"frames"`
	// Offered counts frames on the wire.
	Offered uint64 `json:"offered"`
	// Tapped counts copies for packet sockets.
	Tapped uint64 `json:"tapped"`
	// Taps are the rows that tapped falls into.
	Taps []rowDoc `json:"taps"`
}

type rowDoc struct {
	// Fate is lost, refused, waiting, merged (fragments), passed (on to copies) or read.
	Fate string `json:"fate"`
	// N counts packets.
	N uint64 `json:"n"`
	// Place is MAC, FIFO, ring, backlog, core, IP, UDP, socket, kernel, reader or tap.
	Place string `json:"place"`
	// Reason is why they ended, with fate lost or refused; empty otherwise.
	Reason string `json:"reason"`
}

// nanoseconds prints picoseconds as nanoseconds with at most three decimals.
type nanoseconds engine.Time

// MarshalJSON implements json.Marshaler.
func (n nanoseconds) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// String prints the number without a unit: "67.2".
func (n nanoseconds) String() string {
	if n < 0 {
		return "-" + (-n).String()
	}
	return strconv.FormatInt(int64(n/1000), 10) + fraction(int64(n%1000))
}

// tenths prints thousandths of something as percent with at most one decimal.
type tenths int

// MarshalJSON implements json.Marshaler.
func (t tenths) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d%s", t/10, fraction(int64(t%10)*100)), nil
}
