package sim

import (
	"fmt"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/cpu"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

// A plan is what a process sends by itself: a system call at every instant of
// its pace, or, when it is late, as soon as the call before is done.
type plan struct {
	cfg     *scenario.Sender
	pace    skb.FrameSource
	payload law.Law
	draws   engine.Stream
	mac     skb.MAC
	ifindex int32

	ahead      [16]skb.Frame // of the pace
	next, have int
	timer      *cpu.Line
	timerCount uint64
	timerCost  engine.Time
	frame      skb.Frame
	header     *skb.Header
}

// startSending starts the processes that send by themselves.
func (h *Host) startSending() error {
	for i := range h.cfg.Sending {
		if err := h.startPlan(&h.cfg.Sending[i]); err != nil {
			return cfgerr.Under(fmt.Sprintf("senders[%d]", i), err)
		}
	}
	return nil
}

func (h *Host) startPlan(cfg *scenario.Sender) error {
	s, err := h.NewSender(SenderConfig{Name: cfg.Name, Namespace: cfg.Namespace, CPU: cfg.CPU, Nice: cfg.Nice, Local: cfg.Local,
		Device: cfg.Device, NoMulticastLoop: cfg.NoMulticastLoop})
	if err != nil {
		return err
	}
	pace := cfg.Clock()
	src, err := traffic.New(pace, h.cfg.Seed)
	if err != nil {
		return err
	}
	p := &plan{cfg: cfg, pace: src, payload: cfg.Payload, draws: engine.NewStream(h.cfg.Seed, pace.Name+"/payload")}
	if cfg.Tap != "" {
		d, err := s.ns.ip.DeviceNamed(cfg.Tap)
		if err != nil {
			return err
		}
		p.mac, p.ifindex = d.MAC, d.Index
		p.frame = skb.NewUDP(p.mac, cfg.Local, cfg.Dst, 0)
		p.header = p.frame.Head
	}
	p.timer = h.cores[cfg.CPU].NewLine(&p.timerCost, &p.timerCount, func(c *cpu.Core) { c.Wake(s.task) })
	s.plan = p
	h.sending = append(h.sending, s)
	s.task.Start(engine.Picosecond)
	return nil
}

// due puts the call into o whose time has come. If none has, it lets a timer wake
// the process.
func (p *plan) due(c *cpu.Core, o *sending) bool {
	if p.next == p.have {
		if p.next, p.have = 0, p.pace.Fill(p.ahead[:]); p.have == 0 {
			return false
		}
	}
	at := p.ahead[p.next].At
	if at > c.Now() {
		p.timer.Raise(at)
		return false
	}
	p.next++
	n := int(p.payload.Draw(&p.draws))
	if p.header == nil {
		*o = sending{dst: p.cfg.Dst, payload: n, segment: p.cfg.Segment}
		return true
	}
	p.frame = skb.Frame{Head: p.header, IPID: p.frame.IPID + 1, UDPLen: uint16(skb.UDPHeader + n), IPLen: uint16(skb.IPHeader + skb.UDPHeader + n),
		Len: uint32(skb.EthHeader + skb.IPHeader + skb.UDPHeader + n)}
	*o = sending{frame: &p.frame, ifindex: p.ifindex}
	return true
}
