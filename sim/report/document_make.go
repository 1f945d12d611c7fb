package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/goccy/go-yaml"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// makeDocument fills in the JSON of a run.
func makeDocument(in *Input) (*document, error) {
	res := in.Result
	checks, err := CheckThresholds(res)
	if err != nil {
		return nil, err
	}
	canonical, err := scenarioJSON(in.Scenario)
	if err != nil {
		return nil, err
	}
	l := &res.Snapshot.Ledger
	d := &document{
		Schema: Schema, ResultsVersion: ResultsVersion, Version: in.Version,
		Name: res.Scenario.Name, Scenario: canonical, Seed: res.Scenario.Run.Seed,
		Complete: res.Complete, TimeNS: nanoseconds(res.Time), Digest: fmt.Sprintf("%016x", res.Digest),
		Kernel: makeKernel(&res.Scenario.Host.Kernel), Costs: makeCosts(&res.Scenario.Host.Costs),
		Drops: l.Drops(), Rejects: l.Rejects(), PartnerLost: res.Partner, Ledger: makeLedger(l),
		Waterfall: makeWaterfall(&res.Waterfall), Counters: procfs.Counters(&res.Snapshot.Snapshot),
		Latency: map[string]latencyDoc{}, Sockets: []socketDoc{}, CPU: []cpuDoc{},
		Changes: []changeDoc{}, Thresholds: []thresholdDoc{}, Warnings: append([]string{}, res.Warnings...),
		Bottleneck: makeBottleneck(in.Bottleneck), Assumptions: makeAssumptions(in.Assumptions),
	}
	for _, c := range changes(res) {
		for _, s := range c.Set {
			d.Changes = append(d.Changes, changeDoc{nanoseconds(c.At), s.Path, s.Value})
		}
	}
	for i := range res.Stages {
		d.Latency[res.Stages[i].Name] = makeLatency(&res.Stages[i], in.Histograms)
	}
	for i := range res.Sockets {
		d.Sockets = append(d.Sockets, makeSocket(&res.Sockets[i], in.Histograms))
	}
	for i := range res.Snapshot.CPUs {
		d.CPU = append(d.CPU, makeCPU(i, &res.Snapshot.CPUs[i]))
	}
	for _, c := range checks {
		d.Thresholds = append(d.Thresholds, thresholdDoc{c.OK, c.Threshold, c.Value})
	}
	return d, nil
}

// scenarioJSON converts a canonical scenario to JSON with sorted keys.
func scenarioJSON(canonical []byte) (json.RawMessage, error) {
	if len(bytes.TrimSpace(canonical)) == 0 {
		return json.RawMessage("null"), nil
	}
	text := canonical
	if !json.Valid(text) {
		var err error
		if text, err = yaml.YAMLToJSON(canonical); err != nil {
			return nil, fmt.Errorf("report: the canonical scenario is neither JSON nor YAML: %w", err)
		}
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("report: the canonical scenario: %w", err)
	}
	if _, ok := tree.(map[string]any); !ok {
		return nil, fmt.Errorf("report: the canonical scenario is no mapping")
	}
	return json.Marshal(tree)
}

func makeKernel(p *kernel.Profile) kernelDoc {
	return kernelDoc{Profile: p.Name, Recorded: p.Recorded(), Source: p.Source, Changed: append([]string{}, kernelChanges(p)...)}
}

func makeCosts(c *kernel.Costs) costsDoc {
	d := costsDoc{Profile: c.Name, Description: c.Description, CPU: c.CPU, Source: c.Source,
		Changed: append([]string{}, costChanges(c)...), Assumed: []string{}, Steps: map[string]costDoc{}}
	c.Each(func(key string, cost *kernel.Cost) {
		d.Steps[key] = costDoc{Assumed: cost.Assumed, FixedNS: nanoseconds(cost.Fixed), PerByteNS: nanoseconds(cost.PerByte), Source: cost.Source}
		if cost.Assumed {
			d.Assumed = append(d.Assumed, key)
		}
	})
	return d
}

func makeLedger(l *skb.Ledger) ledgerDoc {
	d := ledgerDoc{Born: l.Born(), Clones: l.Clones, Frames: l.Frames, Consumed: l.Consumed, Live: l.Live(), Merged: l.Merged, Dropped: map[string]uint64{}}
	for r, n := range l.Dropped {
		if n > 0 {
			d.Dropped[skb.DropReason(r).String()] = n
		}
	}
	return d
}

func makeWaterfall(w *sim.Waterfall) waterfallDoc {
	rows := func(rows []sim.Row) []rowDoc {
		out := []rowDoc{}
		for _, r := range rows {
			d := rowDoc{Place: r.Place, Fate: r.Fate.String(), N: r.N}
			if r.Reason != skb.NotDropped {
				d.Reason = r.Reason.String()
			}
			out = append(out, d)
		}
		return out
	}
	return waterfallDoc{Offered: w.Offered, Copied: w.Copied, Frames: rows(w.Frames), Delivered: w.Delivered, Copies: rows(w.Copies), Tapped: w.Tapped, Taps: rows(w.Taps)}
}

func makeLatency(s *sim.Stage, histogram bool) latencyDoc {
	h := &s.Hist
	q := func(ppm uint64) nanoseconds { return nanoseconds(h.Quantile(ppm)) }
	d := latencyDoc{From: s.From, To: s.To, N: h.N, MeanNS: nanoseconds(h.Mean()), MaxNS: nanoseconds(h.Max),
		P50NS: q(500_000), P90NS: q(900_000), P99NS: q(990_000), P999NS: q(999_000)}
	if histogram {
		d.Histogram = buckets(h)
	}
	return d
}

func buckets(h *hist.Hist) (out []bucketDoc) {
	h.Each(func(first, last engine.Time, n uint64) bool {
		out = append(out, bucketDoc{nanoseconds(first), nanoseconds(last), n})
		return true
	})
	return out
}

func makeSocket(s *sim.SocketResult, histogram bool) socketDoc {
	d := socketDoc{App: s.App, Name: s.Name, Local: address(s.Local, s.LocalPort), Inode: s.Inode, RcvBuf: s.RcvBuf,
		RxQueue: s.Socket.RxQueue, Queued: s.Queued, MaxQueued: s.MaxQueued, Delivered: s.Delivered, Bytes: s.Bytes, Drops: s.Drops,
		Latency: map[string]latencyDoc{}}
	if s.Connected {
		d.Remote = address(s.Remote, s.RemotePort)
	}
	d.Latency["rx_queue"] = makeLatency(&s.RxQueue, histogram)
	d.Latency["wire_to_app"] = makeLatency(&s.WireToApp, histogram)
	return d
}

// address prints an address of a snapshot as people write it.
func address(addr uint32, port uint16) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)}), port).String()
}

func makeCPU(n int, c *mib.CPU) cpuDoc {
	t := &c.Time
	return cpuDoc{CPU: n, HardirqNS: nanoseconds(t.Hardirq), SoftirqNS: nanoseconds(t.Softirq), KsoftirqdNS: nanoseconds(t.Ksoftirqd),
		SystemNS: nanoseconds(t.System), UserNS: nanoseconds(t.User), IdleNS: nanoseconds(t.Idle), SpinningNS: nanoseconds(t.Spinning),
		ContextSwitches: c.ContextSwitches, Preemptions: c.Preemptions, Wakeups: c.Wakeups, Restarts: c.Restarts, KsoftirqdWakeups: c.KsoftirqdWakeups}
}

func makeBottleneck(b *Bottleneck) *bottleneckDoc {
	if b == nil {
		return nil
	}
	d := &bottleneckDoc{Stage: b.Stage, Knob: b.Knob, Objective: b.Objective.String(), Sentence: b.Sentence(),
		Counter:  counterDoc{b.Counter.File, b.Counter.Name, b.Value},
		WindowNS: nanoseconds(b.Window), Base: makeTrial(&b.Base), Trials: map[string]trialDoc{}}
	for i := range b.Trials {
		d.Trials[b.Trials[i].Stage] = makeTrial(&b.Trials[i])
	}
	return d
}

func makeTrial(t *Trial) trialDoc {
	return trialDoc{Counts: t.Counts, ImprovementPercent: tenths(t.Permille), Lost: t.Lost, P99NS: nanoseconds(t.P99), Served: t.Served}
}

func makeAssumptions(all []Assumption) []assumptionDoc {
	if all == nil {
		return nil
	}
	out := []assumptionDoc{}
	for i := range all {
		out = append(out, assumptionDoc{Key: all[i].Key, Half: makeTrial(&all[i].Half), More: makeTrial(&all[i].More)})
	}
	return out
}
