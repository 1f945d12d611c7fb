package law

// Probabilities returns what an empirical law's alias table makes of its values.
func Probabilities(l Law) map[int64]float64 {
	p := map[int64]float64{}
	for _, c := range l.table.cells {
		keep := float64(c.keep) / (1 << 64) / float64(len(l.table.cells))
		p[c.value] += keep
		p[c.other] += 1/float64(len(l.table.cells)) - keep
	}
	return p
}
