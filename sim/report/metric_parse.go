package report

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/hist"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// ParseMetric reads a metric; docs/metrics.md has the grammar. The error is a
// *[MetricError].
func ParseMetric(s string) (Metric, error) {
	s = strings.TrimSpace(s)
	p := &parser{scanner: scanner{text: s}}
	m := p.metric()
	if p.space(); p.err == nil && p.at < len(s) {
		p.fail(p.at, p.found(), "the end of the metric", "")
	}
	if p.err != nil {
		return Metric{}, p.err
	}
	return m, nil
}

// A parser reads metrics by recursive descent, a method for each form.
type parser struct {
	scanner
	nested int
}

// metricWords are what a metric may begin with.
var metricWords = []string{"drops", "rejects", "offered", "delivered", "consumed", "born", "live", "partner_lost",
	"p", "mean", "max", "count", "rate", "share", "counter", "cpu", "socket"}

// metric reads any metric.
func (p *parser) metric() (m Metric) {
	if p.nested++; p.nested > maxNested || len(p.text) > maxMetric {
		p.fail(p.at, "too long or too deep", "a metric such as drops", "")
		return m
	}
	defer func() { p.nested-- }()
	at := p.space()
	from := p.at
	word := p.word()
	switch word {
	case "drops", "rejects":
		m = p.dropped(word)
	case "offered", "delivered", "consumed", "born", "live", "partner_lost":
		m = packets(word)
	case "p":
		m = p.percentile()
	case "mean", "max", "count":
		m = p.ofHistogram(word)
	case "rate", "share":
		m = p.relative(word)
	case "counter":
		m = p.counter()
	case "cpu":
		m = p.cpu()
	case "socket":
		m = p.socket()
	case "":
		p.fail(at, p.found(), "a metric such as drops or p(latency.wire_to_app, 99)", "")
	case "latency":
		p.fail(at, "a latency is not one number", "p(latency.STAGE, 99), mean(latency.STAGE), max(latency.STAGE) or count(latency.STAGE)", "")
	default:
		p.fail(at, "unknown metric "+strconv.Quote(clip(word)), "one of "+strings.Join(metricWords, ", "), cfgerr.Near(word, metricWords))
	}
	if p.err != nil {
		return Metric{}
	}
	m.text = p.text[from:p.at]
	return m
}

// oneOf reads a word that must be one of words.
func (p *parser) oneOf(what string, words []string) string {
	at := p.at
	w := p.word()
	for _, known := range words {
		if w == known {
			return w
		}
	}
	if w == "" {
		p.fail(at, p.found(), "the name of a "+what+": "+strings.Join(words, ", "), "")
	}
	p.fail(at, "unknown "+what+" "+strconv.Quote(clip(w)), "one of "+strings.Join(words, ", "), cfgerr.Nearest(w, words))
	return ""
}

// dot reports whether a point follows, and passes over it.
func (p *parser) dot() bool {
	if p.err != nil || p.at >= len(p.text) || p.text[p.at] != '.' {
		return false
	}
	p.at++
	return true
}

// dropped reads what follows drops or rejects: nothing, .all or .REASON.
func (p *parser) dropped(word string) Metric {
	lost, other, sum := true, "rejects.", (*skb.Ledger).Drops
	if word == "rejects" {
		lost, other, sum = false, "drops.", (*skb.Ledger).Rejects
	}
	if !p.dot() {
		return counting(func(res *sim.Result) uint64 { return sum(&res.Snapshot.Ledger) })
	}
	at := p.at
	var words []string
	reasons := map[string]skb.DropReason{}
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		reasons[r.String()] = r
		if r.Lost() == lost {
			words = append(words, r.String())
		}
	}
	if lost {
		words = append(words, "all")
	}
	if w := p.word(); reasons[w] != 0 && reasons[w].Lost() != lost {
		p.fail(at, w+" is not one of the "+word, "", other+w)
		return Metric{}
	}
	p.at = at
	w := p.oneOf("reason", words)
	if w == "all" {
		return counting(func(res *sim.Result) uint64 { l := &res.Snapshot.Ledger; return l.Drops() + l.Rejects() })
	}
	r := reasons[w]
	return counting(func(res *sim.Result) uint64 { return res.Snapshot.Ledger.Dropped[r] })
}

// counting returns a metric of a number that only grows.
func counting(get func(*sim.Result) uint64) Metric {
	return Metric{total: true, get: func(res *sim.Result) *big.Rat { return ratio(get(res), 1) }}
}

// packets returns the metric of one of the ledger's numbers.
func packets(word string) Metric {
	m := counting(func(res *sim.Result) uint64 {
		l := &res.Snapshot.Ledger
		switch word {
		case "offered":
			return l.Frames
		case "delivered":
			return res.Waterfall.Delivered
		case "consumed":
			return l.Consumed
		case "born":
			return l.Born()
		case "live":
			return l.Live()
		}
		return res.Partner
	})
	m.total = word != "live"
	return m
}

// percentile reads (HISTOGRAM, PERCENT).
func (p *parser) percentile() Metric {
	p.expect('(')
	h := p.histogram()
	p.expect(',')
	at := p.space()
	ppm := p.percent(at, p.number())
	p.expect(')')
	return Metric{unit: Duration, needs: h.needs, get: func(res *sim.Result) *big.Rat {
		if d := h.get(res); d != nil && d.N > 0 {
			return big.NewRat(int64(d.Quantile(ppm)), 1)
		}
		return nil
	}}
}

// percent converts 99.9 to 999000 millionths.
func (p *parser) percent(at int, number string) uint64 {
	const want = "a percentage above 0, up to 100, such as 99.9"
	r, ok := new(big.Rat).SetString(number)
	if number == "" || !ok {
		p.fail(at, p.found(), want, "")
		return 0
	}
	ppm := r.Mul(r, big.NewRat(10_000, 1))
	switch {
	case ppm.Sign() <= 0 || ppm.Cmp(big.NewRat(1_000_000, 1)) > 0:
		p.fail(at, "percentile "+clip(number), want, "")
		return 0
	case !ppm.IsInt():
		p.fail(at, "percentile "+clip(number)+" is finer than 0.0001", want, "")
		return 0
	}
	return ppm.Num().Uint64()
}

// ofHistogram reads (HISTOGRAM).
func (p *parser) ofHistogram(word string) Metric {
	p.expect('(')
	h := p.histogram()
	p.expect(')')
	if word == "count" {
		return Metric{total: true, needs: h.needs, get: func(res *sim.Result) *big.Rat {
			if d := h.get(res); d != nil {
				return ratio(d.N, 1)
			}
			return nil
		}}
	}
	return Metric{unit: Duration, needs: h.needs, get: func(res *sim.Result) *big.Rat {
		switch d := h.get(res); {
		case d == nil || d.N == 0:
			return nil
		case word == "max":
			return big.NewRat(int64(d.Max), 1)
		default:
			return big.NewRat(int64(d.Mean()), 1)
		}
	}}
}

// histogram reads latency.STAGE or socket["NAME"].latency.STAGE.
func (p *parser) histogram() (h histogramMetric) {
	at := p.space()
	switch word := p.word(); word {
	case "latency":
		return p.stage()
	case "socket":
		name, n := p.socketName()
		p.expect('.')
		p.oneOf("latency", []string{"latency"})
		p.expect('.')
		stage := p.oneOf("stage", []string{"rx_queue", "wire_to_app"})
		return histogramMetric{needs: []need{n}, get: func(res *sim.Result) *hist.Hist {
			return socketLatency(res, name, stage)
		}}
	default:
		p.at = at
		if p.word() == "" {
			p.fail(at, p.found(), `latency.STAGE or socket["NAME"].latency.STAGE`, "")
		}
		p.fail(at, "no latency "+strconv.Quote(clip(word)), `latency.STAGE or socket["NAME"].latency.STAGE`, cfgerr.Nearest(word, []string{"latency", "socket"}))
	}
	return h
}

// stage reads .STAGE.
func (p *parser) stage() histogramMetric {
	p.expect('.')
	stage := p.oneOf("stage", stages)
	return histogramMetric{get: func(res *sim.Result) *hist.Hist {
		for i := range res.Stages {
			if res.Stages[i].Name == stage {
				return &res.Stages[i].Hist
			}
		}
		return nil
	}}
}

// socketLatency adds up the latencies of all sockets of that name.
func socketLatency(res *sim.Result, name, stage string) *hist.Hist {
	var sum *hist.Hist
	for i := range res.Sockets {
		s := &res.Sockets[i]
		if s.Name != name {
			continue
		}
		if sum == nil {
			sum = new(hist.Hist)
		}
		if stage == "rx_queue" {
			sum.Add(&s.RxQueue.Hist)
		} else {
			sum.Add(&s.WireToApp.Hist)
		}
	}
	return sum
}

// relative reads (METRIC) after rate or share.
func (p *parser) relative(word string) Metric {
	p.expect('(')
	at := p.space()
	m := p.metric()
	p.expect(')')
	switch {
	case p.err != nil:
		return Metric{}
	case !m.total || word == "share" && m.unit != Count:
		p.fail(at, "no "+word+" of "+m.text, "something that is counted, such as drops", "")
		return Metric{}
	case word == "share":
		return Metric{unit: Share, needs: m.needs, get: func(res *sim.Result) *big.Rat {
			v, all := m.get(res), res.Snapshot.Ledger.Frames
			if v == nil || all == 0 {
				return nil
			}
			return v.Quo(v, ratio(all, 1))
		}}
	}
	return Metric{unit: PerSecond, needs: m.needs, get: func(res *sim.Result) *big.Rat {
		v := m.get(res)
		if v == nil || res.Time <= 0 {
			return nil
		}
		return v.Mul(v, big.NewRat(int64(engine.Second), int64(res.Time)))
	}}
}
