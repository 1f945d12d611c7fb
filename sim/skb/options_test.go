package skb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// IF-3: which options ip_options_compile finds malformed, and where a source
// route goes.
func TestParseOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		hex  string
		want Options
		next Addr
	}{
		"end of list":                            {"00000000", NoOptions, 0},
		"behind the end nothing is read":         {"00 83 01 ff", NoOptions, 0},
		"no operation":                           {"01010101", NoOptions, 0},
		"router alert":                           {"94040000", NoOptions, 0},
		"router alert, short":                    {"94030001", OptionsBad, 0},
		"an option that nobody knows":            {"9e040000", NoOptions, 0},
		"a lone type":                            {"0101019e", OptionsBad, 0},
		"length 1":                               {"9e010000", OptionsBad, 0},
		"length 0":                               {"9e000000", OptionsBad, 0},
		"longer than the header":                 {"9e050000", OptionsBad, 0},
		"record route, empty":                    {"07070400000000 00", NoOptions, 0},
		"record route, full":                     {"07070800000000 00", NoOptions, 0},
		"record route, no room for an address":   {"07070500000000 00", OptionsBad, 0},
		"record route, pointer into its head":    {"07070300000000 00", OptionsBad, 0},
		"record route, no pointer":               {"07020101", OptionsBad, 0},
		"record route, twice":                    {"07030401 07030400", OptionsBad, 0},
		"timestamp":                              {"44080500 00000000", NoOptions, 0},
		"timestamp, short":                       {"44030501", OptionsBad, 0},
		"timestamp, pointer into its head":       {"44080400 00000000", OptionsBad, 0},
		"timestamp, no room":                     {"44080600 00000000", OptionsBad, 0},
		"timestamp, full":                        {"44080900 00000000", NoOptions, 0},
		"timestamp, full and overflow full":      {"440809f0 00000000", OptionsBad, 0},
		"timestamp, full, for named addresses":   {"440809f3 00000000", NoOptions, 0},
		"timestamp with addresses":               {"440c0501 00000000 00000000", NoOptions, 0},
		"timestamp with addresses, no room":      {"44080501 00000000", OptionsBad, 0},
		"timestamp for named addresses, no room": {"44080503 00000000", OptionsBad, 0},
		"timestamp, twice":                       {"44040500 44040500", OptionsBad, 0},
		"CIPSO of a domain that nobody set up":   {"860a 00000005 01040001 0000", OptionsBad, 0},
		"CIPSO, short":                           {"8606 00000001 0000", OptionsBad, 0},
		"loose source route":                     {"830704 0a000009 00", SourceRouteLoose, 0x0a000009},
		"strict source route":                    {"890704 0a000009 00", SourceRouteStrict, 0x0a000009},
		"source route, second of two addresses":  {"830b08 0a000009 0a00000a 00", SourceRouteLoose, 0x0a00000a},
		"source route, used up":                  {"830708 0a000009 00", SourceRouteDone, 0},
		"source route, empty":                    {"83030400", SourceRouteDone, 0},
		"source route, no room for an address":   {"830705 0a000009 00", SourceRouteBad, 0},
		"source route, pointer into its head":    {"830703 0a000009 00", OptionsBad, 0},
		"source route, no pointer":               {"83020101", OptionsBad, 0},
		"loose and strict":                       {"83030401 89030400", OptionsBad, 0},
		"well-formed before malformed":           {"830704 0a000009 01 9e010000", OptionsBad, 0},
		"source route and what decides nothing":  {"01 830704 0a000009 94040000 00000000", SourceRouteLoose, 0x0a000009},
	} {
		t.Run(name, func(t *testing.T) {
			kind, next := parseOptions(frame(t, tc.hex))
			require.Equal(t, tc.want, kind)
			require.Equal(t, tc.next, next)
		})
	}
}

// The whole way from a frame's bytes: options and ICMP type are read where they stand.
func TestParseFacts(t *testing.T) {
	h, _ := Parse(frame(t, "020000000010 020000000001 0800 4700 0024 0000 0000 4001 0000 0a000001 0a000002 830704 0a000009 00 0b010000 00000000"), 50)
	require.Equal(t, SourceRouteLoose, h.Options)
	require.EqualValues(t, 0x0a000009, h.NextHop)
	require.EqualValues(t, 11, h.ICMPType)
	h, _ = Parse(frame(t, "020000000010 020000000001 0800 4500 001c 0000 0001 4001 0000 0a000001 0a000002 0b010000 00000000"), 50)
	require.Zero(t, h.ICMPType, "a later fragment has no ICMP header")
}
