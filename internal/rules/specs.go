package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A spec is one collection of facts about a kernel, with the IDs of its rules in
// their order.
type spec struct {
	name  string // as rows name it
	title string
	ids   []string
}

// specs are all collections. An ID may occur in several: then the area of a row
// says which is meant, or the row itself.
var specs = []spec{
	{"nic", "Linux 4.0: NIC, interrupts, NAPI, softirq, receive core", expand(
		"RX-1..42 IRQ-1..17 POLL-1..6 HW-1..12 HW-20..30 IGB-1..14 NAPI-1..13 SIRQ-1..5 SIRQ-5a SIRQ-6..14 " +
			"RPS-1 RPS-1a RPS-2..18 GRO-1..4 CORE-1..2 CORE-4..9 CORE-20 CORE-30..36 CORE-40..41 CORE-41a CORE-42..43 FMT-1..17 ODD-1..32")},
	{"3.10", "Linux 3.10: what differs", expand("K310-1..19")},
	{"ip", "Linux 4.0: IPv4, UDP, sockets", expand(
		"IP-1..16 IF-1..5 ED-1..8 MC-1..4 RP-1..5 LD-1..2 FR-1..11 LF-1..3 UR-1..13 CS-1..4 HT-1..5 LK-1..5 BD-1 MF-1..4 FS-1..4 GM-1..4 " +
			"Q-1..11 S-1..9 CAP-1..6 OW-1..6 TAB-1..19 RX-1..9 RM-1..3 WK-1..3 PL-1..2 OV-1 RB-1..6 UM-1..8 TS-1..11 PK-1..6 NF-1..4 BN-1..3 PU-1 FG-1..10 " +
			"SUR-1..42 V1..18")},
}

// areaSpec is the collection that the rows of an area cite.
var areaSpec = map[string]string{"ip": "ip", "udp": "ip", "socket": "ip", "trace": "ip", "devices": "6.18"}

// later matches the rules of the newer kernels, which are numbered by section.
var later = regexp.MustCompile(`^6\.18/[0-9]+(\.[0-9]+)*[a-z]?$`)

// expand turns "RX-1..3 V1" into RX-1, RX-2, RX-3, V1.
func expand(list string) []string {
	var out []string
	for _, word := range strings.Fields(list) {
		first, last, ok := strings.Cut(word, "..")
		if !ok {
			out = append(out, word)
			continue
		}
		digits := strings.TrimLeft(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		if i := strings.LastIndex(first, "-"); i >= 0 {
			digits = first[i+1:]
		}
		lo, err := strconv.Atoi(digits)
		if err != nil {
			panic(err)
		}
		hi, err := strconv.Atoi(last)
		if err != nil {
			panic(err)
		}
		for n := lo; n <= hi; n++ {
			out = append(out, strings.TrimSuffix(first, digits)+strconv.Itoa(n))
		}
	}
	return out
}

// identify returns the collection to which a row belongs.
func identify(area, named, id string) (string, error) {
	if later.MatchString(id) {
		return "6.18", nil
	}
	want := named
	if want == "" {
		want = areaSpec[area]
	}
	var in []string
	for _, s := range specs {
		if slices.Contains(s.ids, id) {
			in = append(in, s.name)
		}
	}
	switch {
	case slices.Contains(in, want):
		return want, nil
	case named == "" && len(in) == 1:
		return in[0], nil
	case named == "" && slices.Contains(in, "nic"):
		return "nic", nil
	case len(in) > 0:
		return "", fmt.Errorf("%s is in %s, not in %q", id, strings.Join(in, " and "), want)
	}
	return "", fmt.Errorf("no rule %q: item n of the surprising ones of IP and UDP is SUR-n, row n of the table of drops (4.5) is TAB-n, "+
		"a vector Vn, a rule of newer kernels 6.18/SECTION", id)
}
