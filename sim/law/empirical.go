package law

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
)

// Bounds of an empirical law.
const (
	// MaxValues is the largest number of values.
	MaxValues = 1 << 16
	// MaxWeight is the largest sum of weights.
	MaxWeight = 1 << 46
)

// A table is an alias table: a draw picks a cell, each equally likely, and
// takes its value with a probability of keep/2^64, else the other.
type table struct {
	values  []int64 // as given, but for those of weight 0
	weights []uint64
	mean    int64
	cells   []cell
}

type cell struct {
	keep         uint64
	value, other int64
}

// Empirical returns the law that gives values[i] with a probability
// proportional to weights[i]. Values are 0 to Limit, 1 to MaxValues of them;
// weights add up to 1 to MaxWeight; nil weights are equal ones.
func Empirical(values []int64, weights []uint64) (Law, error) {
	if err := cfgerr.Range("values", len(values), 1, MaxValues); err != nil {
		return Law{}, err
	}
	if err := cfgerr.Check(weights == nil || len(weights) == len(values),
		"weights", len(weights), fmt.Sprintf("one for each of the %d values", len(values))); err != nil {
		return Law{}, err
	}
	t, total := &table{}, uint64(0)
	for i, v := range values {
		w := uint64(1)
		if weights != nil {
			w = weights[i]
		}
		if err := cfgerr.Range(fmt.Sprintf("values[%d]", i), v, 0, Limit); err != nil {
			return Law{}, err
		}
		if err := cfgerr.Range(fmt.Sprintf("weights[%d]", i), w, 0, MaxWeight-total); err != nil {
			return Law{}, err
		}
		if total += w; w > 0 {
			t.values, t.weights = append(t.values, v), append(t.weights, w)
		}
	}
	if err := cfgerr.Check(total > 0, "weights", weights, "one that is more than 0"); err != nil {
		return Law{}, err
	}
	t.fill(total)
	return Law{kind: KindEmpirical, table: t}, nil
}

// IMIX returns the lengths of the simple Internet mix, with FCS: 64, 594 and
// 1518 bytes in proportions of 7 to 4 to 1.
func IMIX() Law {
	return Must(Empirical([]int64{64, 594, 1518}, []uint64{7, 4, 1}))
}

// fill computes the mean and the cells. Each cell has room for the weight
// total; what a light value leaves of its cell is filled up by a heavy one.
func (t *table) fill(total uint64) {
	n := uint64(len(t.values))
	sum := new(big.Int)
	t.cells = make([]cell, n)
	rest := make([]uint64, n) // weight not yet in a cell, in n-ths
	var light, heavy []int
	for i, v := range t.values {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(v), new(big.Int).SetUint64(t.weights[i])))
		t.cells[i] = cell{keep: math.MaxUint64, value: v, other: v}
		if rest[i] = t.weights[i] * n; rest[i] < total {
			light = append(light, i)
		} else {
			heavy = append(heavy, i)
		}
	}
	t.mean = sum.Quo(sum, new(big.Int).SetUint64(total)).Int64()
	for len(light) > 0 && len(heavy) > 0 {
		i, j := light[len(light)-1], heavy[len(heavy)-1]
		light = light[:len(light)-1]
		t.cells[i].keep, _ = bits.Div64(rest[i], 0, total)
		t.cells[i].other = t.values[j]
		if rest[j] -= total - rest[i]; rest[j] < total {
			light, heavy = append(light, j), heavy[:len(heavy)-1]
		}
	}
}

func (t *table) draw(s *engine.Stream) int64 {
	i, at := bits.Mul64(s.Uint64(), uint64(len(t.cells)))
	c := &t.cells[i]
	v := c.value
	if o := c.other; at >= c.keep { // a conditional move, not a branch
		v = o
	}
	return v
}

// String lists the first values with their weights.
func (t *table) String() string {
	const most = 8
	var b strings.Builder
	b.WriteString("empirical(")
	for i, v := range t.values[:min(most, len(t.values))] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(v, 10) + ":" + strconv.FormatUint(t.weights[i], 10))
	}
	if more := len(t.values) - most; more > 0 {
		fmt.Fprintf(&b, ", and %d more", more)
	}
	b.WriteString(")")
	return b.String()
}
