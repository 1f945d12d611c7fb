package scenariofile

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSchemaIsSelfContained(t *testing.T) {
	var doc map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &doc))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", doc["$schema"])
	require.NotNil(t, compiled()) // the compiler checks it against its metaschema
	Schema()[0] = 'x'
	require.Equal(t, byte('{'), Schema()[0], "a caller's change stays his own")
}

// Every key of the schema has a description, refuses unknown keys beside it,
// and stands in testdata/everything.yaml, which other tests rely on.
func TestEverythingHasEveryKey(t *testing.T) {
	data, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	faults := &collector{}
	full := readYAML(data, 0, nil, faults)
	require.Empty(t, faults.list)
	type key struct {
		of   *jsonschema.Schema
		name string
	}
	found, places := map[key]bool{}, map[key]path{}
	var walk func(p path, s *jsonschema.Schema)
	walk = func(p path, s *jsonschema.Schema) {
		s = deref(s)
		if isList(s) {
			walk(p.under(any1), s.Items2020)
			return
		}
		if s.Properties != nil {
			require.Equal(t, false, s.AdditionalProperties, "%s takes unknown keys", p)
		}
		for _, name := range keys(s) {
			k, q := key{s, name}, p.under(name)
			require.NotEmpty(t, s.Properties[name].Description, "%s has no description", q)
			if section := strings.Join(p, "."); section == "sysctl" || section == "kernel" || strings.HasPrefix(section, "host.costs") {
				continue // enough of them are there
			}
			_, ok := resolve(full, q)
			found[k], places[k] = found[k] || ok, q
			walk(q, s.Properties[name])
		}
	}
	walk(nil, compiled())
	for k, ok := range found {
		require.True(t, ok, "%s is not in everything.yaml", places[k])
	}
}

// The patterns that editors see let everything pass that the parsers take.
func TestPatternsAreLooserThanParsers(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`[0-9.]{1,6}([eE][-+]?[0-9]{1,2})? ?(ps|ns|us|µs|μs|ms|s|m|h|pps|kpps|Mpps|Gpps|/s|b/s|kb/s|Mb/s|Gb/s|Tb/s|B|KB|kB|MB|GB|TB|KiB|MiB|GiB|TiB|%|ppm|x|)`),
		rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]{1,5}|/[0-9]{1,2}|)`),
		rapid.StringMatching(`:[0-9]{1,5}`),
		rapid.StringMatching(`[0-9a-fA-F]{1,9}(,[0-9a-fA-F]{1,9}){0,2}`),
		rapid.StringMatching(`0[02468ace]([:-][0-9a-fA-F]{2}){5}|0[02468ace][0-9a-f]{2}(\.[0-9a-f]{4}){2}|0[02]([:.][0-9a-f]{2}){7}`),
		rapid.StringMatching(`[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){39}`),
		rapid.SampledFrom([]string{"never", "", "0", "udp", "132", "10.0.0.0/8"}),
	)
	accepts := map[string]func(string) bool{
		"timeNotation": parses(timeNotation{}), "neverNotation": parses(neverNotation{}), "rateNotation": parses(rateNotation{}),
		"linkNotation": parses(linkNotation{}), "bytesNotation": parses(bytesNotation{}), "shareNotation": parses(shareNotation{}),
		"factorNotation": parses(factorNotation{}), "maskNotation": parses(maskNotation{}), "addrNotation": parses(addrNotation{}),
		"endpointNotation": parses(endpointNotation{}), "patternNotation": parses(patternNotation{}), "prefixNotation": parses(prefixNotation{}),
		"macNotation": parses(macNotation{}), "keyNotation": parses(keyNotation{}),
		"networkNotation": parses(networkNotation{}), "protoNotation": parses(protoNotation{}),
	}
	require.Len(t, accepts, len(patterns))
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			text := texts.Draw(t, "text")
			for name, accept := range accepts {
				if accept(text) {
					seen[name] = true
					require.Regexp(t, regexp.MustCompile(patterns[name]), text, name)
				}
			}
		}
	})
	require.Len(t, seen, len(patterns), "a notation was never tried with a text that it takes")
}

func parses[T any](n notation[T]) func(string) bool {
	return func(s string) bool { _, err := n.parse(s); return err == nil }
}

// What a notation prints, it reads as the same.
func TestNotationsRoundTrip(t *testing.T) {
	check := func(name string, again func(string) (string, error), texts ...string) {
		for _, text := range texts {
			once, err := again(text)
			require.NoError(t, err, "%s %s", name, text)
			twice, err := again(once)
			require.NoError(t, err, "%s %s", name, once)
			require.Equal(t, once, twice)
		}
	}
	check("pattern", again(patternNotation{}), "239.1.1.1", ":6100", "239.1.1.1:6100", "0.0.0.0:5")
	check("prefix", again(prefixNotation{}), "10.0.0.2/24", "0.0.0.0/0")
	check("network", again(networkNotation{}), "10.0.0.0/8", "10.0.0.1")
	check("proto", again(protoNotation{}), "udp", "132", "igmp")
	check("mac", again(macNotation{}), "02-00-00-00-00-10", "0200.0000.0010", "02:00:00:00:00:ff")
	check("key", again(keyNotation{}), strings.Repeat("6D:", 39)+"5a")
	check("never", again(neverNotation{}), "never", "1us")
	check("mask", again(maskNotation{}), "0", "c", "1,00000000")
	check("endpoint", again(endpointNotation{}), "239.1.1.1:1")
	check("address", again(addrNotation{}), "239.1.1.1")
}

func again[T any](n notation[T]) func(string) (string, error) {
	return func(s string) (string, error) {
		v, err := n.parse(s)
		if err != nil {
			return "", err
		}
		return n.format(v), nil
	}
}

func TestPathRoundTrip(t *testing.T) {
	key := rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_+-]{0,8}`)
	index := rapid.StringMatching(`[0-9]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		p := path{key.Filter(func(s string) bool { return s != "net" && s != sysctlKey }).Draw(t, "first")}
		for range rapid.IntRange(0, 5).Draw(t, "more") {
			p = append(p, rapid.OneOf(key, index).Draw(t, "token"))
		}
		got, ok := parsePath(p.String())
		require.True(t, ok, p.String())
		require.Equal(t, p, got)
	})
	for in, want := range map[string]path{
		"net.core.rmem_max":        {"sysctl", "net.core.rmem_max"},
		"sysctl.net.core.rmem_max": {"sysctl", "net.core.rmem_max"},
		"nics[eth0].ring.rx":       {"nics", "eth0", "ring", "rx"},
		"a[0][1].b":                {"a", "0", "1", "b"},
		"apps[239.1.1.1:5000].cpu": {"apps", "239.1.1.1:5000", "cpu"},
	} {
		got, ok := parsePath(in)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[0", "a[0]b", "[0]", "sysctl."} {
		_, ok := parsePath(bad)
		require.False(t, ok, bad)
	}
}

// A snippet of a long line shows the place of the fault above its caret.
func TestSnippet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.StringMatching(`[a-zµ\t ]{0,300}`).Draw(t, "source")
		r := []rune(source)
		column := rapid.IntRange(1, len(r)+1).Draw(t, "column")
		line, blanks := snippet(source, column)
		at := len([]rune(blanks))
		require.LessOrEqual(t, len([]rune(line)), 106)
		require.LessOrEqual(t, at, len([]rune(line)))
		if column <= len(r) {
			require.Equal(t, string(r[column-1]), string([]rune(line)[at]))
		}
	})
}
