package report

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/mib"
	"github.com/seed-556df219/rxpath/sim/procfs"
)

// The metrics that name something of the host: a counter, a CPU, a socket.

// counter reads ("FILE", "NAME") or ("FILE", "NAME", "OBJECT").
func (p *parser) counter() Metric {
	const want = `counter("FILE", "NAME"), such as counter("proc/net/snmp", "Udp.InErrors")`
	p.expect('(')
	n := need{column: p.space()}
	file := p.quoted(want)
	p.expect(',')
	name := p.quoted(want)
	object, one := "", p.peek(',')
	if one {
		p.expect(',')
		object = p.quoted(want)
	}
	p.expect(')')
	n.check = func(k *known) (problem, want, near string) { return k.counter(file, name, object, one) }
	return Metric{total: !isLevel(file, name), needs: []need{n}, get: func(res *sim.Result) *big.Rat {
		var sum uint64
		found := false
		procfs.EachCounterOf(&res.Snapshot.Snapshot, file, func(o, c string, v uint64) {
			if c == name && (!one || o == object) {
				sum += v
				found = true
			}
		})
		if !found {
			return nil
		}
		return ratio(sum, 1)
	}}
}

// levels are the numbers of the host's files that can fall: no counters.
var levels = map[string][]string{
	"proc/net/softnet_stat": {"backlog_len", "input_qlen", "process_qlen"},
	"proc/net/sockstat":     {"sockets.used", "UDP.inuse", "UDP.mem", "FRAG.inuse", "FRAG.memory"},
	"proc/net/udp":          {"rx_queue"},
	"proc/stat":             {"procs_running"},
}

func isLevel(file, name string) bool { return slices.Contains(levels[file], name) }

// contexts are what cpu[N] can be asked for, with their part of the books.
var contexts = []struct {
	name string
	time func(*mib.CPUTime) int64
}{
	{"hardirq", func(t *mib.CPUTime) int64 { return t.Hardirq }},
	{"softirq", func(t *mib.CPUTime) int64 { return t.Softirq }},
	{"ksoftirqd", func(t *mib.CPUTime) int64 { return t.Ksoftirqd }},
	{"system", func(t *mib.CPUTime) int64 { return t.System }},
	{"user", func(t *mib.CPUTime) int64 { return t.User }},
	{"idle", func(t *mib.CPUTime) int64 { return t.Idle }},
	{"busy", busy},
	{"spinning", func(t *mib.CPUTime) int64 { return t.Spinning }},
}

// busy is the time that a CPU did not idle.
func busy(t *mib.CPUTime) int64 { return t.Hardirq + t.Softirq + t.Ksoftirqd + t.System + t.User }

// cpu reads .CONTEXT, the mean over all CPUs, or [N].CONTEXT.
func (p *parser) cpu() Metric {
	n := need{check: func(*known) (a, b, c string) { return }}
	cpu := -1
	if p.peek('[') {
		p.expect('[')
		n.column = p.space()
		text := p.number()
		number, err := strconv.Atoi(text)
		if err != nil && p.err == nil {
			p.fail(n.column, "no number of a CPU", "cpu[N].CONTEXT, such as cpu[2].softirq", "")
		}
		p.expect(']')
		cpu = number
		n.check = func(k *known) (problem, want, near string) {
			if cpu < k.cpus {
				return "", "", ""
			}
			return fmt.Sprintf("no CPU %d", cpu), fmt.Sprintf("0 to %d", k.cpus-1), ""
		}
	}
	p.expect('.')
	var names []string
	for _, c := range contexts {
		names = append(names, c.name)
	}
	name := p.oneOf("context", names)
	return Metric{unit: Share, needs: []need{n}, get: func(res *sim.Result) *big.Rat { return cpuShare(res, cpu, name) }}
}

// cpuShare returns the share of its time that a CPU spent in a context; that of
// all CPUs if cpu is negative.
func cpuShare(res *sim.Result, cpu int, context string) *big.Rat {
	i := 0
	for contexts[i].name != context {
		i++
	}
	var sum, all int64
	for c := range res.Snapshot.CPUs {
		if cpu < 0 || c == cpu {
			t := &res.Snapshot.CPUs[c].Time
			sum += contexts[i].time(t)
			all += busy(t) + t.Idle
		}
	}
	if all <= 0 {
		return nil
	}
	return big.NewRat(sum, all)
}

// socketFields are what socket["NAME"] can be asked for.
var socketFields = []struct {
	name  string
	unit  Unit
	total bool
	get   func(*mib.Socket) uint64
}{
	{"drops", Count, true, func(s *mib.Socket) uint64 { return s.Drops }},
	{"delivered", Count, true, func(s *mib.Socket) uint64 { return s.Delivered }},
	{"bytes", Bytes, true, func(s *mib.Socket) uint64 { return s.Bytes }},
	{"queued", Count, false, func(s *mib.Socket) uint64 { return uint64(s.Queued) }},
	{"max_queued", Count, false, func(s *mib.Socket) uint64 { return uint64(s.MaxQueued) }},
	{"rx_queue", Bytes, false, func(s *mib.Socket) uint64 { return uint64(s.RxQueue) }},
	{"rcvbuf", Bytes, false, func(s *mib.Socket) uint64 { return uint64(max(s.RcvBuf, 0)) }},
}

// socketName reads ["NAME"].
func (p *parser) socketName() (string, need) {
	p.expect('[')
	n := need{column: p.space()}
	name := p.quoted(`socket["NAME"], with the name that results show`)
	p.expect(']')
	n.check = func(k *known) (problem, want, near string) {
		if slices.Contains(k.sockets, name) {
			return "", "", ""
		}
		if len(k.sockets) == 0 {
			return fmt.Sprintf("no socket %q", clip(name)), "a scenario with sockets", ""
		}
		return fmt.Sprintf("no socket %q", clip(name)), "one of " + few(k.sockets), cfgerr.Nearest(name, k.sockets)
	}
	return name, n
}

// socket reads ["NAME"].FIELD. Sockets of the same name add up.
func (p *parser) socket() Metric {
	name, n := p.socketName()
	p.expect('.')
	var names []string
	for _, f := range socketFields {
		names = append(names, f.name)
	}
	if at := p.at; p.word() == "latency" {
		p.fail(at, "a latency is not one number", `p(socket["NAME"].latency.wire_to_app, 99), mean(...), max(...) or count(...)`, "")
	} else {
		p.at = at
	}
	word := p.oneOf("field", names)
	if p.err != nil {
		return Metric{}
	}
	f := &socketFields[slices.Index(names, word)]
	return Metric{unit: f.unit, total: f.total, needs: []need{n}, get: func(res *sim.Result) *big.Rat {
		var sum uint64
		found := false
		for i := range res.Sockets {
			if s := &res.Sockets[i]; s.Name == name {
				sum += f.get(&s.Socket)
				found = true
			}
		}
		if !found {
			return nil
		}
		return ratio(sum, 1)
	}}
}

// few lists words, the first eight of many.
func few(words []string) string {
	const most = 8
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
}
