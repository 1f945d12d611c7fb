package verify

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/seed-556df219/rxpath/socket"
)

// A step is one row of a script: what was done, and the socket after it.
type step struct {
	op       string
	arg, res int64
	info     socket.MemInfo
	queue    int
	in       uint64 // InDatagrams since the beginning
}

// cells are the columns that a script's rows may have.
var cells = map[string]func(*step) any{
	"op":                    func(s *step) any { return s.op },
	"arg":                   func(s *step) any { return s.arg },
	"result":                func(s *step) any { return s.res },
	"SO_MEMINFO.rmem_alloc": func(s *step) any { return int64(s.info.RmemAlloc) },
	"proc_udp.rx_queue":     func(s *step) any { return int64(s.queue) },
	"fwd_alloc":             func(s *step) any { return int64(s.info.FwdAlloc) },
	"drops":                 func(s *step) any { return int64(s.info.Drops) },
	"InDatagrams":           func(s *step) any { return int64(s.in) },
}

// A player replays a script of sends and reads on one socket.
type player struct {
	*world
	s        *receiver
	steps    []step
	start    uint64
	received int64
}

// row notes what was done and what the socket shows now.
func (p *player) row(op string, arg, res int64) {
	queue, _ := p.s.ProcUDP()
	p.steps = append(p.steps, step{op: op, arg: arg, res: res, info: p.s.MemInfo(), queue: queue, in: p.inDatagrams() - p.start})
}

// script replays a list of operations and returns the state after each.
func (w *world) script(m map[string]any) (object, error) {
	ops, ok := m["ops"].([]any)
	if !ok {
		return nil, notReplayable("stimulus.ops is no list")
	}
	p := &player{world: w, s: w.rx[0], start: w.inDatagrams()}
	before := w.mark()
	for i, o := range ops {
		l, _ := o.([]any)
		if err := p.do(l); err != nil {
			return nil, fmt.Errorf("stimulus.ops[%d]: %w", i, err)
		}
	}
	out := object{"received": p.received, "after": w.stage(before)}
	out["left_in_queue"] = int64(p.s.Queued())
	steps, _ := w.c.observed["steps"].(map[string]any)
	columns, _ := steps["columns"].([]any)
	rows := []any{}
	for i := range p.steps {
		row := []any{}
		for _, c := range columns {
			name, _ := c.(string)
			if f := cells[name]; f != nil {
				row = append(row, f(&p.steps[i]))
			} else {
				return nil, notReplayable(fmt.Sprintf("observed.steps.columns: %q is not known", name))
			}
		}
		rows = append(rows, row)
	}
	out["steps"] = object{"columns": columns, "result": steps["result"], "rows": rows}
	return out, nil
}

// do replays one operation, as the recorder's own description of them has it.
func (p *player) do(l []any) error {
	if len(l) == 0 {
		return notReplayable("an empty operation")
	}
	op, _ := l[0].(string)
	arg := func(i int) int {
		if i < len(l) {
			if n, ok := l[i].(int64); ok && n >= 0 && n <= mostCount {
				return int(n)
			}
		}
		return -1
	}
	a, b := arg(1), arg(2)
	switch {
	case op == "s" && a >= 0 && a <= mostPayload && b >= 0:
		for range b {
			if _, err := p.sendRow(a, true); err != nil {
				return err
			}
		}
		return nil
	case op == "f" && a >= 0 && a <= mostPayload && b >= 0:
		return p.fillUp(a, b, len(l) > 3 && l[3] == "quiet")
	case (op == "r" || op == "r0") && a >= 0:
		return p.read(a, op == "r0")
	case op == "rq" && a >= 0:
		n := int64(0)
		for range a {
			if _, err := p.s.recv(); err != nil {
				break
			}
			n++
		}
		p.received += n
		p.row("rq", int64(a), n)
		return nil
	case op == "peek" && a >= 0:
		return p.peek(a)
	case op == "inq":
		p.row("inq", 0, int64(p.s.FIONREAD()))
		return nil
	case op == "poll":
		ready := int64(0)
		if p.s.Poll()&socket.PollIn != 0 {
			ready = 1
		}
		p.row("poll", 0, ready)
		return nil
	case op == "setbuf" && a >= 0:
		p.s.SetRcvBuf(a)
		p.row("setbuf", int64(a), int64(p.s.RcvBuf()))
		return nil
	}
	return notReplayable(fmt.Sprintf("%v is not understood", l))
}

// sendRow sends one datagram and reports whether the socket dropped it.
func (p *player) sendRow(payload int, row bool) (dropped bool, err error) {
	drops := p.s.drops()
	if err := p.send(p.target(receiverPort), payload); err != nil {
		return false, err
	}
	dropped = p.s.drops() > drops
	if row {
		res := int64(1)
		if dropped {
			res = 0
		}
		p.row("s", int64(payload), res)
	}
	return dropped, nil
}

// fillUp sends until so many were dropped in a row.
func (p *player) fillUp(payload, drops int, quiet bool) error {
	sent := int64(0)
	for inRow := 0; inRow < drops; sent++ {
		dropped, err := p.sendRow(payload, !quiet)
		if err != nil {
			return err
		}
		inRow++
		if !dropped {
			inRow = 0
		}
		if sent > mostCount {
			return notReplayable("the socket does not fill up")
		}
	}
	if quiet {
		p.row("f", int64(payload), sent)
	}
	return nil
}

// read reads datagrams one by one, until there is none.
func (p *player) read(n int, noBuffer bool) error {
	for range n {
		size := mostPayload
		if noBuffer {
			size = 0
		}
		m, err := p.s.RecvMsg(size, 0)
		if errors.Is(err, socket.ErrAgain) {
			p.row("r", 1, -1)
			return nil
		}
		p.received++
		p.row("r", 1, int64(m.N))
	}
	return nil
}

// peek looks at the first datagram so many times.
func (p *player) peek(n int) error {
	for range n {
		m, err := p.s.RecvMsg(mostPayload, socket.MsgPeek)
		if errors.Is(err, socket.ErrAgain) {
			p.row("peek", 1, -1)
			return nil
		}
		p.row("peek", 1, int64(m.N))
	}
	return nil
}

// rcvbufs replays what SO_RCVBUF and SO_RCVBUFFORCE give.
func (c *Case) rcvbufs() (object, error) {
	return c.run(func(w *world) (object, error) {
		out := object{}
		plain, err := w.openWith(nil, nil)
		if err != nil {
			return nil, err
		}
		out["default_got"] = int64(plain.RcvBuf())
		plain.Close()
		for _, option := range []string{"SO_RCVBUF", "SO_RCVBUFFORCE"} {
			table, ok := c.observed[option].(map[string]any)
			if !ok {
				continue
			}
			rows := []any{}
			l, _ := table["rows"].([]any)
			for _, r := range l {
				row, _ := r.([]any)
				if len(row) == 0 {
					return nil, notReplayable("observed." + option + ".rows has an empty row")
				}
				asked, ok := row[0].(int64)
				if !ok {
					return nil, notReplayable(fmt.Sprintf("observed.%s.rows: %v was asked for", option, row[0]))
				}
				n := int(asked)
				s, err := w.openWith(pick(option == "SO_RCVBUF", &n), pick(option != "SO_RCVBUF", &n))
				if err != nil {
					return nil, err
				}
				rows = append(rows, []any{asked, int64(s.RcvBuf()), int64(0)})
				s.Close()
			}
			out[option] = object{"columns": []any{"asked", "got", "errno"}, "rows": rows}
		}
		return out, nil
	})
}

func pick(yes bool, n *int) *int {
	if yes {
		return n
	}
	return nil
}

// rmemMax replays how rmem_max clamps SO_RCVBUF.
func (c *Case) rmemMax([]string, map[string]any) (object, error) {
	rows := []any{}
	l, _ := c.observed["rows"].([]any)
	for _, r := range l {
		row, _ := r.([]any)
		if len(row) < 2 {
			return nil, notReplayable("observed.rows: want the limit and what was asked for")
		}
		limit, ok1 := row[0].(int64)
		asked, ok2 := row[1].(int64)
		if !ok1 || !ok2 {
			return nil, notReplayable("observed.rows: want whole numbers")
		}
		one := *c
		one.setup.SysctlsChanged = map[string]string{"net.core.rmem_max": strconv.FormatInt(limit, 10)}
		got := int64(0)
		if _, err := one.run(func(w *world) (object, error) {
			n := int(asked)
			s, err := w.openWith(&n, nil)
			if err == nil {
				got = int64(s.RcvBuf())
			}
			return nil, err
		}); err != nil {
			return nil, err
		}
		rows = append(rows, []any{limit, asked, got})
	}
	return object{"columns": []any{"rmem_max", "asked", "got"}, "rows": rows}, nil
}

// openWith opens a socket on a port of its own.
func (w *world) openWith(rcvbuf, force *int) (endpoint, error) {
	cfg := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), receiverPort+1)}
	return w.bind(cfg, &socketSpec{RcvBuf: rcvbuf, Force: force})
}

// alternating replays sends from the peer of a connected socket and from a
// stranger, one after the other.
func (c *Case) alternating(f []string, _ map[string]any) (object, error) {
	return c.run(func(w *world) (object, error) {
		other, err := w.newSender(senderPort+1, c.setup.Env.PinnedCPU)
		if err != nil {
			return nil, err
		}
		peer, stranger := atoi(f[1]), atoi(f[2])
		before := w.mark()
		for i := range max(peer, stranger) {
			if i < peer {
				if err := w.send(w.target(receiverPort), alternatingPayload); err != nil {
					return nil, err
				}
			}
			if i >= stranger {
				continue
			}
			if err := w.sendBy(other, w.target(receiverPort), alternatingPayload, 0); err != nil {
				return nil, err
			}
		}
		o := object{"after_send": w.tree(w.since(before))}
		full := w.mark()
		o["received"] = w.drain()[0]
		o["after_drain"] = object{"Udp": w.tree(w.since(full))["Udp"]}
		return o, nil
	})
}

// alternatingPayload is what the recorder sends where a case does not say.
const alternatingPayload = 100

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return min(n, mostCount)
}

// logged replays sends and reads as the recorder logged them, with the value of
// SO_RXQ_OVFL that each read got.
func (c *Case) logged(f []string, _ map[string]any) (object, error) {
	log, _ := c.observed["log"].(map[string]any)
	l, _ := log["rows"].([]any)
	return c.run(func(w *world) (object, error) {
		s := w.rx[0]
		rows := []any{}
		for i, r := range l {
			row, _ := r.([]any)
			if len(row) != 3 {
				return nil, notReplayable(fmt.Sprintf("observed.log.rows[%d]: want an operation, its value, and the drops", i))
			}
			var value any
			switch n, isNumber := row[1].(int64); {
			case row[0] == "send" && isNumber:
				for range min(n, mostCount) {
					if err := w.send(w.target(receiverPort), atoi(f[1])); err != nil {
						return nil, err
					}
				}
				value = n
			case row[0] == "recv":
				m, err := s.RecvMsg(mostPayload, socket.MsgDontWait)
				switch {
				case err != nil:
					value = "EAGAIN"
				case m.Drops != 0:
					value = int64(m.Drops)
				}
			default:
				return nil, notReplayable(fmt.Sprintf("observed.log.rows[%d]: %v is not understood", i, row[0]))
			}
			rows = append(rows, []any{row[0], value, int64(s.drops())})
		}
		return object{"log": object{"columns": log["columns"], "rows": rows}}, nil
	})
}

// persisting replays what does not reset the drop counter of a socket.
func (c *Case) persisting(f []string, _ map[string]any) (object, error) {
	return c.run(func(w *world) (object, error) {
		s := w.rx[0]
		for range atoi(f[1]) {
			if err := w.send(w.target(receiverPort), atoi(f[2])); err != nil {
				return nil, err
			}
		}
		o := object{"after_send": s.memory()}
		w.drain()
		o["after_drain"] = s.memory()
		e := &c.setup.Env
		peer, err := addrPort([]any{e.TXAddr, int64(senderPort)})
		if err == nil {
			err = s.Connect(peer)
		}
		if err != nil {
			return nil, err
		}
		o["after_connect"] = s.memory()
		s.SetRcvBuf(atoi(f[3]))
		o["after_setbuf"] = s.memory()
		return o, nil
	})
}

// msgTrunc is MSG_TRUNC on Linux.
const msgTrunc = 0x20

// buffers replays recvmsg with buffers of several sizes.
func (c *Case) buffers(f []string, _ map[string]any) (object, error) {
	table, _ := c.observed["recvs"].(map[string]any)
	l, _ := table["rows"].([]any)
	return c.run(func(w *world) (object, error) {
		before := w.mark()
		for range atoi(f[1]) {
			if err := w.send(w.target(receiverPort), atoi(f[2])); err != nil {
				return nil, err
			}
		}
		rows := []any{}
		for i, r := range l {
			row, _ := r.([]any)
			if len(row) < 2 {
				return nil, notReplayable(fmt.Sprintf("observed.recvs.rows[%d]: want a buffer and flags", i))
			}
			size, ok1 := row[0].(int64)
			flags, ok2 := row[1].(int64)
			if !ok1 || !ok2 || size < 0 || size > mostCount || flags&^msgTrunc != 0 {
				return nil, notReplayable(fmt.Sprintf("observed.recvs.rows[%d]: %v is not understood", i, row))
			}
			var in socket.Flags
			if flags&msgTrunc != 0 {
				in = socket.MsgTrunc
			}
			m, err := w.rx[0].RecvMsg(int(size), in)
			if err != nil {
				return nil, err
			}
			out := int64(0)
			if m.Flags&socket.MsgTrunc != 0 {
				out = msgTrunc
			}
			rows = append(rows, []any{size, flags, int64(m.N), out})
		}
		return object{"recvs": object{"columns": table["columns"], "rows": rows}, "Udp": w.tree(w.since(before))["Udp"]}, nil
	})
}
