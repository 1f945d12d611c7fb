package scenariofile

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// appName is the name of the nth application if the scenario gives none.
func appName(n int) string { return fmt.Sprintf("app%d", n) }

// readModes are the values of read.with.
var readModes = map[string]scenario.ReadMode{
	"recvmsg": scenario.Recvmsg, "recvmmsg": scenario.Recvmmsg, "epoll+recvmsg": scenario.EpollRecvmsg,
	"epoll+recvmmsg": scenario.EpollRecvmmsg, "poll+recvmsg": scenario.PollRecvmsg, "poll+recvmmsg": scenario.PollRecvmmsg,
	"select+recvmsg": scenario.SelectRecvmsg, "spin+recvmsg": scenario.SpinRecvmsg, "spin+recvmmsg": scenario.SpinRecvmmsg, never: scenario.Never,
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
		Read: c.read(p.under("read"), &d.Read),
	}
	if l := d.Locks; l != nil {
		a.Locks = scenario.Locks{Every: l.Every.v, For: l.For.v, Asleep: l.With == "join"}
		if l.CPU != nil {
			a.Locks.CPU = *l.CPU
		} else if len(d.CPUs) > 0 {
			a.Locks.CPU = d.CPUs[0]
		}
	}
	if w := d.Workers; w != nil {
		a.Workers = scenario.Workers{CPUs: w.CPUs, Queue: w.Queue, Drop: w.Full == "drop"}
	}
	for k := range d.Sockets {
		a.Sockets = append(a.Sockets, c.socket(p.under("sockets").item(k), &d.Sockets[k]))
	}
	return a
}

// read converts how an application receives.
func (c *converter) read(p path, d *readSection) scenario.Read {
	r := scenario.Read{
		With: readModes[d.With], Batch: d.Batch, Service: lawAt(c, p.under("service"), &d.Service), Edge: d.Edge, Drain: d.Drain,
		WaitAll: d.WaitAll, Timeout: d.Timeout.v, Peek: d.Peek, Buffer: int(d.Buffer.v),
	}
	if f := d.Faults; f != nil {
		r.FaultPPM, r.FaultFor = int(f.Share.v), lawAt(c, p.under("faults", "for"), &f.For)
	}
	if d.Pauses != nil {
		c.pauses(p.under("pauses"), d.Pauses, &r)
	}
	return r
}

// pauses converts one of the three kinds of pauses.
func (c *converter) pauses(p path, d *pausesSection, r *scenario.Read) {
	law := !d.Every.IsZero() || !d.For.IsZero()
	kinds := 0
	for _, given := range []bool{law, d.At != nil, d.Trace != ""} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		c.fault(p, "", "every and for, or at, or trace")
		return
	}
	r.PauseFile = d.Trace
	for _, at := range d.At {
		r.Pauses.Trace = append(r.Pauses.Trace, socket.Pause{At: at.At.v, For: at.For.v})
	}
	if !law {
		return
	}
	if d.Every.IsZero() || d.For.IsZero() {
		c.fault(p, "", "every and for")
		return
	}
	every, length := lawAt(c, p.under("every"), &d.Every), lawAt(c, p.under("for"), &d.For)
	if e, ok := every.Fixed(); ok {
		if f, ok := length.Fixed(); ok {
			r.PauseEvery, r.PauseFor = engine.Time(e), engine.Time(f)
			return
		}
	}
	r.Pauses.Every, r.Pauses.For = every, length
}

// filter converts a packet filter as tcpdump -ddd prints it, without its length.
func (c *converter) filter(p path, lines []string) []socket.FilterInsn {
	var program []socket.FilterInsn
	for i, line := range lines {
		var in socket.FilterInsn
		var rest string
		if n, _ := fmt.Sscanf(line+" .", "%d %d %d %d %s", &in.Op, &in.Jt, &in.Jf, &in.K, &rest); n != 5 || rest != "." {
			c.fault(p.item(i), "", "four numbers: code, jt, jf, k")
			continue
		}
		program = append(program, in)
	}
	return program
}

// socket converts one socket.
func (c *converter) socket(p path, d *socketSection) socket.Config {
	s := socket.Config{
		Name: d.Name, Local: d.Bind.v, Remote: d.Connect.v,
		RcvBuf: c.rcvBuf(p.under("rcvbuf"), &d.RcvBuf), RcvBufForce: c.rcvBuf(p.under("rcvbufforce"), &d.RcvBufForce),
		ReusePort: d.ReusePort, ReuseAddr: d.ReuseAddr, NoMulticastAll: !d.MulticastAll,
		Device: d.Device, NonBlocking: d.NonBlocking, UID: d.UID, Timestamp: d.Timestamp, RcvTimeo: d.RcvTimeo.v, RXQOvfl: d.RXQOvfl, GRO: d.UDPGRO,
		Filter:         c.filter(p.under("filter"), d.Filter),
		PreferBusyPoll: d.PreferBusyPoll, BusyPollBudget: d.BusyPollBudget,
	}
	if cpu := d.IncomingCPU; cpu != nil {
		s.IncomingCPU = *cpu + 1
	}
	if b := d.BusyPoll; b != nil {
		if s.BusyPoll = *b; *b == 0 {
			s.BusyPoll = -1
		} else if *b < 0 {
			c.fault(p.under("busy_poll"), "", "0 or more microseconds")
		}
	}
	if r := d.Refusals; r != nil {
		s.Refusals = socket.Refusals{PolicyPPM: r.Policy.v, ReservesPPM: r.Reserves.v, SecurityPPM: r.Security.v, TrimPPM: r.Trim.v}
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
