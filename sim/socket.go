package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/udp"
)

// A Socket is a UDP socket of a host.
type Socket struct {
	encap   bool // it has had UDP_GRO
	host    *Host
	sock    *socket.Sock
	entry   *udp.Entry
	cfg     socket.Config
	inode   uint64
	readers []*socket.Thread
	locker  *socket.Locker
	pool    *socket.Pool
	app     string
}

// A Datagram is what the application reads.
type Datagram struct {
	// From and To are the addresses of the datagram.
	From, To netip.AddrPort
	// Len is the number of payload bytes.
	Len int
	// Arrived is when the last bit of its frame arrived, Queued when it entered the receive queue.
	Arrived, Queued time.Duration
	// Timestamp is what SO_TIMESTAMP tells: when the packet was stamped, or read if it had no stamp; 0 without that option.
	Timestamp time.Duration
	// Frame is the number of its frame among all that were offered to the host, from 1.
	Frame uint64
}

// Bind opens a UDP socket, binds it, and joins its groups, as an application
// would with socket, setsockopt and bind.
func (h *Host) Bind(cfg socket.Config) (*Socket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Local.String()
	}
	if !h.ip.MayBind(skb.AddrFrom(cfg.Local.Addr())) {
		return nil, &cfgerr.Error{Path: "bind", Value: cfg.Local.Addr(), Want: "0.0.0.0, a group, or an address or broadcast address of an interface (EADDRNOTAVAIL)"}
	}
	s := &Socket{host: h, cfg: cfg, app: cfg.Name}
	s.sock = socket.New(&h.sockets, cfg.Name, h.cfg.Limits.EffectiveRcvBuf(&h.profile, &cfg))
	s.sock.NonBlocking, s.sock.RXQOvfl = cfg.NonBlocking, cfg.RXQOvfl
	s.setBusy()
	if len(cfg.Filter) > 0 {
		f, err := socket.NewFilter(cfg.Filter)
		if err != nil {
			return nil, &cfgerr.Error{Path: "filter", Value: len(cfg.Filter), Want: "a program that the kernel would take: " + err.Error()}
		}
		s.sock.SetFilter(f)
	}
	if cfg.Refusals != (socket.Refusals{}) {
		s.sock.SetRefusals(cfg.Refusals, engine.NewStream(h.cfg.Seed, "socket/refusals/"+cfg.Name))
	}
	s.entry = &udp.Entry{
		Sock: s.sock, Name: cfg.Name, Local: skb.AddrFrom(cfg.Local.Addr()), LocalPort: cfg.Local.Port(),
		ReusePort: cfg.ReusePort, ReuseAddr: cfg.ReuseAddr, UID: cfg.UID, NoMulticastAll: cfg.NoMulticastAll,
	}
	if cfg.Device != "" {
		d, err := h.ip.DeviceNamed(cfg.Device)
		if err != nil {
			return nil, err
		}
		s.entry.IfIndex = d.Index
	}
	if err := h.udp.Bind(s.entry); err != nil {
		return nil, err
	}
	if cfg.GRO {
		s.SetGRO(true)
	}
	if cfg.IncomingCPU > 0 {
		s.SetIncomingCPU(cfg.IncomingCPU - 1)
	}
	if s.sock.SaveRXHash = cfg.Remote.IsValid(); s.sock.SaveRXHash {
		peer := skb.AddrFrom(cfg.Remote.Addr())
		h.udp.Connect(s.entry, peer, cfg.Remote.Port(), h.sourceTo(peer))
	}
	for _, j := range cfg.Join {
		if err := s.join(j); err != nil {
			s.leaveGroups()
			h.udp.Unbind(s.entry)
			s.encapDisable()
			return nil, err
		}
	}
	if cfg.Timestamp {
		h.netstamp.Enable() // sock_enable_timestamp
	}
	h.inodes++
	s.inode = h.inodes
	h.socks = append(h.socks, s)
	return s, nil
}

// Fanout returns what happened in the fan-out of multicasts to the sockets of
// the first namespace: counters that no file shows.
func (h *Host) Fanout() udp.Stats { return h.udp.Stats }

// Recv reads one datagram, as a non-blocking recvmsg. It returns
// socket.ErrAgain if there is none.
func (s *Socket) Recv() (Datagram, error) {
	m, err := s.RecvMsg(1<<16, socket.MsgDontWait)
	return m.Datagram, err
}

// A Message is what RecvMsg returns: a datagram, and what the call says of it.
type Message struct {
	Datagram
	// N is the result of the call: the bytes that were copied, or with MsgTrunc the whole length.
	N int
	// Flags holds socket.MsgTrunc if the buffer was too small.
	Flags socket.Flags
	// Drops is the control message of SO_RXQ_OVFL: what the socket had lost when the datagram was queued; 0: none (OV-1).
	Drops uint32
}

// RecvMsg reads one datagram into a buffer of size bytes, with flags of recvmsg.
// Nobody sleeps: where the call would, it returns socket.ErrAgain; but without
// MsgDontWait, on a blocking socket, it goes on after a bad checksum. After
// Shutdown it returns io.EOF.
func (s *Socket) RecvMsg(size int, flags socket.Flags) (Message, error) {
	m, err := s.sock.RecvMsg(s.host.now, size, flags, &s.host.digest)
	if err != nil {
		return Message{}, err
	}
	return s.message(&m), nil
}

// RecvMMsg reads up to vlen datagrams, each into a buffer of size bytes, as a
// recvmmsg that does not wait.
func (s *Socket) RecvMMsg(vlen, size int, flags socket.Flags) ([]Message, error) {
	ms, err := s.sock.RecvMMsg(s.host.now, vlen, size, flags, &s.host.digest)
	out := make([]Message, len(ms))
	for i := range ms {
		out[i] = s.message(&ms[i])
	}
	return out, err
}

func (s *Socket) message(m *socket.Message) Message {
	h := m.Head
	out := Message{
		Datagram: Datagram{
			From: netip.AddrPortFrom(h.Src.Netip(), h.SrcPort), To: netip.AddrPortFrom(h.Dst.Netip(), h.DstPort),
			Len: int(m.Payload), Arrived: m.Arrived.Duration(), Queued: m.Queued.Duration(), Frame: skb.Number(m.ID),
		},
		N: m.N, Flags: m.Flags, Drops: m.Ovfl,
	}
	if s.cfg.Timestamp { // sock_recv_timestamp
		if out.Timestamp = m.TStamp.Duration(); m.TStamp == 0 {
			out.Timestamp = s.host.now.Duration()
		}
	}
	return out
}

// Poll returns what poll says of the socket. On a blocking socket it drops
// datagrams with a bad checksum from the head (PL-1).
func (s *Socket) Poll() socket.Events { return s.sock.Poll(s.host.now, &s.host.digest) }

// FIONREAD returns the payload of the first datagram, 0 if there is none (PL-2).
func (s *Socket) FIONREAD() int { return s.sock.Inq(s.host.now, &s.host.digest) }

// Connect connects the socket: it receives from that peer only (HT-4).
//
// Not modelled:
//   - A socket that is connected at run time saves no flow hashes.
func (s *Socket) Connect(peer netip.AddrPort) error {
	if !peer.Addr().Is4() || peer.Port() == 0 {
		return &cfgerr.Error{Path: "connect", Value: peer, Want: "an IPv4 address and a port"}
	}
	to := skb.AddrFrom(peer.Addr())
	s.host.udp.Connect(s.entry, to, peer.Port(), s.host.sourceTo(to))
	return nil
}

// setBusy gives a new socket what it has of busy polling: net.core.busy_read,
// unless SO_BUSY_POLL is given (sock_init_data).
func (s *Socket) setBusy() {
	c := &s.cfg
	s.sock.SetPreferBusyPoll(c.PreferBusyPoll)
	s.sock.SetBusyPollBudget(c.BusyPollBudget)
	switch {
	case c.BusyPoll > 0:
		s.sock.SetBusyPoll(c.BusyPoll)
	case c.BusyPoll == 0:
		s.sock.SetBusyPoll(s.host.softnet.Config.BusyRead)
	}
}

// SetBusyPoll sets SO_BUSY_POLL, in microseconds of 1024 ns: for so long a
// receive call of the socket's threads that finds nothing polls the interface.
func (s *Socket) SetBusyPoll(usecs int) {
	s.sock.SetBusyPoll(max(usecs, 0))
	s.host.promote()
}

// SetPreferBusyPoll sets SO_PREFER_BUSY_POLL, which kernels before 5.11 do not have.
func (s *Socket) SetPreferBusyPoll(on bool) { s.sock.SetPreferBusyPoll(on) }

// SetBusyPollBudget sets SO_BUSY_POLL_BUDGET, which kernels before 5.11 do not have.
func (s *Socket) SetBusyPollBudget(n int) { s.sock.SetBusyPollBudget(n) }

// BusyPoll returns SO_BUSY_POLL.
func (s *Socket) BusyPoll() int { return s.sock.BusyPoll() }

// NAPIID returns SO_INCOMING_NAPI_ID: the number, from 1, of the NAPI instance
// that the socket would poll, 0 if it knows none.
func (s *Socket) NAPIID() int { return s.sock.NAPIID() }

// SetIncomingCPU sets SO_INCOMING_CPU, which kernels before 4.4 do not let set: of
// sockets that fit a datagram equally well, that of the CPU which processes it
// gets it. -1 is no CPU.
func (s *Socket) SetIncomingCPU(cpu int) {
	if s.host.profile.IncomingCPU {
		s.sock.SetIncomingCPU(cpu)
		s.host.udp.PreferCPUs()
	}
}

// IncomingCPU returns SO_INCOMING_CPU: the CPU that was set, or that last queued for
// the socket if it is connected (S-1); -1 before, and otherwise.
func (s *Socket) IncomingCPU() int { return s.sock.IncomingCPU() }

// Disconnect dissolves the association, as connect with AF_UNSPEC.
func (s *Socket) Disconnect() { s.host.udp.Disconnect(s.entry) }

// SetRcvBuf sets SO_RCVBUF, SetRcvBufForce SO_RCVBUFFORCE: later arrivals meet
// the new limit (RB-6).
func (s *Socket) SetRcvBuf(bytes int) { s.sock.SetRcvBuf(bytes) }

// SetRcvBufForce sets SO_RCVBUFFORCE.
func (s *Socket) SetRcvBufForce(bytes int) { s.sock.SetRcvBufForce(bytes) }

// SetRXQOvfl sets SO_RXQ_OVFL.
func (s *Socket) SetRXQOvfl(on bool) { s.sock.RXQOvfl = on }

// SetNonBlocking sets or clears O_NONBLOCK.
func (s *Socket) SetNonBlocking(on bool) { s.sock.NonBlocking = on }

// SetError leaves an error on the socket, as an ICMP message to a connected one
// does: the next receive call returns it (RX-1).
func (s *Socket) SetError(err error) { s.sock.SetError(err) }

// Shutdown ends reading, as shutdown(SHUT_RD).
func (s *Socket) Shutdown() { s.sock.Shutdown(s.host.now) }

// Lock makes the socket owned by user, as a thread in the middle of setsockopt
// does (OW-2): until Release, datagrams go to its backlog.
func (s *Socket) Lock() { s.sock.Lock() }

// Release ends Lock and drains the backlog (OW-3).
func (s *Socket) Release() { s.sock.Release(s.host.now) }

// SetFilter attaches a socket filter, as SO_ATTACH_FILTER does: it is shown the
// headers and the length with UDP header of each datagram, and returns how much
// of it to keep, 0 to refuse it; nil detaches.
func (s *Socket) SetFilter(f socket.Filter) { s.sock.SetFilter(f) }

// MemInfo returns what SO_MEMINFO, or ss -m, shows.
func (s *Socket) MemInfo() socket.MemInfo { return s.sock.MemInfo() }

// RcvBuf returns sk_rcvbuf, which getsockopt(SO_RCVBUF) returns.
func (s *Socket) RcvBuf() int { return s.sock.RcvBuf }

// Queued returns the number of datagrams that wait to be read.
func (s *Socket) Queued() int { return s.sock.Queued() }

// Drops returns sk_drops.
func (s *Socket) Drops() uint64 { return s.sock.Drops }

// Close leaves the groups, unbinds, and frees what is queued.
func (s *Socket) Close() {
	h := s.host
	s.leaveGroups()
	h.udp.Unbind(s.entry)
	s.encapDisable()
	s.sock.Close(s.freed())
	if s.cfg.Timestamp {
		s.cfg.Timestamp = false
		h.netstamp.Disable()
	}
	for i, o := range h.socks {
		if o == s {
			h.socks = append(h.socks[:i:i], h.socks[i+1:]...)
			break
		}
	}
}

// freed returns who records what a closing socket frees: the CPU of its reader,
// whose process closes it; without one, CPU 0.
func (s *Socket) freed() func(uint64, *skb.Header, string) {
	if s.host.tracing == nil {
		return nil
	}
	c, task := s.host.cores[0], (*cpu.Task)(nil)
	if len(s.readers) > 0 {
		task = s.readers[0].Task()
		c = task.Core()
	}
	return func(id uint64, h *skb.Header, fn string) {
		c.Trace.Freed(s.host.now, task, s.app, id, h, skb.SocketClosed, fn)
	}
}

// under puts a prefix before the paths of the faults in err, if it is one of the configuration.
func under(prefix string, err error) error {
	if e := (*cfgerr.Error)(nil); errors.As(err, &e) {
		return cfgerr.Under(prefix, err)
	}
	return err
}

// openApp opens the sockets of an application and starts its threads.
func (h *Host) openApp(a *scenario.App) error {
	copies := max(a.Copies, 1)
	for i := range copies {
		one := *a
		if a.Copies > 0 {
			one.Name = fmt.Sprintf("%s-%d", a.Name, i)
			one.CPUs = []int{a.CPUs[i%len(a.CPUs)]}
		}
		if err := h.startApp(&one); err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) startApp(a *scenario.App) error {
	if a.Busy {
		for _, c := range a.CPUs {
			socket.Hog(h.cores[c], a.Name, a.Nice, 0)
		}
		return nil
	}
	perThread := make([][]*Socket, len(a.CPUs))
	for i, sc := range a.Sockets {
		if sc.Name == "" {
			sc.Name = a.Name
			if len(a.Sockets) > 1 {
				sc.Name = fmt.Sprintf("%s[%d]", a.Name, i)
			}
		}
		s, err := h.Bind(sc)
		if err != nil {
			return under(fmt.Sprintf("sockets[%d]", i), err)
		}
		s.app = a.Name
		for t := range perThread {
			if a.Shared || i%len(perThread) == t {
				perThread[t] = append(perThread[t], s)
			}
		}
	}
	var all []*Socket
	for _, socks := range perThread {
		for _, k := range socks {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	h.started = append(h.started, program{name: a.Name, locker: h.startLocker(a, all)})
	if a.Read.With == scenario.Never {
		return nil
	}
	if r := &a.Read; r.PauseFile != "" && len(r.Pauses.Trace) == 0 {
		return &cfgerr.Error{Path: "read.pauses.trace", Value: r.PauseFile, Want: "a file that has been read: scenariofile.Load does, LoadPauses after Parse"}
	}
	pool := h.startPool(a)
	p := &h.started[len(h.started)-1]
	p.pool = pool
	for t, socks := range perThread {
		if len(socks) > 0 {
			p.threads = append(p.threads, h.startThread(a, t, socks, pool))
		}
	}
	return nil
}

// startLocker starts the thread that locks the sockets of an application.
func (h *Host) startLocker(a *scenario.App, socks []*Socket) *socket.Locker {
	l := &a.Locks
	if l.Every == 0 || len(socks) == 0 {
		return nil
	}
	k := socket.NewLocker(&h.sockets, h.cores[l.CPU], a.Name+"/locks",
		socket.LockConfig{Every: l.Every, For: l.For, Asleep: l.Asleep, Nice: a.Nice}, raw(socks))
	h.lockers = append(h.lockers, k)
	for _, s := range socks {
		s.locker = k
	}
	return k
}

// startPool starts the workers of an application, if it has any.
func (h *Host) startPool(a *scenario.App) *socket.Pool {
	w := &a.Workers
	if len(w.CPUs) == 0 {
		return nil
	}
	p := socket.NewPool(&h.sockets, socket.PoolConfig{Queue: w.Queue, Drop: w.Drop, Service: a.Read.Service, Nice: a.Nice})
	for i, c := range w.CPUs {
		name := fmt.Sprintf("%s/worker%d", a.Name, i)
		p.AddWorker(h.cores[c], name, engine.NewStream(h.cfg.Seed, "app/"+name))
	}
	h.pools = append(h.pools, p)
	return p
}

func raw(socks []*Socket) []*socket.Sock {
	var out []*socket.Sock
	for _, s := range socks {
		out = append(out, s.sock)
	}
	return out
}

func (h *Host) startThread(a *scenario.App, index int, socks []*Socket, pool *socket.Pool) *socket.Thread {
	r := a.Read
	cfg := socket.ReaderConfig{
		Wait: r.With.Wait(), Edge: r.Edge, Drain: r.Drain, WaitAll: r.WaitAll, Timeout: r.Timeout, RcvTimeo: socks[0].cfg.RcvTimeo,
		Peek: r.Peek, Buffer: r.Buffer, Service: r.Service, Pauses: r.Pauses, FaultPPM: r.FaultPPM, FaultFor: r.FaultFor, Nice: a.Nice,
	}
	if r.PauseEvery > 0 {
		cfg.Pauses = socket.Pauses{Every: law.Constant(int64(r.PauseEvery)), For: law.Constant(int64(r.PauseFor))}
	}
	if r.With.Batched() {
		cfg.Batch = r.Batch
	}
	name := a.Name
	if len(a.CPUs) > 1 {
		name = fmt.Sprintf("%s/%d", a.Name, index)
	}
	t := socket.NewThread(&h.sockets, h.cores[a.CPUs[index]], name, cfg, raw(socks),
		engine.NewStream(h.cfg.Seed, "app/"+name), engine.Picosecond)
	if pool != nil {
		pool.Serve(t)
	}
	h.threads = append(h.threads, t)
	for _, s := range socks {
		s.readers = append(s.readers, t)
		s.pool = pool
	}
	return t
}

// A program is what an application has started.
type program struct {
	name    string
	threads []*socket.Thread
	locker  *socket.Locker
	pool    *socket.Pool
}

// programs returns what the applications have done.
func (h *Host) programs() []ProgramResult {
	var out []ProgramResult
	for _, p := range h.started {
		r := ProgramResult{App: p.name, Done: Stage{Name: "done", From: "last bit received", To: "served by a worker"}}
		for _, t := range p.threads {
			r.Calls += t.Calls
			r.Empty += t.Empty
			r.Waits += t.Waits
			r.Timeouts += t.Timeouts
			r.Faults += t.Faults
			r.LockWaits += t.LockWaits
		}
		if p.locker != nil {
			r.Locked = p.locker.Held
		}
		if p.pool != nil {
			r.Handled, r.Dropped, r.Stalls = p.pool.Handled, p.pool.Dropped, p.pool.Stalls
			r.Done.Hist = p.pool.Done.Clone()
		}
		out = append(out, r)
	}
	return out
}

// RxQueueBytes returns rx_queue of the socket's row in /proc/net/udp.
func (s *Socket) RxQueueBytes() int { return s.sock.RxQueueBytes() }
