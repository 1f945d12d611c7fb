package verify

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-556df219/rxpath/sim/live"
)

// probeSysctls are settings that cases come with.
var probeSysctls = []string{
	"net.core.dev_weight", "net.core.dev_weight_rx_bias", "net.core.flow_limit_cpu_bitmap", "net.core.gro_normal_batch", "net.core.mem_pcpu_rsv",
	"net.core.netdev_budget", "net.core.netdev_budget_usecs", "net.core.netdev_max_backlog", "net.core.netdev_tstamp_prequeue",
	"net.core.rmem_default", "net.core.rmem_max", "net.ipv4.conf.all.igmpv3_unsolicited_report_interval", "net.ipv4.conf.all.rp_filter",
	"net.ipv4.conf.default.rp_filter", "net.ipv4.icmp_ratemask", "net.ipv4.igmp_max_memberships", "net.ipv4.igmp_qrv", "net.ipv4.ip_forward",
	"net.ipv4.ipfrag_high_thresh", "net.ipv4.ipfrag_max_dist", "net.ipv4.ipfrag_time", "net.ipv4.udp_early_demux", "net.ipv4.udp_mem", "net.ipv4.udp_rmem_min",
}

// ThisMachine looks at the kernel that runs this program, and probes what it
// does in a namespace of its own. The error says what is missing.
func ThisMachine(ctx context.Context) (*Machine, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, err
	}
	m := &Machine{Release: unix.ByteSliceToString(u.Release[:]), CPUs: runtime.NumCPU()}
	var err error
	if _, m.Version, err = release(m.Release); err != nil {
		return nil, err
	}
	m.host = live.HostSysctls(probeSysctls)
	if m.own, err = live.OwnSysctls(ctx, probeSysctls); err != nil {
		return nil, err
	}
	var o observation
	if err := live.Run(ctx, o.probe); err != nil {
		return nil, fmt.Errorf("probing the kernel: %w", err)
	}
	if m.LLC = o.llc; o.noReasons != nil {
		m.NoReasons = o.noReasons.Error()
	}
	return m, m.derive(&o)
}

// hasLLC reports whether there is a handler for 802.2 (ETH_P_802_2).
func hasLLC() bool {
	data, err := os.ReadFile("/proc/thread-self/net/ptype")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "0004") {
			return true
		}
	}
	return false
}

// probeCount is how many datagrams a probe's buffer holds.
const probeCount = 8

// probe measures on lo what decides a profile.
func (o *observation) probe() error {
	lo := netip.MustParseAddr("127.0.0.1")
	n, err := live.Open(live.Config{Kind: "lo", Device: "lo", MTU: 65536, RXAddr: lo, TXAddr: lo})
	if err != nil {
		return err
	}
	defer n.Close()
	to := netip.AddrPortFrom(lo, receiverPort)
	s, err := n.Sender(netip.AddrPortFrom(lo, senderPort))
	if err != nil {
		return err
	}
	defer s.Close()
	// fill sends one datagram more than two buffers hold, and returns what is queued then.
	fill := func(asked int) (*live.Socket, int, error) {
		r, err := n.Socket(&live.Options{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), receiverPort), RcvBufForce: &asked})
		if err != nil {
			return nil, 0, err
		}
		for range 2*probeCount + 1 {
			if err := s.Send(to, 0, 0); err != nil {
				r.Close()
				return nil, 0, err
			}
		}
		return r, 2*probeCount + 1 - int(r.MemInfo()[8]), nil
	}
	r, _, err := fill(1 << 20)
	if err != nil {
		return err
	}
	rmem := r.MemInfo()[0]
	o.truesize = int64(rmem) / (2*probeCount + 1)
	if _, err := r.Recv(0, 0); err != nil {
		return err
	}
	o.released = r.MemInfo()[0] < rmem
	r.Close()
	o.holds = probeCount
	for _, b := range []struct {
		took  *int
		extra int64
	}{{&o.exact, 0}, {&o.loose, o.truesize / 2}} { // SO_RCVBUF is doubled
		r, took, err := fill(int(probeCount*o.truesize+b.extra) / 2)
		if err != nil {
			return err
		}
		*b.took = took
		r.Close()
	}
	if err := o.probePages(n, s, to); err != nil {
		return err
	}
	data, err := os.ReadFile("/proc/thread-self/net/softnet_stat")
	if err != nil {
		return err
	}
	if _, o.columns, err = live.Softnet(data); err != nil {
		return err
	}
	o.counters = map[string]bool{}
	for name := range n.Counters().Net { // Any order: a set.
		o.counters[name] = true
	}
	o.noReasons, o.llc = n.NoReasons(), hasLLC()
	return n.Err()
}

// probePages measures how a socket takes pages, and whether MSG_PEEK counts.
func (o *observation) probePages(n *live.Net, s *live.Sender, to netip.AddrPort) error {
	r, err := n.Socket(&live.Options{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), receiverPort)})
	if err != nil {
		return err
	}
	defer r.Close()
	for range 2 {
		if err := s.Send(to, probeLarge, 0); err != nil {
			return err
		}
	}
	m := r.MemInfo()
	o.large, o.fwdAlloc = int64(m[0])/2, int64(m[4])
	before := n.InDatagrams()
	if _, err := r.Recv(0, msgPeek); err != nil {
		return err
	}
	o.peeked = n.InDatagrams() != before
	return nil
}

// probeLarge is the payload of a datagram that takes several pages.
const probeLarge = 4000

// Run runs a case on the machine, records what the kernel counts, and replays the
// recording on the model.
func (m *Machine) Run(ctx context.Context, fsys fs.FS, file string) (*Recording, error) {
	c, err := Read(fsys, file)
	if err != nil {
		if c == nil {
			c = &Case{File: file}
		}
		return &Recording{Result: Result{Case: c, Verdict: NotReplayable, Reason: fmt.Sprintf("not understood: %v", err)}}, nil
	}
	switch {
	case c.Group == measured:
		return notRun(c, "measurements of time"), nil
	case !c.Deterministic && !c.related():
		return notRun(c, "its numbers are not the same in every run"), nil
	}
	note := m.adapt(c)
	runs, err := m.observe(ctx, c)
	if why, ok := errors.AsType[notReplayable](err); ok {
		return notRun(c, "%s", why), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	if runs.observed == nil {
		return notRun(c, "no two of %d runs gave the same", runs.count), nil
	}
	template, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	doc, err := m.rewrite(template, c, runs)
	if err != nil {
		return nil, err
	}
	recorded, err := parse(embed.FS{}, file, doc) // it has every setting in it, and needs no other file
	r := runRead(file, recorded, err)
	if note != "" {
		r.Reason = strings.TrimPrefix(r.Reason+"; "+note, "; ")
	}
	return &Recording{Result: r, Document: doc}, nil
}

// observe runs a case until two runs agree while nobody else received anything,
// or so often that this is not to be hoped for.
func (m *Machine) observe(ctx context.Context, c *Case) (*runs, error) {
	out := &runs{}
	var all []oneRun
	for out.count < mostRuns {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := m.once(ctx, c)
		if err != nil {
			return nil, err
		}
		out.count++
		all = append(all, r)
		if c.related() { // what holds in every run is checked of this one
			out.observed, out.seen, out.attained = r.observed, r.seen, 1
			break
		}
		same := slices.DeleteFunc(slices.Clone(all), func(b oneRun) bool {
			return !reflect.DeepEqual(without(b.observed), without(r.observed))
		})
		if len(same) < fewestRuns {
			continue
		}
		quiet := slices.DeleteFunc(slices.Clone(same), func(b oneRun) bool { return b.seen.noisy })
		if len(quiet) > 0 {
			same = quiet
		}
		out.observed, out.attained = merged(same)
		out.seen = r.seen
		out.noisy = len(quiet) == 0 || c.wait() > 0 // a wait is long enough for other programs to send something, too
		if len(quiet) >= fewestRuns && out.attained >= fewestRuns || c.wait() > 0 {
			break
		}
	}
	return out, nil
}

// oneRun is what one run of a case gave.
type oneRun struct {
	observed map[string]any
	seen     *seen
}

// merged returns runs that agree as one, with the least machine-wide counters,
// and how many of them had those.
func merged(same []oneRun) (o map[string]any, attained int) {
	o = deepCopy(same[0].observed).(map[string]any)
	for _, b := range same[1:] {
		least(o, b.observed, false)
	}
	for _, b := range same {
		if reflect.DeepEqual(o, b.observed) {
			attained++
		}
	}
	return o, attained
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for k, e := range out { // Any order: keys are different.
			out[k] = deepCopy(e)
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = deepCopy(out[i])
		}
		return out
	}
	return v
}

// once runs a case one time.
func (m *Machine) once(ctx context.Context, c *Case) (oneRun, error) {
	one := *c
	one.noisyCPUs = false
	one.seen = &seen{}
	one.on = func(c *Case) (bench, error) { return openKernel(c, m) }
	var shaped any
	err := live.Run(ctx, func() error {
		got, err := replay(&one)
		if err != nil {
			return err
		}
		shaped, err = shape("observed", any(one.observed), got)
		return err
	})
	if err != nil {
		return oneRun{}, err
	}
	data, err := json.Marshal(shaped)
	if err != nil {
		return oneRun{}, err
	}
	var out map[string]any
	err = loose(data, &out)
	return oneRun{out, one.seen}, err
}
