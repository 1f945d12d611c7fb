package scenariofile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/units"
)

// A notation is how a value is written in a scenario file.
type notation[T any] interface {
	parse(string) (T, error)
	format(T) string
	// want says what is expected, with examples.
	want() string
}

// A scalar is a value with a notation of its own. Its zero value was not
// given; a wrong one remembers its error, so that decoding goes on.
type scalar[T any, N notation[T]] struct {
	v     T
	given bool
	err   error
}

// as returns the scalar that was given as v.
func as[N notation[T], T any](v T) scalar[T, N] { return scalar[T, N]{v: v, given: true} }

// IsZero reports that no value was given, for omitzero.
func (s scalar[T, N]) IsZero() bool { return !s.given }

// or gives v if no value was given.
func (s *scalar[T, N]) or(v T) {
	if !s.given {
		*s = as[N](v)
	}
}

// UnmarshalJSON reads a string, or a number as it is written. It never fails.
func (s *scalar[T, N]) UnmarshalJSON(b []byte) error {
	var n N
	text := string(b)
	if text == "null" {
		return nil
	}
	if b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	s.given = true
	s.v, s.err = n.parse(text)
	return nil
}

// MarshalJSON prints a plain number as a number, anything else as a string. A
// CPU mask or a key stays a string whatever it looks like.
func (s scalar[T, N]) MarshalJSON() ([]byte, error) {
	var n N
	text := n.format(s.v)
	if _, ok := any(n).(interface{ plain() }); ok && jsonNumber.MatchString(text) {
		return []byte(text), nil
	}
	return json.Marshal(text)
}

// check returns what is wrong with the value.
func (s scalar[T, N]) check() (problem, want string) {
	if s.err == nil {
		return "", ""
	}
	var n N
	var e *units.Error
	if errors.As(s.err, &e) {
		return e.Why, e.Want
	}
	return "", n.want()
}

// expects returns what is wanted, for the schema and the reference.
func (s scalar[T, N]) expects() string {
	var n N
	return n.want()
}

// plainNumbers marks a notation that has numbers without a unit.
type plainNumbers struct{}

func (plainNumbers) plain() {}

// bareZero marks a notation with units whose zero needs none.
type bareZero struct{}

func (bareZero) zero() {}

// wants returns what a parser of package units expects.
func wants[T any](parse func(string) (T, error)) string {
	_, err := parse("")
	var e *units.Error
	if errors.As(err, &e) {
		return e.Want
	}
	return ""
}

type timeNotation struct{ bareZero }

func (timeNotation) parse(s string) (engine.Time, error) { return units.ParseTime(s) }
func (timeNotation) format(t engine.Time) string         { return units.FormatTime(t) }
func (timeNotation) want() string                        { return wants(units.ParseTime) }

type rateNotation struct{ bareZero }

func (rateNotation) parse(s string) (uint64, error) { return units.ParseRate(s) }
func (rateNotation) format(v uint64) string         { return units.FormatRate(v) }
func (rateNotation) want() string                   { return wants(units.ParseRate) }

type linkNotation struct{}

func (linkNotation) parse(s string) (int64, error) { return units.ParseLink(s) }
func (linkNotation) format(v int64) string         { return units.FormatLink(v) }
func (linkNotation) want() string                  { return wants(units.ParseLink) }

type bytesNotation struct{ plainNumbers }

func (bytesNotation) parse(s string) (int64, error) { return units.ParseBytes(s) }
func (bytesNotation) format(v int64) string         { return units.FormatBytes(v) }
func (bytesNotation) want() string                  { return wants(units.ParseBytes) }

type shareNotation struct{ plainNumbers }

func (shareNotation) parse(s string) (uint32, error) { return units.ParsePPM(s) }
func (shareNotation) format(v uint32) string         { return units.FormatPPM(v) }
func (shareNotation) want() string                   { return wants(units.ParsePPM) }

type factorNotation struct{ plainNumbers }

func (factorNotation) parse(s string) (uint64, error) { return units.ParseMilli(s) }
func (factorNotation) format(v uint64) string         { return units.FormatMilli(v) }
func (factorNotation) want() string                   { return wants(units.ParseMilli) }

type maskNotation struct{}

func (maskNotation) parse(s string) ([]int, error) { return units.ParseCPUMask(s) }
func (maskNotation) want() string                  { return wants(units.ParseCPUMask) }

// format prints the mask with as many groups as it needs.
func (maskNotation) format(cpus []int) string {
	possible := 1
	if n := len(cpus); n > 0 {
		possible = cpus[n-1] + 1
	}
	return units.FormatCPUMask(cpus, possible)
}

var errNotation = errors.New("not the notation")

// addrNotation is an IPv4 address.
type addrNotation struct{}

func (addrNotation) parse(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Addr{}, errNotation
	}
	return a, nil
}
func (addrNotation) format(a netip.Addr) string { return a.String() }
func (addrNotation) want() string               { return "an IPv4 address such as 239.193.4.65" }

// endpointNotation is an IPv4 address with a port.
type endpointNotation struct{}

func (endpointNotation) parse(s string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil || !a.Addr().Is4() {
		return netip.AddrPort{}, errNotation
	}
	return a, nil
}
func (endpointNotation) format(a netip.AddrPort) string { return a.String() }
func (endpointNotation) want() string {
	return "an IPv4 address and a port such as 239.193.4.65:14506"
}

// patternNotation is an address, a port, or both, for rules: what is left out
// is the zero value.
type patternNotation struct{}

func (patternNotation) parse(s string) (netip.AddrPort, error) {
	if rest, ok := strings.CutPrefix(s, ":"); ok {
		a, err := netip.ParseAddrPort("0.0.0.0:" + rest)
		if err != nil || a.Port() == 0 {
			return netip.AddrPort{}, errNotation
		}
		return a, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.AddrPortFrom(a, 0), nil
	}
	return endpointNotation{}.parse(s)
}

func (patternNotation) format(a netip.AddrPort) string {
	switch {
	case a.Port() == 0:
		return a.Addr().String()
	case a.Addr().IsUnspecified():
		return a.String()[strings.IndexByte(a.String(), ':'):]
	}
	return a.String()
}

func (patternNotation) want() string {
	return `an IPv4 address, a port or both, such as 239.1.1.1, ":6100" or 239.1.1.1:6100`
}

// prefixNotation is an interface's address with the length of its network.
type prefixNotation struct{}

func (prefixNotation) parse(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, errNotation
	}
	return p, nil
}
func (prefixNotation) format(p netip.Prefix) string { return p.String() }
func (prefixNotation) want() string {
	return "an IPv4 address and the length of its network such as 10.0.0.2/24"
}

// networkNotation is an address, or all addresses with a prefix.
type networkNotation struct{}

func (networkNotation) parse(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.PrefixFrom(a, 32), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() || p.Bits() == 0 {
		return netip.Prefix{}, errNotation
	}
	return p, nil
}
func (networkNotation) format(p netip.Prefix) string {
	if p.Bits() == 32 {
		return p.Addr().String()
	}
	return p.String()
}
func (networkNotation) want() string {
	return "an IPv4 address, or a network such as 10.0.0.0/8"
}

// protoNotation is an IP protocol by name or number.
type protoNotation struct{ plainNumbers }

var protoNames = map[string]uint8{"icmp": skb.ProtoICMP, "igmp": skb.ProtoIGMP, "tcp": skb.ProtoTCP, "udp": skb.ProtoUDP}

func (protoNotation) parse(s string) (uint8, error) {
	if p, ok := protoNames[s]; ok {
		return p, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n == 0 {
		return 0, errNotation
	}
	return uint8(n), nil
}
func (protoNotation) format(p uint8) string {
	for _, name := range slices.Sorted(maps.Keys(protoNames)) {
		if protoNames[name] == p {
			return name
		}
	}
	return strconv.Itoa(int(p))
}
func (protoNotation) want() string { return "icmp, igmp, tcp, udp, or the number of an IP protocol" }

// macNotation is a unicast Ethernet address.
type macNotation struct{}

func (macNotation) parse(s string) (skb.MAC, error) {
	a, err := net.ParseMAC(s)
	if err != nil || len(a) != len(skb.MAC{}) || skb.MAC(a).Multicast() {
		return skb.MAC{}, errNotation
	}
	return skb.MAC(a), nil
}
func (macNotation) format(m skb.MAC) string { return net.HardwareAddr(m[:]).String() }
func (macNotation) want() string            { return "a unicast Ethernet address such as 02:00:00:00:00:10" }

// keyNotation is a hash key as ethtool -X hkey takes it.
type keyNotation struct{}

// keyBytes is the length of the Toeplitz key of the 82599 (RX-34).
const keyBytes = 40

func (keyNotation) parse(s string) ([]byte, error) {
	parts := strings.Split(s, ":")
	key := make([]byte, 0, keyBytes)
	for _, p := range parts {
		b, err := hex.DecodeString(p)
		if err != nil || len(b) != 1 || len(parts) != keyBytes {
			return nil, errNotation
		}
		key = append(key, b...)
	}
	return key, nil
}

func (keyNotation) format(key []byte) string {
	var b bytes.Buffer
	for i, c := range key {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(hex.EncodeToString([]byte{c}))
	}
	return b.String()
}

func (keyNotation) want() string { return "40 bytes in hexadecimal between colons, as in 6d:5a:56:..." }

// neverNotation is a time, or the word never, which is 0.
type neverNotation struct{}

const never = "never"

func (neverNotation) parse(s string) (engine.Time, error) {
	if s == never {
		return 0, nil
	}
	t, err := units.ParseTime(s)
	if err == nil && t == 0 {
		err = errNotation
	}
	return t, err
}

func (neverNotation) format(t engine.Time) string {
	if t == 0 {
		return never
	}
	return units.FormatTime(t)
}

func (neverNotation) want() string { return "a time above 0 such as 1us, or never" }

// The scalars of a scenario file.
type (
	duration  = scalar[engine.Time, timeNotation]
	orNever   = scalar[engine.Time, neverNotation]
	rate      = scalar[uint64, rateNotation]
	linkSpeed = scalar[int64, linkNotation]
	byteSize  = scalar[int64, bytesNotation]
	share     = scalar[uint32, shareNotation]
	factor    = scalar[uint64, factorNotation]
	address   = scalar[netip.Addr, addrNotation]
	endpoint  = scalar[netip.AddrPort, endpointNotation]
	pattern   = scalar[netip.AddrPort, patternNotation]
	prefix    = scalar[netip.Prefix, prefixNotation]
	network   = scalar[netip.Prefix, networkNotation]
	protocol  = scalar[uint8, protoNotation]
	mac       = scalar[skb.MAC, macNotation]
	hashKey   = scalar[[]byte, keyNotation]
)
