package scenariofile

import "strings"

// near returns the candidate that s was probably meant to be: the first of
// those with the fewest edits, if these are few for the length of s. Case and
// the choice between _ and - count as nothing.
func near(s string, candidates []string) string {
	best, least := "", 1+len(s)/3
	for _, c := range candidates {
		if d := edits(fold(s), fold(c), least); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(clip(s)), "_", "-")
}

// edits returns the least number of insertions, deletions, substitutions and
// swaps of neighbours that make a into b (optimal string alignment), or more
// than most as soon as that is certain from the lengths.
func edits(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
