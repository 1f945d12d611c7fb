package scenario

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// A Sender is a process of the host that sends datagrams over lo, veth or a tap
// device: the system calls come when Pace says, or as soon as the one before is
// done.
type Sender struct {
	Name string
	// Namespace is the network namespace of its socket, "" for the host's own.
	Namespace string
	// CPU is the processor that it is pinned to, Nice its priority there.
	CPU, Nice int
	// Local is the address of its socket, Dst where it sends to.
	Local, Dst netip.AddrPort
	// Device is the interface for multicast (IP_MULTICAST_IF); empty: the first one that is not lo.
	Device string
	// NoMulticastLoop clears IP_MULTICAST_LOOP.
	NoMulticastLoop bool
	// Tap is the tap device to which it writes Ethernet frames, as a hypervisor does, in place of sending by a socket.
	Tap string
	// Payload is the number of bytes of a call, Segment that of the datagrams into which UDP_SEGMENT cuts them; 0: one.
	Payload law.Law
	Segment int
	// Pace says when it calls: rate, arrivals, start, stop and count of it.
	Pace traffic.Config
}

// maxPayload is what one datagram carries over IPv4.
const maxPayload = 65507

// Clock returns a source whose frames come when the process is to call.
func (s *Sender) Clock() traffic.Config {
	c := s.Pace
	c.Name, c.Src, c.Dst, c.Size, c.Flows, c.Groups = "senders/"+s.Name, s.Dst, s.Dst, law.Constant(traffic.MinSize), 1, 1
	return c
}

// validate reports every fault of a sender on a host with these devices.
func (s *Sender) validate(cpus int, taps, namespaces map[string]bool) error {
	pace := s.Clock()
	return errors.Join(
		cfgerr.Check(s.Name != "", "name", s.Name, "a name"),
		cfgerr.Range("cpu", s.CPU, 0, cpus-1),
		cfgerr.Range("nice", s.Nice, -20, 19),
		cfgerr.Check(s.Local.IsValid() && s.Local.Addr().Is4(), "bind", s.Local, "an IPv4 address and a port"),
		cfgerr.Check(s.Dst.IsValid() && s.Dst.Addr().Is4() && s.Dst.Port() > 0, "dst", s.Dst, "an IPv4 address and a port"),
		cfgerr.Check(namespaces[s.Namespace], "namespace", s.Namespace, "that of an end of a veth, or none for the host's own"),
		cfgerr.Check(s.Tap == "" || taps[s.Tap] && s.Namespace == "", "tap", s.Tap, "the name of a tap device, and no namespace"),
		cfgerr.Check(s.Payload.Min() >= 0 && s.Payload.Max() <= maxPayload, "payload", s.Payload.Max(), fmt.Sprintf("0 to %d", maxPayload)),
		cfgerr.Range("segment", s.Segment, 0, maxPayload),
		cfgerr.Check(s.Segment == 0 || s.Tap == "", "segment", s.Segment, "0 for what is written to a tap device"),
		pace.Validate())
}
