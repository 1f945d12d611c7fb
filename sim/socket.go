package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
	"github.com/seed-556df219/rxpath/udp"
)

// A Socket is a UDP socket of a host.
type Socket struct {
	host    *Host
	sock    *socket.Sock
	entry   *udp.Entry
	cfg     socket.Config
	inode   uint64
	readers []*socket.Thread
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
	s := &Socket{host: h, cfg: cfg, app: cfg.Name}
	s.sock = socket.New(&h.sockets, cfg.Name, h.cfg.Limits.EffectiveRcvBuf(&h.profile, &cfg))
	s.sock.NonBlocking = cfg.NonBlocking
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
	if s.sock.SaveRXHash = cfg.Remote.IsValid(); s.sock.SaveRXHash {
		peer := skb.AddrFrom(cfg.Remote.Addr())
		h.udp.Connect(s.entry, peer, cfg.Remote.Port(), h.sourceTo(peer))
	}
	for _, j := range cfg.Join {
		if err := s.join(j); err != nil {
			s.leaveGroups()
			h.udp.Unbind(s.entry)
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

// Recv reads one datagram, as a non-blocking recvmsg. It returns
// socket.ErrAgain if there is none.
func (s *Socket) Recv() (Datagram, error) {
	d, err := s.sock.Recv(s.host.now, &s.host.digest)
	if err != nil {
		return Datagram{}, err
	}
	h := d.Head
	out := Datagram{
		From: netip.AddrPortFrom(h.Src.Netip(), h.SrcPort), To: netip.AddrPortFrom(h.Dst.Netip(), h.DstPort),
		Len: int(d.Payload), Arrived: d.Arrived.Duration(), Queued: d.Queued.Duration(), Frame: d.ID,
	}
	if s.cfg.Timestamp { // sock_recv_timestamp
		if out.Timestamp = d.TStamp.Duration(); d.TStamp == 0 {
			out.Timestamp = s.host.now.Duration()
		}
	}
	return out, nil
}

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
	s.sock.Close()
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
			return err
		}
		s.app = a.Name
		for t := range perThread {
			if a.Shared || i%len(perThread) == t {
				perThread[t] = append(perThread[t], s)
			}
		}
	}
	if a.Read.With == scenario.Never {
		return nil
	}
	for t, socks := range perThread {
		if len(socks) > 0 {
			h.startThread(a, t, socks)
		}
	}
	return nil
}

func (h *Host) startThread(a *scenario.App, index int, socks []*Socket) {
	r := a.Read
	cfg := socket.ReaderConfig{Service: r.Service, PauseEvery: r.PauseEvery, PauseFor: r.PauseFor, Nice: a.Nice}
	cfg.Epoll = r.With == scenario.EpollRecvmsg || r.With == scenario.EpollRecvmmsg
	if r.With == scenario.Recvmmsg || r.With == scenario.EpollRecvmmsg {
		cfg.Batch = r.Batch
	}
	name := a.Name
	if len(a.CPUs) > 1 {
		name = fmt.Sprintf("%s/%d", a.Name, index)
	}
	var raw []*socket.Sock
	for _, s := range socks {
		raw = append(raw, s.sock)
	}
	t := socket.NewThread(&h.sockets, h.cores[a.CPUs[index]], name, cfg, raw,
		engine.NewStream(h.cfg.Seed, "app/"+name), engine.Picosecond)
	h.threads = append(h.threads, t)
	for _, s := range socks {
		s.readers = append(s.readers, t)
	}
}
