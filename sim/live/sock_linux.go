package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Options are those of a receiving socket, in the order in which they are set.
type Options struct {
	Local                netip.AddrPort
	ReuseAddr, ReusePort bool
	Device               string
	RcvBuf, RcvBufForce  *int
	RXQOvfl, GRO         bool
	Filter               [][4]uint32
	NoMulticastAll       bool
	Join                 []Membership
}

// A Membership is of a group on a device, of one source if that is valid.
type Membership struct {
	Group, Source netip.Addr
	Device        string
}

// A Socket receives.
type Socket struct {
	n     *Net
	fd    int
	inode uint64
	buf   []byte
	oob   []byte
}

// errCall names the call that failed.
func errCall(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, err)
}

// Socket opens a socket of the receiver.
func (n *Net) Socket(o *Options) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, errCall("socket", err)
	}
	s := &Socket{n: n, fd: fd, buf: make([]byte, 1<<16), oob: make([]byte, 128)}
	if err := s.set(o); err != nil {
		unix.Close(fd)
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(errCall("fstat", err), unix.Close(fd))
	}
	s.inode = st.Ino
	return s, nil
}

// set sets the options of a socket and binds it.
func (s *Socket) set(o *Options) error {
	on := func(yes bool, level, opt int, name string) error {
		if !yes {
			return nil
		}
		return errCall(name, unix.SetsockoptInt(s.fd, level, opt, 1))
	}
	if err := errors.Join(on(o.ReuseAddr, unix.SOL_SOCKET, unix.SO_REUSEADDR, "SO_REUSEADDR"), on(o.ReusePort, unix.SOL_SOCKET, unix.SO_REUSEPORT, "SO_REUSEPORT"),
		on(o.RXQOvfl, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, "SO_RXQ_OVFL"), on(o.GRO, unix.SOL_UDP, unix.UDP_GRO, "UDP_GRO")); err != nil {
		return err
	}
	if o.Device != "" {
		if err := unix.BindToDevice(s.fd, o.Device); err != nil {
			return errCall("SO_BINDTODEVICE", err)
		}
	}
	if o.RcvBuf != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, *o.RcvBuf); err != nil {
			return errCall("SO_RCVBUF", err)
		}
	}
	if o.RcvBufForce != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, *o.RcvBufForce); err != nil {
			return errCall("SO_RCVBUFFORCE", err)
		}
	}
	if o.Filter != nil {
		if err := s.attach(o.Filter); err != nil {
			return err
		}
	}
	if err := unix.Bind(s.fd, sockaddr(o.Local)); err != nil {
		return errCall(fmt.Sprintf("bind %v", o.Local), err)
	}
	if o.NoMulticastAll {
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0); err != nil {
			return errCall("IP_MULTICAST_ALL", err)
		}
	}
	for _, m := range o.Join {
		if err := s.join(m); err != nil {
			return err
		}
	}
	return nil
}

func sockaddr(a netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// attach sets a classic BPF program as socket filter.
func (s *Socket) attach(raw [][4]uint32) error {
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: uint16(r[0]), Jt: uint8(r[1]), Jf: uint8(r[2]), K: r[3]}
	}
	if len(prog) == 0 {
		return errors.New("SO_ATTACH_FILTER: an empty program")
	}
	return errCall("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}))
}

// join joins a group on a device.
func (s *Socket) join(m Membership) error {
	l, err := s.n.link.LinkByName(m.Device)
	if err != nil {
		return err
	}
	if !m.Source.IsValid() {
		r := unix.IPMreqn{Multiaddr: m.Group.As4(), Ifindex: int32(l.Attrs().Index)}
		return errCall("IP_ADD_MEMBERSHIP", unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &r))
	}
	own := s.n.cfg.RXAddr.As4()
	if m.Device == "lo" {
		own = [4]byte{127, 0, 0, 1}
	}
	g, src := m.Group.As4(), m.Source.As4()
	r := append(append(append([]byte{}, g[:]...), own[:]...), src[:]...) // struct ip_mreq_source
	return errCall("IP_ADD_SOURCE_MEMBERSHIP", unix.SetsockoptString(s.fd, unix.IPPROTO_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, string(r)))
}

// Connect connects the socket.
func (s *Socket) Connect(peer netip.AddrPort) error {
	return errCall(fmt.Sprintf("connect %v", peer), unix.Connect(s.fd, sockaddr(peer)))
}

// A Received is what a receive call gave.
type Received struct {
	// N is the result of the call, Truncated whether MSG_TRUNC came back.
	N         int
	Truncated bool
	// Drops is the control message of SO_RXQ_OVFL, 0 if there was none.
	Drops uint32
}

// ErrAgain says that there is no datagram.
var ErrAgain error = unix.EAGAIN

// Recv receives one datagram with flags of recvmsg, and does not wait.
func (s *Socket) Recv(size, flags int) (Received, error) {
	if size > len(s.buf) {
		s.buf = make([]byte, size)
	}
	for {
		n, oobn, got, _, err := unix.Recvmsg(s.fd, s.buf[:size], s.oob, flags|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return Received{}, err
		}
		r := Received{N: n, Truncated: got&unix.MSG_TRUNC != 0}
		messages, err := unix.ParseSocketControlMessage(s.oob[:oobn])
		if err != nil {
			return r, errCall("recvmsg", err)
		}
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_RXQ_OVFL && len(m.Data) >= 4 {
				r.Drops = binary.NativeEndian.Uint32(m.Data)
			}
		}
		return r, nil
	}
}

// Poll reports whether poll says that the socket is readable.
func (s *Socket) Poll() bool {
	p := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(p, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		s.n.fail("poll", err)
		return p[0].Revents&unix.POLLIN != 0
	}
}

// FIONREAD returns the payload of the first datagram.
func (s *Socket) FIONREAD() int {
	n, err := unix.IoctlGetInt(s.fd, unix.TIOCINQ)
	s.n.fail("FIONREAD", err)
	return n
}

// SetRcvBuf sets SO_RCVBUF.
func (s *Socket) SetRcvBuf(bytes int) {
	s.n.fail("SO_RCVBUF", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// RcvBuf returns SO_RCVBUF.
func (s *Socket) RcvBuf() int {
	n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	s.n.fail("SO_RCVBUF", err)
	return n
}

// MemInfo is SO_MEMINFO, in the kernel's order: rmem_alloc, rcvbuf, wmem_alloc,
// sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops.
func (s *Socket) MemInfo() (m [9]uint32) {
	size := uint32(unsafe.Sizeof(m))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&m)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		s.n.fail("SO_MEMINFO", e)
	}
	return m
}

// Close closes the socket. What is still queued in it is freed a grace period
// later, on any CPU.
func (s *Socket) Close() {
	if s.fd < 0 {
		return
	}
	wait := s.n.trace != nil && s.MemInfo()[0] > 0
	unix.Close(s.fd)
	s.fd = -1
	if wait {
		time.Sleep(grace)
	}
}

// grace is more than a grace period of RCU.
const grace = 100 * time.Millisecond

// fail notes an error of a call that returns none.
func (n *Net) fail(call string, err error) {
	if err != nil {
		n.failed = errors.Join(n.failed, errCall(call, err))
	}
}

// A Sender is a socket that sends.
type Sender struct {
	n       *Net
	fd      int
	segment int
	buf     []byte
}

// Sender opens a socket of the sender, bound to that address; what it sends to
// groups goes out by the sender's device, and is not looped back.
func (n *Net) Sender(local netip.AddrPort) (*Sender, error) {
	s := &Sender{n: n, fd: -1, buf: make([]byte, 1<<16)}
	err := n.inSender(func() (err error) {
		if s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return errCall("socket", err)
		}
		if err := unix.Bind(s.fd, sockaddr(local)); err != nil {
			return errCall(fmt.Sprintf("bind %v", local), err)
		}
		big := 1 << 24
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, big)
		if n.cfg.Kind == "tap" { // its sender writes frames
			return nil
		}
		r := unix.IPMreqn{Address: n.cfg.TXAddr.As4()}
		return errors.Join(errCall("SO_BROADCAST", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)),
			errCall("IP_MULTICAST_LOOP", unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0)),
			errCall("IP_MULTICAST_IF", unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &r)))
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Send sends one datagram, or with a segment one that is cut.
func (s *Sender) Send(dst netip.AddrPort, payload, segment int) error {
	if segment != s.segment {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_SEGMENT, segment); err != nil {
			return Unavailable("UDP_SEGMENT: " + err.Error())
		}
		s.segment = segment
	}
	for {
		err := unix.Sendto(s.fd, s.buf[:payload], 0, sockaddr(dst))
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECONNREFUSED): // of an earlier datagram, by ICMP; a connected socket would say so
		case errors.Is(err, unix.ENOBUFS): // a device or a queue refused it: that is counted
			return nil
		default:
			return errCall(fmt.Sprintf("sendto %v", dst), err)
		}
	}
}

// Close closes the socket.
func (s *Sender) Close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.fd = -1
}

// openPacket opens the packet socket by which the sender writes frames. It
// receives nothing.
func (n *Net) openPacket() error {
	return n.inSender(func() (err error) {
		if n.packet, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return unavailable("no packet socket: %v; it takes CAP_NET_RAW and CONFIG_PACKET", err)
		}
		_ = unix.SetsockoptInt(n.packet, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 1<<24)
		index, err := ifindex(n.packet, senderDevice)
		if err != nil {
			return err
		}
		return errCall("bind", unix.Bind(n.packet, &unix.SockaddrLinklayer{Ifindex: index}))
	})
}

// ifindex returns the index of a device of the socket's namespace.
func ifindex(fd int, device string) (int, error) {
	req, err := unix.NewIfreq(device)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, errCall("SIOCGIFINDEX "+device, err)
	}
	return int(req.Uint32()), nil
}

// Frame puts a frame on the wire: a packet socket sends it, or a write to the
// tap device.
func (n *Net) Frame(data []byte) error {
	to := n.packet
	if n.tun >= 0 {
		to = n.tun
	}
	if to < 0 {
		return unavailable("no frame can be written to %s", n.cfg.Device)
	}
	for {
		_, err := unix.Write(to, data)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS):
			return nil
		default:
			return errCall("write of a frame", err)
		}
	}
}

// openTap opens a packet socket on the receiving device, for packets of every
// protocol.
func (n *Net) openTap() (err error) {
	if !n.cfg.Tap {
		return nil
	}
	if n.tap, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return unavailable("no packet socket: %v", err)
	}
	_ = unix.SetsockoptInt(n.tap, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<24)
	index, err := ifindex(n.tap, n.cfg.Device)
	if err != nil {
		return err
	}
	return errCall("bind", unix.Bind(n.tap, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: index})) // ETH_P_ALL in network order
}

// Tapped is how many packets the packet socket has got since it was last asked.
func (n *Net) Tapped() int64 {
	if n.tap < 0 {
		return 0
	}
	st, err := unix.GetsockoptTpacketStats(n.tap, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		n.fail("PACKET_STATISTICS", err)
		return 0
	}
	return int64(st.Packets)
}

// Settle waits until what was sent has been received or lost. What goes through
// a NAPI instance or to another CPU may take a moment.
func (n *Net) Settle() error {
	if n.async {
		n.Rest(2, 300*time.Microsecond)
	}
	return n.failed
}

// Rest waits until the receiver's counters stand still, looked at so often.
func (n *Net) Rest(looks int, pause time.Duration) {
	last := n.pulse()
	for i, tries := 0, 0; i < looks && tries < 400; tries++ {
		time.Sleep(pause)
		now := n.pulse()
		i++
		if now != last {
			i = 0
		}
		last = now
	}
}
