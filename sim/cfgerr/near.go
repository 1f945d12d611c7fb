package cfgerr

import "strings"

// Nearest returns the word that takes the fewest edits to become s, the first
// of several; empty without words. An edit inserts, deletes or replaces a
// letter or swaps two neighbours; case and the choice between _ and - count as
// nothing.
func Nearest(s string, words []string) string {
	best, _ := nearest(s, words)
	return best
}

// Near is Nearest for what is probably a slip: it is empty where the nearest
// word takes more edits than a third of the letters of s, and one more.
func Near(s string, words []string) string {
	best, least := nearest(s, words)
	if least > 1+len(s)/3 {
		return ""
	}
	return best
}

// longest is how much of a word is compared; names are shorter.
const longest = 128

func nearest(s string, words []string) (best string, least int) {
	s = fold(s)
	for i, w := range words {
		if d := edits(s, fold(w)); i == 0 || d < least {
			best, least = w, d
		}
	}
	return best, least
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s[:min(len(s), longest)]), "_", "-")
}

// edits is the distance of two words by optimal string alignment.
func edits(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			replace := row[j]
			if a[i] != b[j] {
				replace++
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, replace)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
