package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"

	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/units"
)

// Bounds of the scenario that is made for a capture.
const (
	// mostReaders is the number of destinations that get an application.
	mostReaders = 256
	// aroundTail is how long the run goes on behind the last frame.
	aroundTail = 100 * engine.Millisecond
	// plainMTU and largestMTU are those of an ixgbe (RX-21); frameExtra is what a frame has beyond its packet.
	plainMTU, largestMTU, frameExtra = 1500, 9710, skb.EthHeader + skb.EthFCS
)

// Addresses of the default host, and of one that sends to it.
const (
	localhost     skb.Addr = 0x7f000001
	hostAddress   skb.Addr = 0x0a000002
	senderAddress skb.Addr = 0x0a000001
)

// An around is a scenario that is made for a capture: the default host with one
// interface, one queue and one CPU for it, and an application for every
// destination of datagrams.
type around struct {
	path string
	file *capture.File
	*survey

	// address is the interface's, recorded what the capture has in its place.
	address, recorded skb.Addr
	// readers are the destinations that get an application, more those that are one too many, others those
	// that are not this host's.
	readers, more, others []destination
}

// newAround looks at a capture.
func newAround(path string, f *capture.File) (*around, error) {
	s, err := surveyOf(f)
	if err != nil {
		return nil, err
	}
	a := &around{path: path, file: f, survey: s, address: hostAddress, recorded: hostAddress}
	if addr, ok := s.address(); ok {
		a.address, a.recorded = addr, addr
	}
	if a.address.Loopback() {
		a.address = hostAddress
	}
	ours := func(d destination) bool { return d.addr.Multicast() || d.addr == a.recorded }
	a.readers = s.destinations(ours)
	a.others = s.destinations(func(d destination) bool { return !ours(d) })
	if len(a.readers) > mostReaders {
		a.readers, a.more = a.readers[:mostReaders], a.readers[mostReaders:]
	}
	return a, nil
}

// runFor returns how long the run must be for all passes of the capture, as c
// replays it, in whole microseconds; for one if c goes on without end.
func (a *around) runFor(c *scenario.Capture) engine.Time {
	var pass, by big.Int
	frames := a.file.Info.Frames
	switch {
	case c.MilliPPS > 0:
		pass.Mul(pass.SetUint64(frames), big.NewInt(int64(1000*engine.Second)))
		by.SetUint64(c.MilliPPS)
	default:
		pass.Mul(big.NewInt(int64(a.file.Info.Duration)), big.NewInt(int64(1000*engine.Nanosecond)))
		by.SetUint64(c.SpeedMilli)
		if c.Loops > 1 && frames > 1 { // a pass begins a mean gap after the one before
			pass.Mul(&pass, new(big.Int).SetUint64(frames))
			by.Mul(&by, new(big.Int).SetUint64(frames-1))
		}
	}
	pass.Quo(&pass, &by)
	pass.Mul(&pass, big.NewInt(int64(max(c.Loops, 1))))
	pass.Add(&pass, big.NewInt(int64(c.Start+aroundTail)))
	if !pass.IsInt64() || pass.Int64() > int64(engine.MaxTime-engine.Microsecond) {
		return engine.MaxTime
	}
	return roundUp(engine.Time(pass.Int64()), engine.Microsecond)
}

// yaml writes the scenario for a run of that length.
func (a *around) yaml(runFor engine.Time) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("name: %s", quote(strings.TrimSuffix(filepath.Base(a.path), filepath.Ext(a.path))))
	line("nics:")
	line("  - name: eth0")
	line("    address: %v/24", a.address)
	line("    mtu: %d", min(max(plainMTU, int(a.file.Info.Longest)-frameExtra), largestMTU))
	line("    channels: {combined: 1}")
	line("    irq_affinity: {TxRx-0: 1}")
	if ids := a.vlanIDs(); len(ids) > 0 {
		line("    vlans: %s", quote(ids))
	}
	line("traffic:")
	line("  - name: %s", quote(filepath.Base(a.path)))
	line("    to: eth0")
	line("    pcap: %s", quote(filepath.Base(a.path)))
	if rules := a.rewrites(); len(rules) > 0 {
		line("    rewrite:")
		for _, r := range rules {
			line("      - %s", r)
		}
	}
	if len(a.readers) > 0 {
		line("apps:")
	}
	for i, d := range a.readers {
		bind, join := destination{a.address, d.port}, ""
		if d.addr.Multicast() {
			bind, join = d, fmt.Sprintf(", join: [%v]", d.addr)
		}
		line("  - name: %s", quote(bind.String()))
		line("    cpu: %d", readerCPUs[i%len(readerCPUs)])
		line("    sockets: [{bind: %q%s}]", bind, join)
	}
	line("run: {for: %s, sample: %s}", units.FormatTime(runFor), units.FormatTime(sampleOf(runFor)))
	return []byte(b.String())
}

// readerCPUs are the CPUs of the applications, in turn. CPU 1 has the interrupt.
var readerCPUs = []int{2, 3}

// sampleOf returns an interval that gives a run of that length no more than
// ten thousand samples.
func sampleOf(runFor engine.Time) engine.Time {
	const least = 10 * engine.Millisecond
	return max(roundUp(runFor/10_000, least), least)
}

func roundUp(t, unit engine.Time) engine.Time { return (t + unit - 1) / unit * unit }

// rewrites returns the rules that make datagrams of a host to itself look as if
// they came over a wire: an interface refuses its own address as a source.
func (a *around) rewrites() (rules []string) {
	if a.recorded != a.address || a.selves[a.recorded] > 0 {
		rules = append(rules, fmt.Sprintf("{match: {src: %v, dst: %v}, set: {src: %v, dst: %v}}", a.recorded, a.recorded, a.sender(), a.address))
	}
	if a.recorded != a.address {
		rules = append(rules, fmt.Sprintf("{match: {dst: %v}, set: {dst: %v}}", a.recorded, a.address))
	}
	if a.loopback > 0 {
		rules = append(rules, fmt.Sprintf("{match: {src: %v}, set: {src: %v}}", localhost, a.sender()))
	}
	return rules
}

// sender returns an address that is not the interface's.
func (a *around) sender() skb.Addr {
	if a.address == senderAddress {
		return hostAddress
	}
	return senderAddress
}

// quote writes a value in JSON, which is YAML as well.
func quote(v any) string {
	text, _ := json.Marshal(v) // texts and numbers always can be
	return string(text)
}
