package scenariofile

import "encoding/json"

// A vethSection is a pair of virtual Ethernet devices: what one end sends the other receives. An end without namespace is the host's own, whose files a run shows and whose applications it has; the other is another container's, or the host's seen from one.
type vethSection struct {
	// End is one end.
	End vethEndSection `json:"end" jsonschema:"required"`
	// Peer is the other.
	Peer vethEndSection `json:"peer" jsonschema:"required"`
}

// A vethEndSection is one end of a pair.
type vethEndSection struct {
	// Name is the name of the device.
	Name string `json:"name" jsonschema:"required" example:"\"veth0\""`
	// Namespace is the network namespace that it lives in. Left out: the host's own.
	Namespace string `json:"namespace,omitempty" example:"\"tx\""`
	// Address is the IPv4 address and the length of its network. Left out: 10.77.N.2/24 for the end of the Nth pair from 0, 10.77.N.1/24 for the peer.
	Address prefix `json:"address,omitzero"`
	// MAC is the Ethernet address. Left out: 02:00:00:00:02:00 for the first end, one more for each further one.
	MAC mac `json:"mac,omitzero"`
	// MTU is the largest packet, in bytes.
	MTU int `json:"mtu"`
	// GRO is generic-receive-offload: with it, and with TSO of the other end off, packets wait in a ring of 256 for a NAPI instance; otherwise in the backlog of the sender's CPU.
	GRO bool `json:"gro"`
	// TSO is tcp-segmentation-offload.
	TSO bool `json:"tso"`
	// USO is tx-udp-segmentation: what UDP_SEGMENT makes crosses the pair as one packet; otherwise it is cut before.
	USO bool `json:"uso"`
	// XDP is a native program at this end: pass copies every packet into a page of its own, drop loses it.
	XDP string `json:"xdp" enum:"none pass drop"`
	// RPS is the rps_cpus of its only queue: a CPU mask in quotes, or a list. Left out: none (RPS-1).
	RPS cpuSet `json:"rps,omitzero"`
	// Conf holds the settings of IPv4 on this device: net.ipv4.conf.NAME.
	Conf confSection `json:"conf"`
	// Ingress are the filters of its ingress queueing discipline; the first match decides (CORE-4.5).
	Ingress []ingressSection `json:"ingress,omitempty"`
	// Taps are packet sockets on it, of an end in the host's own namespace.
	Taps []tapSection `json:"taps,omitempty"`
}

// A tunSection is a tap device, to which a process writes Ethernet frames.
type tunSection struct {
	// Name is the name of the device.
	Name string `json:"name" jsonschema:"required" example:"\"tap0\""`
	// Address is the IPv4 address and the length of its network. Left out: 10.78.N.2/24 for the Nth tap device from 0.
	Address prefix `json:"address,omitzero"`
	// MAC is the Ethernet address. Left out: 02:00:00:00:03:00 for the first one, one more for each further one.
	MAC mac `json:"mac,omitzero"`
	// MTU is the largest packet, in bytes.
	MTU int `json:"mtu"`
	// NAPI is IFF_NAPI: what is written waits for a NAPI instance.
	NAPI bool `json:"napi"`
	// RPS is the rps_cpus of its only queue: a CPU mask in quotes, or a list. Left out: none (RPS-1).
	RPS cpuSet `json:"rps,omitzero"`
}

// A senderSection is a process of this host that sends datagrams to sockets of this host: over lo, a veth, or a tap device. What it sends is received in its own time, on its CPU, unless RPS moves it.
type senderSection struct {
	// Name is the name of the process. Left out: sender0, sender1 and so on.
	Name string `json:"name,omitempty"`
	// Namespace is the network namespace of its socket, one that a veth has an end in. Left out: the host's own.
	Namespace string `json:"namespace,omitempty" example:"\"tx\""`
	// CPU is the CPU that it is pinned to.
	CPU int `json:"cpu" jsonschema:"required"`
	// Nice is its priority there, lowest last.
	Nice int `json:"nice"`
	// Bind is the address of its socket; with 0.0.0.0 that of the interface by which it sends.
	Bind endpoint `json:"bind,omitzero" jsonschema:"required"`
	// Dst is where it sends to.
	Dst endpoint `json:"dst,omitzero" jsonschema:"required"`
	// Device is the interface for multicast (IP_MULTICAST_IF). Left out: the first one that is not lo.
	Device string `json:"device,omitempty" example:"\"veth1\""`
	// MulticastLoop is IP_MULTICAST_LOOP: members on the sending host get the datagram, too.
	MulticastLoop bool `json:"multicast_loop"`
	// Tap is the tap device to which it writes Ethernet frames, as a hypervisor does, in place of sending by a socket.
	Tap string `json:"tap,omitempty" example:"\"tap0\""`
	// Payload is the number of bytes of a call, or a law of it.
	Payload sizeLaw `json:"payload,omitzero" jsonschema:"required"`
	// Segment is the number of bytes of the datagrams into which UDP_SEGMENT cuts a call. Left out: one datagram a call.
	Segment int `json:"segment,omitempty" min:"1" max:"65507" example:"1400"`
	// Rate is the mean rate of calls; with a profile, the rate at time 0. A process that is late calls as soon as it can.
	Rate rate `json:"rate,omitzero" jsonschema:"required"`
	// Profile changes the rate over time: it moves evenly from point to point, or jumps with step; the last point's rate stays.
	Profile []pointSection `json:"profile,omitempty"`
	// Arrivals is the law of the gaps between calls: constant, poisson, or a mapping with one law.
	Arrivals *arrivalsSection `json:"arrivals,omitempty"`
	// Start delays the first call.
	Start duration `json:"start"`
	// Stop ends the calls. Left out: the end of the run.
	Stop duration `json:"stop,omitzero"`
	// Count ends the calls after that many. Left out: no limit.
	Count uint64 `json:"count,omitempty" example:"1000000"`
}

// vethMTU is what a veth and a tap device come up with.
const vethMTU = 1500

// UnmarshalJSON decodes on top of the defaults.
func (e *vethEndSection) UnmarshalJSON(b []byte) error {
	type plain vethEndSection
	*e = vethEndSection{MTU: vethMTU, XDP: "none", Conf: confSection{AcceptSourceRoute: true}}
	return json.Unmarshal(b, (*plain)(e))
}

// UnmarshalJSON decodes on top of the defaults.
func (t *tunSection) UnmarshalJSON(b []byte) error {
	type plain tunSection
	*t = tunSection{MTU: vethMTU}
	return json.Unmarshal(b, (*plain)(t))
}

// UnmarshalJSON decodes on top of the defaults.
func (s *senderSection) UnmarshalJSON(b []byte) error {
	type plain senderSection
	*s = senderSection{Start: as[timeNotation](0), MulticastLoop: true}
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	if s.Arrivals == nil {
		s.Arrivals = &arrivalsSection{Constant: &noParameters{}}
	}
	return nil
}
