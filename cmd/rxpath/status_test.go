package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/sweep"
)

func TestStatusOf(t *testing.T) {
	usage := errors.New("usage")
	failure := failed(errors.New("failure"))
	crossed := &statusError{exitThreshold, errors.New("crossed")}
	interrupted := &statusError{exitInterrupt, errors.New("interrupted")}
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"an error of no kind is wrong usage": {usage, 2},
		"a failure is one":                   {failure, 1},
		"crossed":                            {join(nil, crossed), 99},
		"1 beats 99":                         {join(crossed, failure), 1},
		"1 beats 99 in either order":         {join(failure, nil, crossed), 1},
		"2 beats 1":                          {join(failure, join(crossed, usage)), 2},
		"an interruption beats all":          {join(failure, interrupted, crossed), 130},
	} {
		require.Equal(t, c.want, statusOf(c.err), name)
	}
	require.NoError(t, join(nil, nil))
	require.NoError(t, failed(nil))
}

// Every error begins with the program's name, and lines below are indented.
func TestExplain(t *testing.T) {
	var b bytes.Buffer
	explain(&b, join(errors.New("one\ntwo\n"), &faults{"f.yaml", []string{"f.yaml:1:2: a\n", "f.yaml:3:4: b\n"}}, failed(errors.New("three"))))
	require.Equal(t, "rxpath: one\n  two\nrxpath: f.yaml: 2 faults\nf.yaml:1:2: a\nf.yaml:3:4: b\nrxpath: three\n", b.String())
}

func TestSimilar(t *testing.T) {
	words := []string{"--set", "--seed", "--duration"}
	require.Equal(t, "--set or --seed", similar("--sed", words))
	require.Equal(t, "--duration", similar("--durtion", words))
	require.Equal(t, "--duration", similar("--dur", words))
	require.Empty(t, similar("--frobnicate", words))
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"a/b-c_1.pcap": "a/b-c_1.pcap", "load=4": "load=4", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "a[0]": "'a[0]'", "$x": "'$x'",
	} {
		require.Equal(t, want, shellWord(in))
	}
}

func TestParagraph(t *testing.T) {
	require.Equal(t, []string{"one two", "  three", "  fourfive"}, paragraph("one two three fourfive", 8))
	require.Equal(t, []string{"µµµ µµµ"}, paragraph("µµµ µµµ", 7))
	require.Equal(t, []string{""}, paragraph("", 7))
}

func TestNanoseconds(t *testing.T) {
	for in, want := range map[int64]string{0: "0", 1: "0.001", 62: "0.062", 1000: "1", 100_000: "100", 151_670: "151.67", 1_000_000_000: "1000000"} {
		require.Equal(t, want, nanoseconds(in).String())
	}
}

func TestLooksLikeCapture(t *testing.T) {
	for name, c := range map[string]struct {
		path, data string
		want       bool
	}{
		"pcap, little-endian":        {"x", "\xd4\xc3\xb2\xa1...", true},
		"pcap, big-endian":           {"x", "\xa1\xb2\xc3\xd4...", true},
		"pcap with nanoseconds":      {"x.yaml", "\x4d\x3c\xb2\xa1...", true},
		"pcapng":                     {"x", "\x0a\x0d\x0d\x0a...", true},
		"gzip":                       {"x.yaml", "\x1f\x8b\x08", true},
		"a scenario":                 {"x.yaml", "run: {for: 1s}", false},
		"a scenario after blanks":    {"x.yaml", "\n\nrun:", false},
		"an empty file":              {"x", "", false},
		"meant to be one":            {"X.PCAP", "text", true},
		"meant to be one, gzip":      {"x.pcapng.gz", "text", true},
		"a name with pcap before it": {"pcap.yaml", "text", false},
	} {
		require.Equal(t, c.want, looksLikeCapture(c.path, []byte(c.data)), name)
	}
}

// TestInterruptedSearch: what a search has found is told when it is interrupted.
func TestInterruptedSearch(t *testing.T) {
	tried := sweep.Answer{Trials: []sweep.Trial{{Value: "1MiB"}, {Value: "64MiB", Holds: true}, {Value: "8MiB", Holds: true}, {Value: "512KiB"}}}
	require.Equal(t, "interrupted; values tried: 4; it holds at 8MiB; it fails at 1MiB", interrupted(&tried, false))
	for i := range tried.Trials {
		tried.Trials[i].Holds = !tried.Trials[i].Holds
	}
	require.Equal(t, "interrupted; values tried: 4; it holds at 1MiB; it fails at 8MiB", interrupted(&tried, true))
	require.Equal(t, "interrupted before a value was tried", interrupted(&sweep.Answer{}, true))
}
