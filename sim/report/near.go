package report

import "strings"

// nearest returns the word that takes the fewest single-letter changes to
// become s, the first of several; empty without words.
func nearest(s string, words []string) string {
	best, least := "", 0
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); best == "" || d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two words, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
