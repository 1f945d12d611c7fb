package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/socket"
)

// Addresses of the recorder: what its sender and its sockets are bound to when a
// case does not say.
const (
	senderPort   = 40000
	receiverPort = 5000
	senderSpace  = "tx"
)

// notReplayable says why a case cannot be replayed.
type notReplayable string

func (n notReplayable) Error() string { return string(n) }

// profileBase is the key of the profile that others of a case's profile change.
const profileBase = "base"

// profile returns the profile of a case: that of its kernel's version, or the one
// that the case derives.
func (c *Case) profile() (kernel.Profile, error) {
	parts := strings.SplitN(c.Kernel, ".", 3)
	if len(parts) < 2 {
		return kernel.Profile{}, notReplayable(fmt.Sprintf("kernel %q is no version", c.Kernel))
	}
	name := "linux-" + parts[0] + "." + parts[1]
	if c.prof != nil {
		name = c.prof[profileBase]
	}
	p, err := kernel.ProfileNamed(name)
	if err != nil {
		if c.prof != nil {
			return p, notReplayable(fmt.Sprintf("profile.base: no profile %q", name))
		}
		return p, notReplayable(fmt.Sprintf("no profile for kernel %s", c.Kernel))
	}
	for _, k := range slices.Sorted(maps.Keys(c.prof)) {
		if k == profileBase {
			continue
		}
		if err := p.Set(k, c.prof[k]); err != nil {
			return p, notReplayable("profile: " + err.Error())
		}
	}
	return p, nil
}

// openSockets opens the sockets of a case in their order.
func (w *world) openSockets() error {
	for i := range w.c.setup.sockets {
		if w.c.setup.sockets[i].Opened != "" {
			continue
		}
		if err := w.openSocket(w.c.setup.sockets[i]); err != nil {
			return fmt.Errorf("setup.sockets[%d]: %w", i, err)
		}
	}
	if len(w.rx) == 0 && w.needsSocket() {
		return w.openSocket(socketSpec{})
	}
	return nil
}

// openSocket opens one socket as the recorder did.
func (w *world) openSocket(spec socketSpec) error {
	cfg := socket.Config{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), receiverPort), ReuseAddr: spec.ReuseAddr, ReusePort: spec.ReusePort, Device: spec.BindToDevice}
	var err error
	if spec.Bind != nil {
		if cfg.Local, err = addrPort(spec.Bind); err != nil {
			return err
		}
	}
	cfg.NoMulticastAll = spec.MulticastAll != nil && *spec.MulticastAll == 0
	groups, err := spec.groups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		j := socket.Join{Group: g, Device: w.device(spec.JoinIf)}
		if spec.Source != "" {
			from, err := netip.ParseAddr(spec.Source)
			if err != nil {
				return err
			}
			j.Include = []netip.Addr{from}
		}
		cfg.Join = append(cfg.Join, j)
	}
	s, err := w.bind(cfg, &spec)
	if err != nil {
		return err
	}
	if spec.Connect != nil {
		peer, err := addrPort(spec.Connect)
		if err == nil {
			err = s.Connect(peer)
		}
		if err != nil {
			return err
		}
	}
	w.rx = append(w.rx, &receiver{endpoint: s, spec: spec})
	return nil
}

// groups returns the groups that a socket joins.
func (s *socketSpec) groups() (out []netip.Addr, err error) {
	var names []string
	var one string
	switch {
	case len(s.Join) == 0 || string(s.Join) == "null":
		return nil, nil
	case json.Unmarshal(s.Join, &one) == nil:
		names = []string{one}
	default:
		if err := json.Unmarshal(s.Join, &names); err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		a, err := netip.ParseAddr(n)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// device returns the name of the interface with that index in the receiver's
// namespace; below 1, the one that the case is about.
func (w *world) device(ifindex int) string {
	if ifindex == 1 {
		return "lo"
	}
	return w.c.setup.Env.RXDev
}

// addrPort reads ["10.0.0.1", 5000].
func addrPort(v []any) (netip.AddrPort, error) {
	if len(v) == 2 {
		s, ok := v[0].(string)
		a, err := netip.ParseAddr(s)
		n, isNumber := number(v[1])
		if ok && err == nil && isNumber && n >= 0 && n < 1<<16 {
			return netip.AddrPortFrom(a, uint16(n)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%v: want an address and a port", v)
}

// number returns a whole number of a decoded value.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// What the recorder did to the network stands in words: in the note of the
// set-up and in the description of the case.
var (
	noteSysctl = regexp.MustCompile(`^(net\.[a-zA-Z0-9_.]+) ?= ?(.+)$`)
	noteWait   = regexp.MustCompile(`^([0-9.]+) s wait$`)
	noteRoute  = regexp.MustCompile(`^ip route add ([0-9./]+) dev (\S+)$`)
	noteXDP    = regexp.MustCompile(`^XDP_(DROP|PASS) program on (\S+), (generic|native)$`)
	firewall   = regexp.MustCompile(`^(?:nft|iptables\S*) (ingress|prerouting|input)\b.*?\b(drop|reject)\b`)
)

// notes returns the clauses of the note of a set-up.
func (c *Case) notes() (out []string) {
	for _, n := range strings.Split(c.setup.Note, ";") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// wait returns how long the recorder waited after its stimulus.
func (c *Case) wait() engine.Time {
	for _, n := range c.notes() {
		if m := noteWait.FindStringSubmatch(n); m != nil {
			s, _ := strconv.ParseFloat(m[1], 64)
			return engine.Time(s*1000) * engine.Millisecond
		}
	}
	return 0
}
