// Package simtest makes tests with a simulated host short: a host in a line,
// datagrams in a line, and counters that are compared with what was expected,
// with a failure that says which counter, what it has, and what became of which
// datagram.
//
//	h := simtest.New(t)
//	s := h.Listen("10.0.0.2:5000", simtest.RcvBuf(4096))
//	h.Send(20, 100, "10.0.0.2:5000")
//	h.Expect(simtest.Counters{"Udp.RcvbufErrors": 10, "Udp.InErrors": 10})
//
// A counter is named as in the host's files (docs/COUNTERS.md): "Udp.InErrors".
// Where several files have the name, the file stands before it:
// "proc/net/softnet_stat dropped", "ethtool/eth0/S rx_packets". Rows of a file, such
// as CPUs, are added up.
package simtest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/kernel"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/socket"
)

// A Host is a simulated host of one test. The methods of sim.Host are there, too.
type Host struct {
	*sim.Host
	t      testing.TB
	before sim.Snapshot
	log    []event
	sent   int
}

// An event is what happened to a datagram, or to several of a burst.
type event struct {
	first, last int // numbers of datagrams, from 1
	what        string
}

// New returns a host for a test: sim.Linux40, changed as the options say. It
// fails the test if that is no host, and closes it when the test ends.
func New(t testing.TB, options ...func(*sim.Config)) *Host {
	t.Helper()
	cfg := sim.Linux40()
	for _, o := range options {
		o(&cfg)
	}
	h, err := sim.NewHost(cfg)
	if err != nil {
		t.Fatalf("simtest: no such host: %v", err)
	}
	t.Cleanup(h.Close)
	return &Host{Host: h, t: t, before: h.Snapshot()}
}

// Kernel runs another kernel: "linux-6.18". It panics if there is no such
// profile: that is a fault of the test.
func Kernel(name string) func(*sim.Config) {
	p, err := kernel.ProfileNamed(name)
	if err != nil {
		panic(fmt.Sprintf("simtest: %v", err))
	}
	return func(c *sim.Config) { c.Kernel = p }
}

// RcvBuf is SO_RCVBUF of a socket, in bytes, before the kernel doubles it.
func RcvBuf(bytes int) func(*socket.Config) {
	return func(c *socket.Config) { c.RcvBuf = bytes }
}

// Join makes a socket a member of a group.
func Join(group string) func(*socket.Config) {
	g := netip.MustParseAddr(group)
	return func(c *socket.Config) { c.Join = append(c.Join, socket.Join{Group: g}) }
}

// ReuseAddr lets several sockets listen to one port, as SO_REUSEADDR does.
func ReuseAddr() func(*socket.Config) {
	return func(c *socket.Config) { c.ReuseAddr = true }
}

// Listen binds a UDP socket that nobody reads but the test. It fails the test if
// the kernel would refuse.
func (h *Host) Listen(address string, options ...func(*socket.Config)) *sim.Socket {
	h.t.Helper()
	local, err := netip.ParseAddrPort(address)
	if err != nil {
		h.t.Fatalf("simtest: Listen(%q): want ADDRESS:PORT: %v", address, err)
	}
	cfg := socket.Config{Local: local}
	for _, o := range options {
		o(&cfg)
	}
	s, err := h.Bind(cfg)
	if err != nil {
		h.t.Fatalf("simtest: Listen(%q): %v", address, err)
	}
	return s
}

// from is the sender of Send and Burst, which has a route back.
var from = netip.MustParseAddrPort("10.0.0.9:4000")

// settle is the time that a datagram gets to arrive before the next is sent:
// longer than any moderation.
const settle = 2 * time.Millisecond

// Send sends n datagrams with so many bytes of payload to an address, each when
// the one before has arrived or is lost, and notes what became of each.
func (h *Host) Send(n, payload int, to string) {
	h.t.Helper()
	f := h.frame(payload, to)
	for range n {
		before := h.Ledger()
		h.Inject(f)
		h.pass(settle)
		h.note(1, before)
	}
}

// pass lets time pass, unless it stands still.
func (h *Host) pass(d time.Duration) {
	h.t.Helper()
	h.Advance(d)
	if err := h.Err(); err != nil {
		h.t.Fatal(err)
	}
}

// Burst sends n datagrams back to back at the speed of the link, and lets them
// arrive. Of what is lost it can say the number only, not which.
func (h *Host) Burst(n, payload int, to string) {
	h.t.Helper()
	f := h.frame(payload, to)
	before := h.Ledger()
	for range n {
		h.Inject(f)
	}
	h.pass(settle + time.Duration(n)*10*time.Microsecond)
	h.note(n, before)
}

// SendFrame sends any frame, and lets it arrive.
func (h *Host) SendFrame(f skb.Frame) {
	h.t.Helper()
	before := h.Ledger()
	h.Inject(f)
	h.pass(settle)
	h.note(1, before)
}

func (h *Host) frame(payload int, to string) skb.Frame {
	h.t.Helper()
	dst, err := netip.ParseAddrPort(to)
	if err != nil {
		h.t.Fatalf("simtest: %q: want ADDRESS:PORT: %v", to, err)
	}
	return h.UDPFrame(from, dst, payload)
}

// note writes down what became of the last n frames.
func (h *Host) note(n int, before skb.Ledger) {
	now := h.Ledger()
	var what []string
	for r := range now.Dropped {
		if d := now.Dropped[r] - before.Dropped[r]; d > 0 {
			word := "refused"
			if skb.DropReason(r).Lost() {
				word = "lost"
			}
			text := word + " " + skb.DropReason(r).String()
			if n > 1 || d > 1 {
				text += fmt.Sprintf(" %d", d)
			}
			what = append(what, text)
		}
	}
	if c := now.Clones - before.Clones; c > 0 {
		what = append(what, fmt.Sprintf("%d clones", c))
	}
	text := "arrived"
	if len(what) > 0 {
		text = strings.Join(what, ", ")
	}
	e := event{h.sent + 1, h.sent + n, text}
	h.sent += n
	if k := len(h.log) - 1; k >= 0 && n == 1 && h.log[k].what == text && h.log[k].last == e.first-1 {
		h.log[k].last = e.last
		return
	}
	h.log = append(h.log, e)
}

// Counters are counters by name with the values that are expected.
type Counters map[string]uint64

// Expect compares the counters with what they have moved by since the host was
// made, or since the last Expect or ExpectOnly. A difference fails the test,
// which goes on.
func (h *Host) Expect(want Counters) {
	h.t.Helper()
	h.expect(want, false)
}

// ExpectOnly is Expect, and no other counter of proc/net/snmp and
// proc/net/netstat may have moved.
func (h *Host) ExpectOnly(want Counters) {
	h.t.Helper()
	h.expect(want, true)
}

// strict are the files in which ExpectOnly allows nothing else.
var strict = []string{"proc/net/snmp", "proc/net/netstat"}

func (h *Host) expect(want Counters, only bool) {
	h.t.Helper()
	now := h.Snapshot()
	moved := sums(now.Sub(h.before))
	h.before = now
	if err := h.compare(moved, want, only); err != nil {
		h.t.Errorf("%v", err)
	}
	h.log = nil
}

// A counter is a name in a file.
type counter struct{ file, name string }

func (c counter) String() string { return c.file + " " + c.name }

func sums(s sim.Snapshot) map[counter]uint64 {
	out := map[counter]uint64{}
	procfs.EachCounter(&s.Snapshot, func(file, _, name string, v uint64) { out[counter{file, name}] += v })
	return out
}

// compare says everything that is not as expected, nil if nothing is.
func (h *Host) compare(moved map[counter]uint64, want Counters, only bool) error {
	var faults []string
	named := map[counter]bool{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		c, err := find(moved, name)
		if err != nil {
			faults = append(faults, "  "+err.Error())
			continue
		}
		named[c] = true
		if got := moved[c]; got != want[name] {
			faults = append(faults, fmt.Sprintf("  %s: got %d, want %d (%s)", name, got, want[name], c.file))
		}
	}
	var others []string
	for _, c := range slices.SortedFunc(maps.Keys(moved), func(a, b counter) int { return strings.Compare(a.String(), b.String()) }) {
		if moved[c] == 0 || named[c] || !slices.Contains(strict, c.file) {
			continue
		}
		others = append(others, fmt.Sprintf("%s %d", c.name, moved[c]))
		if only {
			faults = append(faults, fmt.Sprintf("  %s: got %d, want nothing (%s)", c.name, moved[c], c.file))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	text := "counters are not as expected:\n" + strings.Join(faults, "\n")
	if len(others) > 0 && !only {
		text += "\nwhat else moved: " + strings.Join(others, ", ")
	}
	return errors.New(text + h.story())
}

// shown is how many events a failure tells.
const shown = 12

// story tells what became of the datagrams since the last Expect.
func (h *Host) story() string {
	if len(h.log) == 0 {
		return "\nno datagram was sent"
	}
	text := "\nwhat became of the datagrams:"
	from := max(0, len(h.log)-shown)
	if from > 0 {
		text += fmt.Sprintf("\n  ... %d events before", from)
	}
	for _, e := range h.log[from:] {
		if e.first == e.last {
			text += fmt.Sprintf("\n  #%d %s", e.first, e.what)
		} else {
			text += fmt.Sprintf("\n  #%d to #%d %s", e.first, e.last, e.what)
		}
	}
	return text
}

// find returns the counter of that name: NAME if one file has it, or FILE NAME.
func find(moved map[counter]uint64, name string) (counter, error) {
	if file, n, ok := strings.Cut(name, " "); ok {
		c := counter{file, n}
		if _, there := moved[c]; there {
			return c, nil
		}
		return c, unknown(moved, name)
	}
	var found []string
	var c counter
	for k := range moved { // Any order: there is one, or the names are sorted.
		if k.name == name {
			found = append(found, k.file)
			c = k
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 1:
		return c, nil
	case 0:
		return c, unknown(moved, name)
	}
	return c, fmt.Errorf("%s: several files have it: write %q or the like", name, found[0]+" "+name)
}

// unknown says that there is no counter of that name, and which one was perhaps
// meant: one whose file was cut short, or whose last word is the same or much like it.
func unknown(moved map[counter]uint64, name string) error {
	hint := func(w string) error { return fmt.Errorf("%s: no such counter: did you mean %q?", name, w) }
	names := map[string]string{} // by last word
	var words []string
	for _, c := range slices.SortedFunc(maps.Keys(moved), func(a, b counter) int { return strings.Compare(a.String(), b.String()) }) {
		if strings.HasSuffix(c.String(), "/"+name) {
			return hint(c.String())
		}
		w := lastWord(c.name)
		if names[w] == "" {
			names[w] = c.name
			words = append(words, w)
		}
	}
	if w := cfgerr.Near(lastWord(name), words); w != "" {
		return hint(names[w])
	}
	return fmt.Errorf("%s: no such counter (docs/COUNTERS.md has all)", name)
}

func lastWord(name string) string { return name[strings.LastIndexAny(name, " .")+1:] }
