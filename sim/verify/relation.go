package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/kernel"
)

// related reports whether a case has numbers that are not the same in every run
// of every kernel, and of which relations are known: sizes that depend on the
// place in a page, and bursts that another CPU begins to take off.
func (c *Case) related() bool {
	return c.observedKey("truesizes_seen") || !c.Deterministic && c.observedKey("conservation")
}

// relations checks a case whose numbers were not the same in every run of the
// recording: what holds in each of them must hold in the recording and in the
// model. It returns what was checked, and what does not hold.
func (c *Case) relations(got object) (string, []Difference) {
	switch {
	case c.observedKey("truesizes_seen"):
		return c.truesizesBetween(got)
	case c.observedKey("final_rmem_alloc_histogram"):
		return c.raceEnds(got)
	case c.observedKey("conservation"):
		return c.conserved(got)
	}
	return "", []Difference{{"observed", "a relation that is known for a case that was noisy", nil}}
}

// at finds a whole number in recorded or observed values, 0 if it is not there.
func at(v any, path ...string) int64 {
	for _, p := range path {
		switch m := v.(type) {
		case map[string]any:
			v = m[p]
		case object:
			v = m[p]
		case counters:
			v = m[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(m) {
				return 0
			}
			v = m[i]
		default:
			return 0
		}
	}
	switch n := v.(type) {
	case int64:
		return n
	case int:
		return int64(n)
	case uint64:
		return int64(n)
	}
	return 0
}

// An equation holds in every run of a burst: a sum of recorded numbers is
// another.
type equation struct {
	what        string
	left, right func(v any) int64
}

func value(p string) func(any) int64 {
	parts := strings.Split(p, "/")
	return func(v any) int64 { return at(v, parts...) }
}

func sum(fs ...func(any) int64) func(any) int64 {
	return func(v any) (n int64) {
		for _, f := range fs {
			n += f(v)
		}
		return n
	}
}

// conservation is what holds of every burst, however many packets were lost.
var conservation = []equation{
	{"sent = received + dropped", value("conservation/sent"), sum(value("conservation/socket_received"), value("conservation/softnet_dropped"))},
	{"softnet dropped = device rx_drop", value("conservation/softnet_dropped"), value("conservation/dev_rx_drop")},
	{"InReceives = received", value("after_send/Ip/InReceives"), value("conservation/socket_received")},
	{"InDelivers = InReceives", value("after_send/Ip/InDelivers"), value("after_send/Ip/InReceives")},
	{"rx_queue = rmem_alloc", value("after_send/sockets/0/proc_udp/rx_queue"), value("after_send/sockets/0/SO_MEMINFO/rmem_alloc")},
	{"CPU_BACKLOG = dropped", value("drop_reasons/CPU_BACKLOG"), value("conservation/softnet_dropped")},
	{"read = received", value("received"), value("conservation/socket_received")},
}

// conserved checks the equations, and that a packet costs the same.
func (c *Case) conserved(got object) (string, []Difference) {
	var out []Difference
	for _, e := range conservation {
		if strings.HasPrefix(e.what, "CPU_BACKLOG") && !c.observedKey("drop_reasons") {
			continue // nobody looked at the tracepoint
		}
		for who, v := range map[string]any{"recorded": any(c.observed), "model": any(got)} { // Any order: sorted below.
			if l, r := e.left(v), e.right(v); l != r {
				out = append(out, Difference{"observed (" + who + "): " + e.what, l, r})
			}
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	per := func(v any) int64 {
		return at(v, "after_send", "sockets", "0", "SO_MEMINFO", "rmem_alloc") / max(at(v, "received"), 1)
	}
	if w, g := per(any(c.observed)), per(any(got)); w != g {
		out = append(out, Difference{"observed: rmem_alloc of a datagram", w, g})
	}
	if w, g := at(any(c.observed), "conservation", "sent"), at(any(got), "conservation", "sent"); w != g {
		out = append(out, Difference{"observed.conservation.sent", w, g})
	}
	return fmt.Sprintf("conservation: sent = received + dropped; %d of %d dropped in the recording, %d in the model",
		at(any(c.observed), "conservation", "softnet_dropped"), at(any(c.observed), "conservation", "sent"), at(any(got), "conservation", "softnet_dropped")), out
}

// truesizesBetween checks sizes that depend on where in a page a packet lies:
// none is less than the packet with its overhead, and none more than a page.
func (c *Case) truesizesBetween(got object) (string, []Difference) {
	var out []Difference
	recorded, _ := c.observed["truesizes_seen"].(map[string]any)
	model, _ := got["truesizes_seen"].(object)
	for _, k := range slices.Sorted(maps.Keys(recorded)) {
		n, _ := strconv.ParseInt(k, 10, 64)
		least := n + kernel.SKBSize + kernel.SharedInfoSize
		all, _ := recorded[k].([]any)
		mine, _ := model[k].([]any)
		for _, v := range slices.Concat(all, mine) {
			t, _ := v.(int64)
			if t < least || t > pageTruesize {
				out = append(out, Difference{"observed.truesizes_seen." + k, fmt.Sprintf("%d to %d", least, pageTruesize), t})
			}
		}
	}
	return "every truesize holds the packet and its overhead, and is at most that of a page", out
}

// pageTruesize is the truesize of a packet that has a page of its own.
const pageTruesize = kernel.SKBSize + 4096

// race replays two CPUs that send into one socket at once.
func (w *world) race(m map[string]any) (object, error) {
	payload, err1 := field(m, "payload", 0, mostPayload)
	each, err2 := field(m, "each", 1, mostCount)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	cpus, _ := m["from_cpus"].([]any)
	for i, v := range cpus {
		cpu, _ := v.(int64)
		s, err := w.newSender(uint16(senderPort+i), int(cpu))
		if err != nil {
			return nil, err
		}
		for range each {
			if err := s.send(w.target(receiverPort), payload, 0); err != nil {
				return nil, err
			}
		}
	}
	if err := w.settle(); err != nil {
		return nil, err
	}
	end := w.rx[0].MemInfo()
	received := w.drain()[0].(int64)
	return object{
		"final_rmem_alloc": int64(end.RmemAlloc),
		"lost":             int64(each*len(cpus)) - received - int64(end.Drops),
	}, nil
}

// raceEnds checks where two CPUs that fill a socket at once leave it: where one
// alone does, or one datagram further.
func (c *Case) raceEnds(got object) (string, []Difference) {
	var out []Difference
	h, _ := c.observed["final_rmem_alloc_histogram"].(map[string]any)
	if _, ok := h[strconv.FormatInt(at(got, "final_rmem_alloc"), 10)]; !ok {
		out = append(out, Difference{"observed.final_rmem_alloc_histogram", fmt.Sprint(slices.Sorted(maps.Keys(h))), at(got, "final_rmem_alloc")})
	}
	if n := at(any(c.observed), "trials_where_received_plus_drops_is_not_sent"); n != 0 {
		out = append(out, Difference{"observed.trials_where_received_plus_drops_is_not_sent", int64(0), n})
	}
	if n := at(got, "lost"); n != 0 {
		out = append(out, Difference{"sent - received - drops", int64(0), n})
	}
	return "both CPUs together leave the socket at a value that was recorded; nothing is lost uncounted", out
}
