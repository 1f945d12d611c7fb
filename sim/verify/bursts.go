package verify

import (
	"fmt"
	"regexp"
)

// A burst that tc mirred multiplies is one send, cut into at most so many
// datagrams, and copies of each (UDP_MAX_SEGMENTS).
const mostSegments = 64

var multiplied = regexp.MustCompile(`multiplied by tc mirred`)

// copies returns how many copies of each datagram of a send a burst needs, and
// how many datagrams the send is cut into.
func (c *Case) copies(packets int) (copies, segments int, err error) {
	if !multiplied.MatchString(c.setup.Burst) {
		return 1, packets, nil
	}
	segments = packets
	devices := 1
	if c.secondDevice() {
		devices = 2
		segments /= 2
	}
	copies = devices
	for segments > mostSegments {
		if segments%2 != 0 {
			return 0, 0, notReplayable(fmt.Sprintf("%d packets are no multiple of a send", packets))
		}
		segments /= 2
		copies *= 2
	}
	return copies, segments, nil
}

// mirrors are the interfaces by which each packet goes out before it goes out
// itself, so that it is there as often as the case's bursts need.
func (c *Case) mirrors() []string {
	l, _ := c.stimulus.([]any)
	if len(l) == 0 {
		return nil
	}
	m, _ := l[0].(map[string]any)
	n, _ := m["packets"].(int64)
	if m["op"] != "burst" || n <= 0 || n > mostCount {
		return nil
	}
	copies, _, err := c.copies(int(n))
	if err != nil {
		return nil
	}
	var out []string
	for i := 1; i < copies; i++ {
		if c.secondDevice() && i%2 == 1 {
			out = append(out, "vt1")
		} else {
			out = append(out, "vt0")
		}
	}
	return out
}

// secondDevice reports whether bursts arrive by two devices.
func (c *Case) secondDevice() bool {
	m, _ := c.observed["after_send"].(map[string]any)
	_, ok := m["dev2"]
	return ok
}

// bursts replays bursts that reach the receiver inside one section without
// softirqs each.
func (w *world) bursts(l []any) (object, error) {
	n := w.c.setup.WarmUp
	for range n + w.moreWarmUps(n, 1+len(w.c.mirrors())) {
		if err := w.warm(); err != nil {
			return nil, err
		}
	}
	before := w.mark()
	sent := int64(0)
	rows := []any{}
	for i, o := range l {
		m, _ := o.(map[string]any)
		packets, err := field(m, "packets", 1, mostCount)
		if err != nil {
			return nil, err
		}
		payload, err := field(m, "payload", 0, mostPayload)
		if err != nil {
			return nil, err
		}
		if m["op"] != "burst" {
			return nil, notReplayable(fmt.Sprintf("stimulus[%d]: op is %v", i, m["op"]))
		}
		if err := w.burst(packets, payload); err != nil {
			return nil, err
		}
		sent += int64(packets)
		d := w.since(before)
		dropped, squeezed := []any{}, []any{}
		for _, cpu := range d.softnet {
			dropped = append(dropped, cpu["dropped"])
			squeezed = append(squeezed, cpu["time_squeeze"])
		}
		rows = append(rows, []any{int64(packets), int64(payload), dropped, squeezed})
	}
	if err := w.settle(); err != nil {
		return nil, err
	}
	d := w.since(before)
	stage := w.tree(d)
	stage["sockets"] = w.memories()
	out := object{"after_send": stage, "drop_reasons": w.shown(d.drops), "sender_dev": d.sender}
	out["per_burst_cumulative"] = object{"columns": []any{"packets", "payload", "softnet_dropped_by_cpu", "time_squeeze_by_cpu"}, "rows": rows}
	softnet := int64(0)
	for _, cpu := range d.softnet {
		softnet += cpu["dropped"]
	}
	received := w.drain()[0]
	out["received"] = received
	out["conservation"] = object{"sent": sent, "socket_received": received, "softnet_dropped": softnet, "dev_rx_drop": d.dev[w.c.setup.Env.RXDev]["rx_drop"], "sender_tx_drop": d.sender["tx_drop"]}
	return out, nil
}

// warm sends one datagram, and reads it.
func (w *world) warm() error {
	if err := w.send(w.target(receiverPort), alternatingPayload); err != nil {
		return err
	}
	w.drain()
	return nil
}

// burst sends so many datagrams inside one section without softirqs.
func (w *world) burst(packets, payload int) error {
	copies, segments, err := w.c.copies(packets)
	if err != nil {
		return err
	}
	if copies*segments != packets {
		return notReplayable(fmt.Sprintf("a burst of %d packets", packets))
	}
	if payload == 0 {
		return notReplayable("a burst without payload can't be one send")
	}
	return w.sendBy(w.firstSender(), w.target(receiverPort), segments*payload, payload)
}
