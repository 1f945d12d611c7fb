package scenariofile

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// appName is the name of the nth application if the scenario gives none.
func appName(n int) string { return fmt.Sprintf("app%d", n) }

// readModes are the values of read.with.
var readModes = map[string]scenario.ReadMode{
	"recvmsg": scenario.Recvmsg, "recvmmsg": scenario.Recvmmsg, "epoll+recvmsg": scenario.EpollRecvmsg,
	"epoll+recvmmsg": scenario.EpollRecvmmsg, never: scenario.Never,
}

// app converts one application.
func (c *converter) app(i int) scenario.App {
	d := &c.doc.Apps[i]
	p := path{"apps"}.item(i)
	if d.Name == "" {
		d.Name = appName(i)
	}
	switch {
	case d.CPU != nil && d.CPUs != nil:
		c.fault(p.under("cpu"), "", "either cpu or cpus")
	case d.CPU != nil:
		d.CPU, d.CPUs = nil, []int{*d.CPU}
	}
	a := scenario.App{
		Name: d.Name, CPUs: d.CPUs, Nice: d.Nice, Shared: d.Shared, Busy: d.Busy, Copies: d.Copies,
		Read: scenario.Read{With: readModes[d.Read.With], Batch: d.Read.Batch, Service: lawAt(c, p.under("read", "service"), &d.Read.Service)},
	}
	if pause := d.Read.Pauses; pause != nil {
		a.Read.PauseEvery, a.Read.PauseFor = pause.Every.v, pause.For.v
	}
	for k := range d.Sockets {
		a.Sockets = append(a.Sockets, c.socket(p.under("sockets").item(k), &d.Sockets[k]))
	}
	return a
}

// socket converts one socket.
func (c *converter) socket(p path, d *socketSection) socket.Config {
	s := socket.Config{
		Name: d.Name, Local: d.Bind.v, Remote: d.Connect.v,
		RcvBuf: c.rcvBuf(p.under("rcvbuf"), &d.RcvBuf), RcvBufForce: c.rcvBuf(p.under("rcvbufforce"), &d.RcvBufForce),
		ReusePort: d.ReusePort, ReuseAddr: d.ReuseAddr, NoMulticastAll: !d.MulticastAll,
		Device: d.Device, NonBlocking: d.NonBlocking, Timestamp: d.Timestamp, UID: d.UID,
	}
	if d.Device != "" {
		c.ifIndex(p.under("device"), d.Device)
	}
	for k := range d.Join {
		j := &d.Join[k]
		at := p.under("join").item(k)
		if j.Group.given && j.Group.err == nil && !j.Group.v.IsMulticast() {
			c.fault(at.under("group"), "", "a group from 224.0.0.0 to 239.255.255.255")
		}
		if j.Dev != "" {
			c.ifIndex(at.under("dev"), j.Dev)
		}
		m := socket.Join{Group: j.Group.v, Device: j.Dev}
		for _, a := range j.Include {
			m.Include = append(m.Include, a.v)
		}
		for _, a := range j.Exclude {
			m.Exclude = append(m.Exclude, a.v)
		}
		s.Join = append(s.Join, m)
	}
	return s
}

// Executives.
const (
	lazy  = "lazy"
	naive = "naive"
)

// run converts the section run.
func (c *converter) run() scenario.Run {
	d := &c.doc.Run
	return scenario.Run{
		For: d.For.v, Seed: d.Seed, Sample: d.Sample.v, Warmup: d.Warmup.v, MaxEvents: d.MaxEvents, MaxMemory: d.MaxMemory.v, Naive: d.Executive == naive,
	}
}
