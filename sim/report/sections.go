package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/units"
)

// The parts of the answer for people, each a table or a few sentences.

// What fits a screen: more CPUs or sockets are folded into one row.
const (
	maxCPURows    = 6
	maxSocketRows = 5
	maxWarnings   = 3
)

// heading says what was run, in two sentences.
func heading(res *sim.Result) (title, setup string) {
	sc := &res.Scenario
	title = sc.Name
	if title == "" {
		title = "unnamed scenario"
	}
	title += fmt.Sprintf(": %v of virtual time, seed %d", res.Time, sc.Run.Seed)
	if w := sc.Run.Warmup; w > 0 {
		title += fmt.Sprintf(", metrics after %v", w)
	}
	if !res.Complete {
		title += fmt.Sprintf(". INCOMPLETE: it should have been %v", sc.Run.For)
	}
	parts := []string{profileName(&sc.Host.Kernel), costsName(&sc.Host.Costs), fmt.Sprintf("%d CPUs at %d Hz", sc.Host.CPUs, sc.Host.HZ)}
	for i := range sc.NICs {
		if i == maxSocketRows {
			parts = append(parts, fmt.Sprintf("%d more interfaces", len(sc.NICs)-i))
			break
		}
		n := &sc.NICs[i]
		parts = append(parts, fmt.Sprintf("%s %s %s", n.Name, n.Driver, units.FormatLink(n.LinkBitsPerSecond)))
	}
	return title, strings.Join(parts, ", ")
}

// profileName names the kernel, says whether it was never compared with a running
// one, and how often it was changed.
func profileName(p *kernel.Profile) string {
	name := p.Name
	if !p.Recorded() {
		name += " (source only)"
	}
	if n := len(kernelChanges(p)); n > 0 {
		return fmt.Sprintf("%s with %s", name, plural(n, "change", "changes"))
	}
	return name
}

// costsName names the cost profile, with the number of costs that are assumed.
func costsName(c *kernel.Costs) string {
	all, assumed := 0, 0
	c.Each(func(_ string, cost *kernel.Cost) {
		all++
		if cost.Assumed {
			assumed++
		}
	})
	name := fmt.Sprintf("costs %s (%d of %d assumed)", c.Name, assumed, all)
	if n := len(costChanges(c)); n > 0 {
		name = fmt.Sprintf("costs %s with %s (%d of %d assumed)", c.Name, plural(n, "change", "changes"), assumed, all)
	}
	return name
}

// kernelChanges lists what differs from the profile of that name.
func kernelChanges(p *kernel.Profile) []string {
	base, err := kernel.ProfileNamed(p.Name)
	if err != nil {
		return nil
	}
	return p.Changed(base)
}

// costChanges lists what differs from the cost profile of that name.
func costChanges(c *kernel.Costs) []string {
	base, err := kernel.CostsNamed(c.Name)
	if err != nil {
		return nil
	}
	return c.Changed(&base)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(uint64(n)) + " " + many
}

// waterfall says where the packets went: under each head line, rows that add up to it.
func waterfall(res *sim.Result) *table {
	w := &res.Waterfall
	t := &table{title: "where the packets went", columns: []column{
		{"where", false}, {"fate", false}, {"packets", true}, {"share", true}, {"reason", false}, {"seen in", false}}}
	part := func(head string, total uint64, rows []sim.Row) {
		t.addHead(head, "", grouped(total), percent(total, total, 3))
		for _, r := range rows {
			reason, seen := "", ""
			if r.Reason != skb.NotDropped {
				reason, seen = r.Reason.String(), counterOf(r.Reason).String()
			}
			t.add(place(r), fate(r), grouped(r.N), percent(r.N, total, 3), reason, seen)
		}
	}
	head := "frames on the wire"
	if w.Copied > 0 {
		head += ", copies for macvlans"
	}
	part(head, w.Offered+w.Copied, w.Frames)
	if w.Delivered > 0 {
		part("copies for sockets", w.Delivered, w.Copies)
	}
	if w.Tapped > 0 {
		part("copies for taps", w.Tapped, w.Taps)
	}
	return t
}

// place names the place of a row as people call it.
func place(r sim.Row) string {
	if r.Place == "kernel" || r.Place == "reader" && r.Fate == sim.Waiting {
		return r.Place + "'s hands"
	}
	return r.Place
}

// fate says what has become of a row's packets.
func fate(r sim.Row) string {
	if r.Fate == sim.Passed {
		return "passed on"
	}
	return r.Fate.String()
}

// latency has a row per stage that packets went through.
func latency(res *sim.Result) *table {
	t := &table{title: "latency", columns: heads(1, "stage", "packets", "mean", "p50", "p90", "p99", "p99.9", "max")}
	for i := range res.Stages {
		s := &res.Stages[i]
		if s.Hist.N > 0 {
			t.add(append([]string{s.Name, grouped(s.Hist.N)}, times(&s.Hist)...)...)
		}
	}
	if len(t.rows) == 0 {
		t.add("no packet got anywhere")
	}
	return t
}

// times prints mean, p50, p90, p99, p99.9 and max.
func times(h *hist.Hist) []string {
	if h.N == 0 {
		return []string{"-", "-", "-", "-", "-", "-"}
	}
	out := []string{shortTime(h.Mean())}
	for _, ppm := range []uint64{500_000, 900_000, 990_000, 999_000} {
		out = append(out, shortTime(h.Quantile(ppm)))
	}
	return append(out, shortTime(h.Max))
}

// cpuTable has a row per busy CPU; those that idled, and the least busy of
// many, are folded.
func cpuTable(res *sim.Result) *table {
	t := &table{title: "cpu time", columns: heads(1, "CPU", "hardirq", "softirq", "ksoftirqd", "system", "user", "idle", "squeezed")}
	spun := func(*mib.CPUTime) []string { return nil }
	if slices.ContainsFunc(res.Snapshot.CPUs, func(c mib.CPU) bool { return c.Time.Spinning > 0 }) { // a column where it says something
		t.columns = append(t.columns, heads(0, "spinning")...)
		spun = func(time *mib.CPUTime) []string { return []string{share(time.Spinning, time)} }
	}
	add := func(cpu string, time *mib.CPUTime, squeezed uint64) {
		t.add(slices.Concat([]string{cpu}, shares(time), []string{grouped(squeezed)}, spun(time))...)
	}
	type one struct {
		cpu  int
		time mib.CPUTime
		busy int64
	}
	var all []one
	var idle []int
	for i := range res.Snapshot.CPUs {
		c := one{i, res.Snapshot.CPUs[i].Time, busy(&res.Snapshot.CPUs[i].Time)}
		if c.busy == 0 {
			idle = append(idle, i)
			continue
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b one) int { return cmp.Compare(b.busy, a.busy) })
	shown := all[:min(len(all), maxCPURows)]
	folded := all[len(shown):]
	shown = slices.Clone(shown)
	slices.SortFunc(shown, func(a, b one) int { return cmp.Compare(a.cpu, b.cpu) })
	for _, c := range shown {
		add(strconv.Itoa(c.cpu), &c.time, res.Snapshot.CPUs[c.cpu].Softnet.TimeSqueeze)
	}
	if len(folded) > 0 {
		var sum mib.CPUTime
		var squeezed uint64
		for _, c := range folded {
			addTime(&sum, &c.time)
			squeezed += res.Snapshot.CPUs[c.cpu].Softnet.TimeSqueeze
		}
		add(fmt.Sprintf("%d more, mean", len(folded)), &sum, squeezed)
	}
	if len(idle) > 0 {
		t.add(append([]string{ranges(idle), "-", "-", "-", "-", "-", "100%", "0"}, spun(&mib.CPUTime{})...)...)
	}
	return t
}

func addTime(sum, t *mib.CPUTime) {
	sum.Hardirq += t.Hardirq
	sum.Softirq += t.Softirq
	sum.Ksoftirqd += t.Ksoftirqd
	sum.System += t.System
	sum.User += t.User
	sum.Idle += t.Idle
	sum.Spinning += t.Spinning
}

// shares prints the shares of hardirq, softirq, ksoftirqd, system, user and idle.
func shares(t *mib.CPUTime) []string {
	var out []string
	for _, c := range contexts[:6] {
		out = append(out, share(c.time(t), t))
	}
	return out
}

// share prints a part of a CPU's time.
func share(part int64, t *mib.CPUTime) string {
	if part == 0 {
		return "-"
	}
	return percent(uint64(part), uint64(busy(t)+t.Idle), 1)
}

// ranges prints 0,2-5,7.
func ranges(sorted []int) string {
	var parts []string
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		if j == i {
			parts = append(parts, strconv.Itoa(sorted[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", sorted[i], sorted[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// sockets has a row per socket; of many, those with the most losses, then the
// longest waits, and one row for the others.
func sockets(res *sim.Result) *table {
	t := &table{title: "sockets", columns: heads(1, "socket", "rcvbuf", "read", "drops", "most queued", "rx_queue p50", "rx_queue p99", "wire_to_app p99")}
	order := make([]*sim.SocketResult, len(res.Sockets))
	for i := range order {
		order[i] = &res.Sockets[i]
	}
	shown, folded := order, order[:0]
	if len(order) > maxSocketRows+1 {
		slices.SortStableFunc(order, func(a, b *sim.SocketResult) int {
			return cmp.Or(cmp.Compare(b.Drops, a.Drops), cmp.Compare(b.WireToApp.Hist.Quantile(990_000), a.WireToApp.Hist.Quantile(990_000)))
		})
		shown, folded = order[:maxSocketRows], order[maxSocketRows:]
	}
	for _, s := range shown {
		t.add(socketRow(shorten(s.Name, 24), shortBytes(uint64(max(s.RcvBuf, 0))), s)...)
	}
	if len(folded) > 0 {
		var sum sim.SocketResult
		for _, s := range folded {
			sum.Delivered += s.Delivered
			sum.Drops += s.Drops
			sum.MaxQueued = max(sum.MaxQueued, s.MaxQueued)
			sum.RxQueue.Hist.Add(&s.RxQueue.Hist)
			sum.WireToApp.Hist.Add(&s.WireToApp.Hist)
		}
		t.add(socketRow(fmt.Sprintf("%s more, together", grouped(uint64(len(folded)))), "", &sum)...)
	}
	if len(order) == 0 {
		t.add("none")
	}
	return t
}

func socketRow(name, rcvbuf string, s *sim.SocketResult) []string {
	q, w := times(&s.RxQueue.Hist), times(&s.WireToApp.Hist)
	return []string{name, rcvbuf, grouped(s.Delivered), grouped(s.Drops), grouped(uint64(s.MaxQueued)), q[1], q[3], w[3]}
}

// shorten cuts a name in its middle.
func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	head := (most - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(most-1-head):])
}

// changes returns the changes of a run in the order of their times.
func changes(res *sim.Result) []scenario.Change {
	out := slices.Clone(res.Scenario.Changes)
	slices.SortStableFunc(out, func(a, b scenario.Change) int { return cmp.Compare(a.At, b.At) })
	return out
}

// maxChanges is how many settings a sentence lists.
const maxChanges = 6

// changeSentence lists what was changed while the run went on.
func changeSentence(all []scenario.Change) string {
	var parts []string
	for _, c := range all {
		for _, s := range c.Set {
			parts = append(parts, fmt.Sprintf("at %v %s to %s", c.At, s.Path, s.Value))
		}
	}
	more := ""
	if n := len(parts) - maxChanges; n > 0 {
		parts, more = parts[:maxChanges], fmt.Sprintf(", and %d more", n)
	}
	return "Changed while it ran: " + strings.Join(parts, ", ") + more + "."
}

// remarks are the sentences after the tables.
func remarks(in *Input) []string {
	res := in.Result
	var out []string
	if c := changes(res); len(c) > 0 {
		out = append(out, changeSentence(c))
	}
	if res.Partner > 0 {
		out = append(out, fmt.Sprintf("The link partner lost %s before the wire; no counter of this host shows them.",
			plural(int(res.Partner), "frame", "frames")))
	}
	if in.Bottleneck != nil {
		out = append(out, in.Bottleneck.Sentence())
	}
	if in.Assumptions != nil {
		out = append(out, assumptionSentence(in.Assumptions))
	}
	for i, w := range res.Warnings {
		if i == maxWarnings {
			out = append(out, fmt.Sprintf("%d more warnings.", len(res.Warnings)-i))
			break
		}
		out = append(out, "Warning: "+w)
	}
	return out
}
