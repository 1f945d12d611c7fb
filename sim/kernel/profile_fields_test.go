package kernel

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
)

func TestProfileEach(t *testing.T) {
	p := Linux40()
	var names []string
	values := map[string]any{}
	p.Each(func(name string, value any, doc string) {
		require.Regexp(t, regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`), name)
		require.Greater(t, len(doc), 10, "%s has no comment: run go generate ./sim/kernel", name)
		names = append(names, name)
		values[name] = value
	})
	require.Len(t, names, reflect.TypeFor[Profile]().NumField()-3, "all but Name, Source and Release")
	require.Len(t, values, len(names), "names differ")
	require.Equal(t, "repoll_same_run", names[0], "declaration order")
	require.Equal(t, false, values["repoll_same_run"])
	require.Equal(t, 11, values["softnet_columns"])
}

func TestProfileSet(t *testing.T) {
	p := Linux40()
	require.Empty(t, p.Changed(Linux40()))
	require.NoError(t, p.Set("repoll_same_run", "true"))
	require.NoError(t, p.Set("udp_gro_checksum", "false"))
	require.NoError(t, p.Set("softirq_time_ms", "4"))
	require.Equal(t, []string{
		"repoll_same_run: true (linux-4.0: false)",
		"udp_gro_checksum: false (linux-4.0: true)",
		"softirq_time_ms: 4 (linux-4.0: 2)",
	}, p.Changed(Linux40()))
}

// Every behaviour can be set to what it prints as, in every profile.
func TestProfileSetEach(t *testing.T) {
	for _, want := range Profiles() {
		got := Linux40()
		got.Name, got.Source, got.Release = want.Name, want.Source, want.Release
		want.Each(func(name string, value any, _ string) {
			require.NoError(t, got.Set(name, fmt.Sprint(value)), "%s: %s", want.Name, name)
		})
		require.Equal(t, want, got)
		require.Empty(t, got.Changed(want))
	}
}

func TestProfileSetRefuses(t *testing.T) {
	cases := map[string]struct{ name, value, want string }{
		"unknown":         {"repol_same_run", "true", `repol_same_run = true: want the name of a behaviour; the nearest is "repoll_same_run"`},
		"Go name":         {"SoftnetColumns", "11", `SoftnetColumns = 11: want the name of a behaviour; the nearest is "softnet_columns"`},
		"name":            {"name", "mine", `name = mine: want the name of a behaviour; the nearest is `},
		"not a bool":      {"flow_limit", "1", `flow_limit = "1": want true or false`},
		"not a number":    {"max_restart", "ten", `max_restart = "ten": want a whole number from 0 to 16777216`},
		"negative":        {"max_restart", "-1", `max_restart = "-1": want a whole number from 0 to 16777216`},
		"large":           {"max_restart", "16777217", `max_restart = "16777217": want a whole number from 0 to 16777216`},
		"not even a word": {"max_restart", "", `max_restart = "": want a whole number from 0 to 16777216`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := Linux40()
			err := p.Set(tc.name, tc.value)
			require.ErrorContains(t, err, tc.want)
			fault, ok := errors.AsType[*cfgerr.Error](err)
			require.True(t, ok)
			require.Equal(t, tc.name, fault.Path)
			require.Equal(t, Linux40(), p)
		})
	}
}

type rule uint8

func (r rule) String() string {
	if names := []string{"before", "after", "both"}; int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("rule(%d)", r)
}

type textual string

func (x *textual) UnmarshalText(b []byte) error {
	*x = textual(b)
	if len(b) > 3 {
		return errors.New("at most three letters")
	}
	return nil
}

// Kinds of values that a profile may come to have.
func TestSetValue(t *testing.T) {
	var v struct {
		Rule rule
		Text textual
		Word string
		U8   uint8
		I8   int8
		List []int
	}
	set := func(field, s string) string { return setValue(reflect.ValueOf(&v).Elem().FieldByName(field), s) }
	require.Empty(t, set("Rule", "both"))
	require.Equal(t, rule(2), v.Rule)
	require.Equal(t, "one of before, after, both", set("Rule", "neither"))
	require.Equal(t, "one of before, after, both", set("Rule", "rule(3)"))
	require.Equal(t, rule(2), v.Rule)
	require.Empty(t, set("Text", "abc"))
	require.Equal(t, "at most three letters", set("Text", "abcd"))
	require.Equal(t, textual("abc"), v.Text)
	require.Empty(t, set("Word", "x y"))
	require.Equal(t, "x y", v.Word)
	require.Empty(t, set("U8", "255"))
	require.NotEmpty(t, set("U8", "256"))
	require.Empty(t, set("I8", "127"))
	require.NotEmpty(t, set("I8", "128"))
	require.Equal(t, uint8(255), v.U8)
	require.Equal(t, int8(127), v.I8)
	require.Contains(t, set("List", "1"), "can't be set")
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"RepollSameRun": "repoll_same_run", "UDPGROChecksum": "udp_gro_checksum", "UDPEarlyDemux": "udp_early_demux",
		"SoftirqTimeMS": "softirq_time_ms", "Hash2Threshold": "hash2_threshold", "IPv4Only": "ipv4_only", "IPOptions": "ip_options",
		"SoftirqWhileKsoftirqd": "softirq_while_ksoftirqd", "NAPI": "napi", "GROBatch2": "gro_batch2", "X": "x",
		"NetRXAction": "net_rx_action", "MSecs": "m_secs", "RXIPv6": "rx_ipv6",
	} {
		require.Equal(t, want, snake(in), in)
	}
}
