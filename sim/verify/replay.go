package verify

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
)

// replay runs a case on a host of its own and returns what it observed there.
func replay(c *Case) (object, error) {
	if m, ok := c.stimulus.(map[string]any); ok {
		op, _ := m["op"].(string)
		switch {
		case m["ops"] != nil:
			return c.run(func(w *world) (object, error) { return w.script(m) })
		case m["sizes"] != nil:
			return c.run(func(w *world) (object, error) { return w.sizes(m) })
		case m["from_cpus"] != nil:
			return c.run(func(w *world) (object, error) { return w.race(m) })
		case op == "send":
			return c.run(func(w *world) (object, error) { return w.fill(m) })
		case op == "setsockopt":
			return c.rcvbufs()
		}
		for _, s := range sentences {
			if f := s.match.FindStringSubmatch(op); f != nil {
				return s.replay(c, f, m)
			}
		}
		return nil, notReplayable(fmt.Sprintf("stimulus.op %q is not understood", op))
	}
	l, ok := c.stimulus.([]any)
	if !ok || len(l) == 0 {
		return nil, notReplayable("stimulus is neither an object nor a list")
	}
	first, _ := l[0].(map[string]any)
	switch op, _ := first["op"].(string); {
	case op == "burst":
		return c.run(func(w *world) (object, error) { return w.bursts(l) })
	case first["dst_port"] != nil:
		return c.run(func(w *world) (object, error) { return w.memoryLimit(l) })
	default:
		return c.run(func(w *world) (object, error) { return w.sends(l) })
	}
}

// sentences are stimuli that stand in words.
var sentences = []struct {
	match  *regexp.Regexp
	replay func(c *Case, f []string, m map[string]any) (object, error)
}{
	{regexp.MustCompile(`^UDP_SEGMENT send of (\d+) x (\d+), cut in software`), (*Case).segments},
	{regexp.MustCompile(`^sysctl net\.core\.rmem_max then SO_RCVBUF$`), (*Case).rmemMax},
	{regexp.MustCompile(`^(\d+) from the peer, (\d+) from another port, alternating$`), (*Case).alternating},
	{regexp.MustCompile(`^as logged; payload (\d+)$`), (*Case).logged},
	{regexp.MustCompile(`^send (\d+) of (\d+); drain; connect; SO_RCVBUF (\d+)$`), (*Case).persisting},
	{regexp.MustCompile(`^send (\d+) of (\d+), recvmsg with \(buffer, flags\)$`), (*Case).buffers},
}

// openOn opens a bench for a case.
type openOn func(*Case) (bench, error)

// open opens the case's bench: a model, unless the case is to run elsewhere.
func (c *Case) open() (*world, error) {
	on := c.on
	if on == nil {
		on = openModel
	}
	b, err := on(c)
	if err != nil {
		return nil, err
	}
	return &world{bench: b, c: c}, nil
}

// run opens the case's bench with its sockets, and closes it.
func (c *Case) run(f func(*world) (object, error)) (object, error) {
	w, err := c.open()
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.openSockets(); err != nil {
		return nil, err
	}
	w.ready()
	o, err := f(w)
	if err == nil {
		err = w.check()
		if c.seen == nil {
			err = errors.Join(err, w.buffersGot())
		} else {
			c.seen.rcvbufs = nil
			for _, r := range w.rx {
				c.seen.rcvbufs = append(c.seen.rcvbufs, r.RcvBuf())
			}
		}
	}
	return o, err
}

// buffersGot checks SO_RCVBUF of the sockets, which was recorded at the end.
func (w *world) buffersGot() error {
	for i, r := range w.rx {
		if g := r.spec.Got; g != nil && r.RcvBuf() != *g {
			return fmt.Errorf("setup.sockets[%d].SO_RCVBUF_got: expected %d, got %d", i, *g, r.RcvBuf())
		}
	}
	want, _ := plain(w.c.setup.RcvBufGot).([]any)
	for i := range min(len(want), len(w.rx)) {
		if want[i] != any(int64(w.rx[i].RcvBuf())) {
			return fmt.Errorf("setup.SO_RCVBUF_got[%d]: expected %v, got %d", i, want[i], w.rx[i].RcvBuf())
		}
	}
	return nil
}

// needsSocket reports whether a case without a list of sockets has one.
func (w *world) needsSocket() bool {
	return len(w.c.setup.Sockets) == 0 && w.c.setup.InOpenOrder == nil
}

// target is where the recorder sends by default: the receiver's address.
func (w *world) target(port uint16) netip.AddrPort {
	a, _ := netip.ParseAddr(w.c.setup.Env.RXAddr)
	return netip.AddrPortFrom(a, port)
}

// send sends one datagram and waits until it has been received, or lost.
func (w *world) send(dst netip.AddrPort, payload int) error {
	return w.sendBy(w.firstSender(), dst, payload, 0)
}

// sendBy sends by that sender one datagram, or one that is cut into segments.
func (w *world) sendBy(s sender, dst netip.AddrPort, payload, segment int) error {
	if err := s.send(dst, payload, segment); err != nil {
		return err
	}
	return w.settle()
}

// field returns a whole number of a stimulus.
func field(m map[string]any, name string, least, most int64) (int, error) {
	n, ok := m[name].(int64)
	if !ok || n < least || n > most {
		return 0, notReplayable(fmt.Sprintf("stimulus.%s is %v: want a whole number from %d to %d", name, m[name], least, most))
	}
	return int(n), nil
}

// Bounds of what a case may ask for.
const (
	mostPayload = 65507
	mostCount   = 1 << 20
)

// sendOne returns what sends one datagram of a fill: a socket, a packet socket,
// or a process that writes to a tap device.
func (w *world) sendOne(m map[string]any, payload int) (func() error, error) {
	kind, _ := m["sender"].(string)
	switch kind {
	case "":
		dst := w.target(receiverPort)
		return func() error { return w.send(dst, payload) }, nil
	case "AF_PACKET", "tap write":
		text, given := m["frame_hex_head"].(string)
		if !given {
			return w.datagram(payload)
		}
		head, err := hex.DecodeString(text)
		if err != nil {
			return nil, notReplayable("stimulus.frame_hex_head: " + err.Error())
		}
		return w.headed(head, payload)
	}
	return nil, notReplayable(fmt.Sprintf("stimulus.sender is %q", kind))
}

// fill replays "send one by one past overflow, then drain".
func (w *world) fill(m map[string]any) (object, error) {
	payload, err1 := field(m, "payload", 0, mostPayload)
	count, err2 := field(m, "count", 0, mostCount)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if r, _ := m["reads"].(string); r != "none, then drain" {
		return nil, notReplayable(fmt.Sprintf("stimulus.reads is %q", r))
	}
	one, err := w.sendOne(m, payload)
	if err != nil {
		return nil, err
	}
	before := w.mark()
	s := w.rx[0]
	trace := make([][]int64, 0, count)
	rmem, drops := 0, uint64(0)
	accepted, untilDrop := int64(0), int64(0)
	for range count {
		if err := one(); err != nil {
			return nil, err
		}
		i := s.MemInfo()
		trace = append(trace, []int64{int64(i.RmemAlloc - rmem), int64(i.Drops - drops)})
		if i.Drops == drops {
			accepted++
			if i.Drops == 0 {
				untilDrop++
			}
		}
		rmem, drops = i.RmemAlloc, i.Drops
	}
	o := object{"accepted_total": accepted, "accepted_before_first_drop": untilDrop}
	if count > 0 {
		o["truesize_first"] = trace[0][0]
	}
	o["trace_rle"] = object{"columns": []any{"repeat", "d_rmem_alloc", "d_drops"}, "rows": runLengths(trace)}
	o["after_send"] = w.stage(before)
	full := w.mark()
	received := w.drain()
	o["after_drain"] = object{"Udp": w.tree(w.since(full))["Udp"], "received": received[0], "sockets": w.memories()}
	return o, nil
}

// stage is what has moved since a mark, with the sockets as they are.
func (w *world) stage(before any) object {
	t := w.tree(w.since(before))
	t["sockets"] = w.memories()
	return t
}

// segments replays sends that a device has to cut into datagrams.
func (c *Case) segments(f []string, m map[string]any) (object, error) {
	n, _ := strconv.Atoi(f[1])
	size, _ := strconv.Atoi(f[2])
	return c.run(func(w *world) (object, error) {
		count, err := field(m, "count", 0, mostCount)
		if err != nil {
			return nil, err
		}
		before := w.mark()
		s := w.rx[0]
		var trace [][]int64
		rmem, drops := 0, uint64(0)
		for range count {
			if err := w.sendBy(w.firstSender(), w.target(receiverPort), n*size, size); err != nil {
				return nil, err
			}
			i := s.MemInfo()
			trace = append(trace, []int64{int64(i.RmemAlloc - rmem), int64(i.Drops - drops)})
			rmem, drops = i.RmemAlloc, i.Drops
		}
		o := object{"trace_pairs_rle": object{
			"columns": []any{"repeat", "d_rmem_alloc for the two datagrams", "d_drops"}, "rows": runLengths(trace)}}
		o["after_send"] = w.stage(before)
		o["received"] = w.drain()[0]
		o["after_drain_sockets"] = w.memories()
		return o, nil
	})
}

// sizes replays scans over the payload: what each datagram is charged with.
func (w *world) sizes(m map[string]any) (object, error) {
	l, _ := m["sizes"].([]any)
	var sizes []int
	for _, v := range l {
		n, ok := v.(int64)
		if !ok || n < 0 || n > mostPayload {
			return nil, notReplayable(fmt.Sprintf("stimulus.sizes has %v", v))
		}
		sizes = append(sizes, int(n))
	}
	if w.c.observedKey("truesizes_seen") {
		seen := object{}
		for _, n := range sizes {
			t, err := w.truesize(n)
			if err != nil {
				return nil, err
			}
			seen[strconv.Itoa(n)] = []any{t}
		}
		return object{"truesizes_seen": seen}, nil
	}
	if len(sizes) != 2 || sizes[0] > sizes[1] {
		return nil, notReplayable("stimulus.sizes: want the first and the last payload")
	}
	return w.scan(sizes[0], sizes[1])
}

// truesize sends one datagram, looks at what it is charged with, and reads it.
func (w *world) truesize(payload int) (int64, error) {
	one := func() error { return w.send(w.target(receiverPort), payload) }
	if w.c.injected() {
		var err error
		if one, err = w.datagram(payload); err != nil {
			return 0, err
		}
	}
	if err := one(); err != nil {
		return 0, err
	}
	s := w.rx[0]
	t := int64(s.MemInfo().RmemAlloc)
	if _, err := s.recv(); err != nil {
		return 0, fmt.Errorf("payload %d was not received", payload)
	}
	return t, nil
}

// injected reports whether a scan writes frames instead of sending datagrams:
// always on a tap device; on veth the description says so.
func (c *Case) injected() bool {
	return c.setup.Env.Kind == "tap" || afPacket.MatchString(c.Description)
}

var afPacket = regexp.MustCompile(`\bAF_PACKET\b`)

// scan finds the ranges of payloads with the same truesize, or with one that
// grows by the byte.
func (w *world) scan(first, last int) (object, error) {
	type span struct{ from, to, at, slope int64 }
	var spans []span
	for p := first; p <= last; p++ {
		t, err := w.truesize(p)
		if err != nil {
			return nil, err
		}
		n := int64(p)
		if len(spans) > 0 {
			s := &spans[len(spans)-1]
			if t == s.at+s.slope*(n-s.from) {
				s.to = n
				continue
			}
			if s.from == s.to && t == s.at+1 {
				s.to, s.slope = n, 1
				continue
			}
		}
		spans = append(spans, span{n, n, t, 0})
	}
	rows := []any{}
	for _, s := range spans {
		rows = append(rows, []any{s.from, s.to, s.at, s.slope})
	}
	return object{"truesize": object{"columns": []any{"first_payload", "last_payload", "truesize_at_first", "slope_per_byte"}, "rows": rows}}, nil
}
