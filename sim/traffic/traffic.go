package traffic

import (
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// New returns the source that c describes in the run with that seed. It fails
// with what c.Validate reports. With one flow, a fixed size and no faults the
// source is a skb.RegularSource.
//
// The source takes memory for the header facts of every flow (times one more
// than there are kinds of faults switched on), and none per frame.
func New(c Config, seed uint64) (skb.FrameSource, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	stream := func(part string) engine.Stream {
		return engine.NewStream(seed, "traffic/"+c.Name+"/"+part)
	}
	at := newClock(&c, stream)
	frames := newMaker(&c, stream)
	if c.MTU != 0 {
		return &fragmented{clock: at, maker: frames, mtu: c.MTU}, nil
	}
	if f, ok := frames.same(); ok {
		return &regular{clock: at, frame: f}, nil
	}
	return &mixed{clock: at, maker: frames}, nil
}

// streams returns the stream of a part of the source: "arrivals", "states",
// "size", "flow" or "fault".
type streams func(part string) engine.Stream

// newClock returns the instants of a valid configuration.
func newClock(c *Config, stream streams) clock {
	end := c.Stop
	if end == 0 {
		end = engine.MaxTime
	}
	if c.Arrivals.Kind == Constant && len(c.Profile) == 0 {
		return newConstant(c.MilliPPS, c.Start, end, c.Count)
	}
	return &block{process: newProcess(c, stream), end: end, left: limit(c.Count)}
}

// newProcess returns the law of arrivals of a valid configuration, but for the
// constant one without a profile.
func newProcess(c *Config, stream streams) process {
	arrivals := stream("arrivals")
	switch c.Arrivals.Kind {
	case OnOff, Pareto:
		return newBursts(c, arrivals)
	case MMPP:
		return newPaced(c.Start, newStates(c, stream("states")), &poissonPace{arrivals})
	case Jitter:
		return newPaced(c.Start, newProfile(c), &jitterPace{stream: arrivals, spread: uint64(c.Arrivals.SpreadPPM) * (2 * frameWork / 1_000_000)})
	case Poisson:
		if len(c.Profile) > 0 {
			return newPaced(c.Start, newProfile(c), &poissonPace{arrivals})
		}
		return newPoisson(c.MilliPPS, c.Start, arrivals)
	default:
		return newPaced(c.Start, newProfile(c), constantPace{})
	}
}

// A regular source sends the same frame again and again. It implements
// skb.RegularSource.
type regular struct {
	clock
	frame skb.Frame
}

// MinGap implements skb.RegularSource.
func (r *regular) MinGap() engine.Time {
	if c, ok := r.clock.(*constant); ok {
		return engine.Time(c.gap)
	}
	return 0
}

// Fill implements skb.FrameSource.
func (r *regular) Fill(frames []skb.Frame) int {
	n := r.take(frames)
	frames = frames[:n]
	for i := range frames {
		f := &frames[i]
		f.Head, f.Len, f.IPLen, f.UDPLen = r.frame.Head, r.frame.Len, r.frame.IPLen, r.frame.UDPLen
	}
	return n
}

// Frame implements skb.RegularSource.
func (r *regular) Frame() skb.Frame { return r.frame }

// A mixed source sends frames that differ.
type mixed struct {
	clock clock
	maker maker
}

// Fill implements skb.FrameSource.
func (m *mixed) Fill(frames []skb.Frame) int {
	n := m.clock.take(frames)
	for i := range frames[:n] {
		m.maker.dress(&frames[i])
	}
	return n
}
