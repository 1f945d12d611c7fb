package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
	"github.com/seed-556df219/rxpath/socket"
)

// joins are the fields by which the stages of a host know each other, or are
// told what to do: every field of function or interface type in everything that
// a host holds, and slices of such. None may be nil, but for those with a reason why.
var joins = map[string]string{
	"sim.Host.exec":            "",
	"cpu.Core.exec":            "",
	"cpu.Core.softirqs":        "",
	"cpu.Line.handler":         "",
	"cpu.Task.step":            "",
	"nic.Port.exec":            "",
	"nic.Port.gro":             "",
	"nic.Port.hw":              "",
	"nic.Port.up":              "",
	"socket.Host.BusyLoop":     "",
	"socket.busyLoop.done":     "",
	"nic.Port.instance":        "",
	"nic.Port.sought":          "only while somebody looks for a packet that is dropped",
	"nic.Vector.napi":          "",
	"nic.feed.src":             "",
	"nic.feed.regular":         "only of a source whose frames can be passed over unseen",
	"napi.Instance.driver":     "",
	"napi.Instance.Raise":      "",
	"napi.GRO.Up":              "",
	"napi.GRO.Lookup":          "",
	"napi.GRO.Hash":            "devices without hardware have none in their packets",
	"napi.GRO.Headroom":        "",
	"softirq.Host.Stack":       "",
	"softirq.Host.Device":      "",
	"softirq.Host.BacklogWait": "",
	"socket.Host.DeferFree":    "only of kernels that defer",
	"socket.Host.RecordFlow":   "only with a socket flow table",
	"softirq.Host.Trace":       "only while somebody watches",
	"cpu.Line.Name":            "only of devices' interrupts",
	"cpu.Tracing.Describe":     "",
	"cpu.Tracing.IRQ":          "",
	"cpu.Tracing.Reason":       "",
	"cpu.Core.Defer":           "only if some softirqs are left to ksoftirqd",
	"ipstack.Layer.UDP":        "",
	"ipstack.Layer.Output":     "",
	"nic.SoftEnv.GRO":          "",
	"nic.SoftEnv.NAPI":         "",
	"nic.SoftEnv.NetifRX":      "",
	"nic.SoftEnv.Receive":      "",
	"nic.Veth.napi":            "",
	"nic.Tun.napi":             "",
	"udp.Layer.Unreachable":    "",
	"udp.Layer.Member":         "",
	"udp.Entry.Sock":           "",
	"socket.Sock.filter":       "only of a socket with a filter",
	"socket.Sock.err":          "only of a socket with an error that nobody has seen yet",
	"skb.Buff.Sock":            "only behind early demux",
	"cpu.Core.yield":           "only while the core's coroutine lives",
	"cpu.Core.resume":          "only while the core's coroutine lives",
	"cpu.Core.stop":            "only while the core's coroutine lives",

	"ipstack.Layer.NetifReceiveSKB": "",
	"ipstack.Layer.NetifRX":         "",
	"ipstack.Layer.NetifRXNI":       "",
	"ipstack.Device.rxHandler":      "only of devices that are part of another",
	"ipstack.TapConfig.Filter":      "only of packet sockets with a filter",
	"sim.Config.OpenFilter":         "",
}

// TestNoJoinIsNil walks everything that a host holds.
func TestNoJoinIsNil(t *testing.T) {
	h := joinedHost(t)
	defer h.Close()
	w := walker{seen: map[visit]bool{}, fields: map[string]*field{}}
	w.walk(reflect.ValueOf(h), "host")
	for _, name := range slices.Sorted(maps.Keys(w.fields)) {
		f := w.fields[name]
		why, known := joins[name]
		switch {
		case !known:
			t.Errorf("%s (%s) is a join that the table joins does not have", name, f.where)
		case f.nils > 0 && why == "":
			t.Errorf("%s is nil: %s", name, f.where)
		case f.nils == 0 && why != "":
			t.Errorf("%s is never nil: its reason in the table joins is void", name)
		}
	}
	for name := range joins {
		if w.fields[name] == nil {
			t.Errorf("%s is in the table joins, and no host has it", name)
		}
	}
}

// joinedHost returns a host with one of everything, before anything has happened.
func joinedHost(t *testing.T) *Host {
	cfg := Linux40()
	cfg.CPUs = 4
	n := &cfg.NICs[0]
	n.Combined, n.VLANs = 2, []int{7}
	n.RPS = map[string][]int{"rx-0": {0, 1}}
	cfg.Veths = []scenario.Veth{{{Name: "veth0", MTU: 1500}, {Name: "veth1", Namespace: "tx", MTU: 1500}}}
	cfg.Tuns = []scenario.Tun{{Name: "tap0", MTU: 1500}}
	n.Taps = []scenario.Tap{{RcvBuf: 10_000}, {RcvBuf: 10_000, Filter: []string{"6 0 0 96"}}}
	cfg.OpenFilter = func([]string) (func(*skb.Buff, int, int32) int, error) {
		return func(*skb.Buff, int, int32) int { return 96 }, nil
	}
	cfg.Devices = []scenario.Device{{Name: "mv0", Macvlan: &scenario.Macvlan{Device: "eth0", MAC: [6]byte{2, 5}}}}
	at := func(p uint16) []socket.Config {
		return []socket.Config{{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), p), Join: []socket.Join{{Group: group}}}}
	}
	service := law.Constant(int64(engine.Microsecond))
	cfg.Apps = []scenario.App{
		{Name: "blocking", CPUs: []int{2}, Sockets: at(port), Read: scenario.Read{Service: service}},
		{Name: "epoll", CPUs: []int{3}, Sockets: at(port + 1), Read: scenario.Read{With: scenario.EpollRecvmmsg, Batch: 4, Service: service,
			PauseEvery: engine.Millisecond, PauseFor: engine.Microsecond}},
		{Name: "hog", CPUs: []int{1}, Busy: true},
	}
	h, err := NewHost(cfg)
	require.NoError(t, err)
	require.NoError(t, h.Trace(TraceConfig{Events: ftrace.All}))
	c := traffic.DefaultConfig()
	c.DstMAC, c.Dst, c.Flows = n.MAC, netip.AddrPortFrom(group, port), 4
	mixed, err := traffic.New(c, 1)
	require.NoError(t, err)
	c.Name, c.Flows, c.Arrivals.Kind = "even", 1, traffic.Constant
	even, err := traffic.New(c, 1)
	require.NoError(t, err)
	h.ports[0].Connect(mixed)
	h.ports[0].Connect(even)
	return h
}

// A field is what was found of a field of function or interface type.
type field struct {
	nils  int
	where string // the first place, or the first in which it was nil
}

// A visit is a pointer that was followed.
type visit struct {
	at uintptr
	of reflect.Type
}

type walker struct {
	seen   map[visit]bool
	fields map[string]*field
}

// walk visits everything that can be reached from v.
func (w *walker) walk(v reflect.Value, where string) {
	switch v.Kind() {
	case reflect.Pointer:
		at := visit{v.Pointer(), v.Type()}
		if !v.IsNil() && !w.seen[at] {
			w.seen[at] = true
			w.walk(v.Elem(), where)
		}
	case reflect.Interface:
		if !v.IsNil() {
			w.walk(v.Elem(), where)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			w.walk(v.Index(i), fmt.Sprintf("%s[%d]", where, i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.walk(it.Value(), fmt.Sprintf("%s[%v]", where, it.Key()))
		}
	case reflect.Struct:
		// How a source makes its frames is no business of the host's.
		// A driver is nothing but behaviours, of its own package.
		if p := v.Type().PkgPath(); strings.Contains(p, "/rxpath/") && !strings.HasSuffix(p, "/traffic") && v.Type().String() != "nic.driver" {
			w.structure(v, where)
		}
	}
}

// structure notes the joins of a struct and walks on.
func (w *walker) structure(v reflect.Value, where string) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		at := where + "." + name
		if f.Kind() == reflect.Func || f.Kind() == reflect.Interface {
			w.note(v.Type().String()+"."+name, at, f.IsNil())
		}
		if _, join := joins[v.Type().String()+"."+name]; join && f.Kind() == reflect.Slice {
			w.note(v.Type().String()+"."+name, at, f.Len() == 0)
		}
		w.walk(f, at)
	}
}

func (w *walker) note(name, where string, isNil bool) {
	f := w.fields[name]
	if f == nil {
		f = &field{where: where}
		w.fields[name] = f
	}
	if isNil {
		if f.nils == 0 {
			f.where = where
		}
		f.nils++
	}
}
