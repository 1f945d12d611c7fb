package traffic

import (
	"math/big"
	"math/bits"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
)

// bursts draws bursts of equal gaps with exponential silences in between, a
// silence first. A silence comes on top of a gap, so a cycle takes the length of
// the burst times the gap, and the silence; the mean silence is what makes the
// mean rate right.
type bursts struct {
	stream  engine.Stream
	at      moment
	gap     moment
	silence mean
	length  law.Law // in units of 2^-lengthBits frames
	carry   int64   // the part of a frame by which the last burst was too short
	left    int64   // frames of this burst yet to come

	lengthBits uint8
}

// paretoBits is the number of fraction bits of the length of a Pareto burst:
// whole numbers would not have the mean asked for. What is cut off is added to
// the next burst.
const paretoBits = 20

func newBursts(c *Config, s engine.Stream) *bursts {
	a := &c.Arrivals
	rate, burst := new(big.Int).SetUint64(c.MilliPPS), new(big.Int).SetUint64(a.BurstMilliPPS)
	num, den := silence(rate, burst, a.BurstMean)
	b := &bursts{stream: s, at: moment{ps: uint64(c.Start)}, silence: newMean(num, den)}
	b.gap.ps = frameWork / a.BurstMilliPPS
	b.gap.frac, _ = bits.Div64(frameWork%a.BurstMilliPPS, 0, a.BurstMilliPPS)
	b.length = burstLength(a)
	if a.Kind == Pareto {
		b.lengthBits = paretoBits
	}
	return b
}

// silence returns the mean silence as a fraction: burstMean times the
// difference of the two mean gaps.
func silence(rate, burst *big.Int, burstMean uint64) (num, den *big.Int) {
	num = new(big.Int).Sub(burst, rate)
	num.Mul(num, big.NewInt(frameWork))
	num.Mul(num, new(big.Int).SetUint64(burstMean))
	return num, new(big.Int).Mul(rate, burst)
}

// burstLength returns the law of the length of the bursts of valid arrivals,
// in units of 2^-paretoBits frames if it is the Pareto law, else of frames.
func burstLength(a *Arrivals) law.Law {
	mean := int64(a.BurstMean)
	switch {
	case a.Kind == Pareto:
		alpha := int64(a.AlphaMilli)
		low := new(big.Int).Lsh(big.NewInt(mean*(alpha-1000)), paretoBits)
		return law.Must(law.Pareto(low.Quo(low, big.NewInt(alpha)).Int64(), alpha, 0))
	case a.FixedBursts:
		return law.Constant(mean)
	default:
		return law.Must(law.Geometric(mean))
	}
}

// draw implements process.
func (b *bursts) draw(at []engine.Time) {
	for i := range at {
		if b.left == 0 {
			b.begin()
		}
		b.left--
		b.at.add(b.gap)
		at[i] = engine.Time(b.at.ps)
	}
}

// begin begins a burst: its length first, then the silence before it.
func (b *bursts) begin() {
	length := b.carry + b.length.Draw(&b.stream)
	b.left = length >> b.lengthBits
	b.carry = length - b.left<<b.lengthBits
	b.at.add(b.silence.times(law.UnitExponential(&b.stream)))
}
