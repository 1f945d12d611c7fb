package verify

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
)

// sends replays a list of sends and of frames, and what the sockets have then.
func (w *world) sends(l []any) (object, error) {
	if err := w.beforeMeasured(); err != nil {
		return nil, err
	}
	columns := w.c.columnar()
	before := w.mark()
	for i, o := range l {
		m, _ := o.(map[string]any)
		if err := w.doSend(m); err != nil {
			return nil, fmt.Errorf("stimulus[%d]: %w", i, err)
		}
	}
	if t := w.c.wait(); t > 0 {
		if err := w.wait(t); err != nil {
			return nil, err
		}
	}
	d := w.since(before)
	stage := w.tree(d)
	stage["sockets"] = w.memories()
	if columns {
		stage["sockets"] = w.columns()
	}
	out := object{"after_send": stage, "after": stage, "drop_reasons": w.shown(d.drops), "packet_tap_received": w.tapped()}
	w.readAll(out, columns)
	return out, nil
}

// columnar reports whether a case has the sockets' numbers as columns.
func (c *Case) columnar() bool {
	m, _ := c.observed["after_send"].(map[string]any)
	_, isMap := m["sockets"].(map[string]any)
	return isMap
}

// beforeMeasured replays what was sent before the recorder began to count.
func (w *world) beforeMeasured() error {
	for i, m := range w.c.setup.Before {
		if err := w.doSend(plain(any(m)).(map[string]any)); err != nil {
			return fmt.Errorf("setup.before_the_measured_part[%d]: %w", i, err)
		}
	}
	if w.c.seen != nil {
		w.c.seen.before = w.columns()
		return nil
	}
	if want := w.c.setup.SocketsBefore; want != nil {
		if d := compare(nil, "setup.sockets_before", plain(any(want)), w.columns()); len(d) > 0 {
			return errors.New(d[0].String())
		}
	}
	return nil
}

// readAll reads every socket empty and notes what came of it.
func (w *world) readAll(out object, columns bool) {
	full := w.mark()
	if w.c.observedKey("received_lengths") {
		lengths := []any{}
		for _, r := range w.rx {
			for {
				d, err := r.recv()
				if err != nil {
					break
				}
				lengths = append(lengths, int64(d.Len))
			}
		}
		out["received_lengths"] = lengths
		out["after_drain"] = object{"Udp": w.tree(w.since(full))["Udp"]}
		return
	}
	received := w.drain()
	drained := w.since(full)
	out["received"] = received
	out["received_sorted"] = ascending(received)
	drops := []any{}
	for _, r := range w.rx {
		drops = append(drops, int64(r.drops()))
	}
	out["drops_sorted"] = ascending(drops)
	after := object{"Udp": w.tree(drained)["Udp"], "received": received, "drop_reasons": w.shown(drained.drops), "errors": []any{}}
	if !columns {
		after["sockets"] = w.memories()
	}
	out["after_drain"] = after
}

func ascending(l []any) []any {
	l = slices.Clone(l)
	slices.SortFunc(l, func(a, b any) int { return int(a.(int64) - b.(int64)) })
	return l
}

var opSegment = regexp.MustCompile(`^send UDP_SEGMENT=(\d+)$`)

// doSend replays one entry of a list of sends.
func (w *world) doSend(m map[string]any) error {
	op, _ := m["op"].(string)
	if op == "close" {
		return w.closeSocket(m)
	}
	count, err := field(m, "count", 0, mostCount)
	if err != nil {
		return err
	}
	if op == "inject" {
		return w.injectAll(m, count)
	}
	payload, err := field(m, "payload", 0, mostPayload)
	if err != nil {
		return err
	}
	dst := w.target(receiverPort)
	if l, ok := m["dst"].([]any); ok {
		if dst, err = addrPort(l); err != nil {
			return notReplayable("stimulus: dst: " + err.Error())
		}
	}
	segment := 0
	if f := opSegment.FindStringSubmatch(op); f != nil {
		segment, _ = strconv.Atoi(f[1])
	} else if op != "send" {
		return notReplayable(fmt.Sprintf("op %q is not understood", op))
	}
	if flows, ok := m["flows"]; ok && flows != any(int64(1)) {
		return notReplayable(fmt.Sprintf("flows is %v: their ports are not recorded", flows))
	}
	for range count {
		if err := w.sendBy(w.firstSender(), dst, payload, segment); err != nil {
			return err
		}
	}
	return nil
}

// injectAll sends a frame so many times, byte by byte as it was recorded.
func (w *world) injectAll(m map[string]any, count int) error {
	text, _ := m["hex"].(string)
	data, err := hex.DecodeString(text)
	if err != nil {
		return notReplayable("stimulus: hex: " + err.Error())
	}
	if n, ok := m["len"].(int64); ok && n != int64(len(data)) {
		return notReplayable(fmt.Sprintf("stimulus: len is %d, and hex has %d bytes", n, len(data)))
	}
	one, err := w.frame(data)
	if err != nil {
		return err
	}
	for range count {
		if err := one(); err != nil {
			return err
		}
	}
	return nil
}

// closes reports whether a case closes a socket.
func (c *Case) closes() bool {
	l, _ := c.stimulus.([]any)
	return slices.ContainsFunc(l, func(o any) bool {
		m, _ := o.(map[string]any)
		return m["op"] == "close"
	})
}

func (w *world) closeSocket(m map[string]any) error {
	i, err := field(m, "socket", 0, int64(len(w.rx)-1))
	if err != nil {
		return err
	}
	w.rx[i].Close()
	w.rx = slices.Delete(w.rx, i, i+1)
	return nil
}

// memoryLimit replays what happens at the limit of udp_mem: one socket is filled
// up to it, then the listed sends follow.
func (w *world) memoryLimit(l []any) (object, error) {
	first, _ := l[0].(map[string]any)
	payload, err := field(first, "payload", 0, mostPayload)
	if err != nil {
		return nil, err
	}
	fill := w.rx[0]
	for n := 0; n < mostFilled && fill.drops() == 0; n++ {
		if err := w.send(w.target(receiverPort), payload); err != nil {
			return nil, err
		}
	}
	out := object{"a_drop_came_before": fill.drops() > 0}
	drops := fill.drops()
	before := w.mark()
	count, err := field(first, "count", 0, mostCount)
	if err != nil {
		return nil, err
	}
	for range count {
		if err := w.send(w.portOf(first), payload); err != nil {
			return nil, err
		}
	}
	d := w.since(before)
	stage := w.tree(d)
	stage["socket_drops"] = int64(fill.drops() - drops)
	out["after_send"], out["drop_reasons"] = stage, w.shown(d.drops)
	return out, w.second(l, out)
}

// mostFilled is where the recorder gave up filling a socket.
const mostFilled = 8000

func (w *world) portOf(m map[string]any) netip.AddrPort {
	p, _ := m["dst_port"].(int64)
	return w.target(uint16(p))
}

// second opens the sockets that come later, and replays what they get.
func (w *world) second(l []any, out object) error {
	for _, spec := range w.c.setup.sockets {
		if spec.Opened == "" {
			continue
		}
		if err := w.openSocket(spec); err != nil {
			return err
		}
	}
	if len(l) < 2 || len(w.rx) < 2 {
		return nil
	}
	m, _ := l[1].(map[string]any)
	payload, err1 := field(m, "payload", 0, mostPayload)
	count, err2 := field(m, "count", 0, mostCount)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	before := w.mark()
	rows := []any{}
	for range count {
		if err := w.send(w.portOf(m), payload); err != nil {
			return err
		}
		i := w.rx[1].MemInfo()
		rows = append(rows, []any{int64(i.RmemAlloc), int64(i.FwdAlloc), int64(i.Drops)})
	}
	out["second_socket"] = object{"columns": []any{"rmem_alloc", "fwd_alloc", "drops"}, "rows": rows, "Udp": w.tree(w.since(before))["Udp"]}
	return nil
}
