package sim

import "github.com/seed-556df219/rxpath/ipstack"

// A RawSocket is a raw IPv4 socket of a host.
type RawSocket struct{ sock *ipstack.RawSock }

// OpenRaw opens a raw socket and joins its groups.
func (h *Host) OpenRaw(cfg ipstack.RawConfig) (*RawSocket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	name := ""
	if cfg.IfIndex > 0 {
		name = h.ip.Device(cfg.IfIndex).Name
	}
	for _, g := range cfg.Groups {
		d, err := h.deviceOf(name)
		if err != nil {
			return nil, err
		}
		if d.Join(g) {
			for _, p := range h.filterPorts(d) {
				p.JoinGroup(g)
			}
		}
	}
	return &RawSocket{h.ip.OpenRaw(cfg)}, nil
}

// RawSockets returns the raw sockets, newest first.
func (h *Host) RawSockets() []*RawSocket {
	var out []*RawSocket
	for _, r := range h.ip.RawSocks() {
		out = append(out, &RawSocket{r})
	}
	return out
}

// Name returns the name of the program.
func (r *RawSocket) Name() string { return r.sock.Config().Name }

// Packets returns how many packets were queued to the socket so far, Drops how
// many found its buffer full (sk_drops), Queued how many wait to be read.
func (r *RawSocket) Packets() uint64 { return r.sock.Packets }

// Drops returns sk_drops.
func (r *RawSocket) Drops() uint64 { return r.sock.Drops }

// Queued returns the number of packets that wait to be read.
func (r *RawSocket) Queued() int { return int(r.sock.Live()) }
