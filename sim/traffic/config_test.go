package traffic_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/law"
	"github.com/seed-556df219/rxpath/sim/skb"
	"github.com/seed-556df219/rxpath/sim/traffic"
)

func TestValidate(t *testing.T) {
	type C = traffic.Config
	for name, c := range map[string]struct {
		set  func(*C)
		want string // the whole error
	}{
		"no name":                        {func(c *C) { c.Name = "" }, `name = : want a name`},
		"no rate":                        {func(c *C) { c.MilliPPS = 0 }, `rate = 0pps: want 0.001pps to 2000000000pps`},
		"too high a rate":                {func(c *C) { c.MilliPPS = 2e12 + 1 }, `rate = 2000000000.001pps: want 0.001pps to 2000000000pps`},
		"profile that starts in silence": {func(c *C) { c.MilliPPS, c.Profile = 0, profile() }, ``},
		"profile that goes back":         {func(c *C) { c.Profile = []traffic.RatePoint{{At: 5}, {At: 5}} }, `profile[1].at = 5ps: want 0 or more, and later than the point before`},
		"profile before time":            {func(c *C) { c.Profile = []traffic.RatePoint{{At: -1}} }, `profile[0].at = -1ps: want 0 or more, and later than the point before`},
		"profile with too high a rate":   {func(c *C) { c.Profile = []traffic.RatePoint{{MilliPPS: 3e12}} }, `profile[0].rate = 3000000000pps: want 0pps to 2000000000pps`},
		"profile of bursts":              {func(c *C) { *c = config(1000, traffic.OnOff); c.Profile = profile() }, `profile = onoff: want constant, poisson or jitter arrivals: the others have a mean rate`},
		"an unknown kind":                {func(c *C) { c.Arrivals.Kind = 99 }, `arrivals = kind 99: want constant, poisson, jitter, onoff, mmpp or pareto`},
		"jitter of more than a gap":      {func(c *C) { c.Arrivals = traffic.Arrivals{Kind: traffic.Jitter, SpreadPPM: 1_000_001} }, `arrivals.jitter.spread = 1000001: want 0 to 1000000`},
		"bursts slower than the mean":    {func(c *C) { *c = config(1000, traffic.OnOff); c.Arrivals.BurstMilliPPS = 999 }, `arrivals.onoff.burst_rate = 0.999pps: want the rate of 1pps to 2000000000pps`},
		"bursts of nothing":              {func(c *C) { *c = config(1000, traffic.OnOff); c.Arrivals.BurstMean = 0 }, `arrivals.onoff.burst_mean = 0: want 1 to 1000000000`},
		"bursts with silences of days":   {func(c *C) { *c = config(1, traffic.OnOff); c.Arrivals.BurstMean = 1000 }, `arrivals.onoff.burst_mean = 1000: want bursts so short that the mean silence is at most 10 h`},
		"bursts without a rate":          {func(c *C) { *c = config(0, traffic.OnOff) }, `rate = 0pps: want 0.001pps to 2000000000pps`},
		"a tail without a mean":          {func(c *C) { *c = config(1000, traffic.Pareto); c.Arrivals.AlphaMilli = 1000 }, `arrivals.pareto.alpha = 1000: want 1001 to 100000`},
		"pareto bursts below one frame":  {func(c *C) { *c = config(1000, traffic.Pareto); c.Arrivals.AlphaMilli, c.Arrivals.BurstMean = 1500, 2 }, `arrivals.pareto.burst_mean = 2: want 3 to 1000000000`},
		"pareto bursts from one frame":   {func(c *C) { *c = config(1000, traffic.Pareto); c.Arrivals.AlphaMilli, c.Arrivals.BurstMean = 1500, 3 }, ``},
		"states without length":          {func(c *C) { *c = config(1_000_000, traffic.MMPP); c.Arrivals.High, c.Arrivals.Low = 0, 0 }, "arrivals.mmpp.high = 0ps: want 1ps to 36000s\narrivals.mmpp.low = 0ps: want 1ps to 36000s"},
		"a low state below silence":      {func(c *C) { *c = config(1_000_000, traffic.MMPP); c.Arrivals.BurstMilliPPS = 5_000_010 }, `arrivals.mmpp.burst_rate = 5000.010pps: want so little that low is not below 0: the high state alone makes more than the rate of 1000pps`},
		"states of a picosecond":         {func(c *C) { *c = config(1_000_000, traffic.MMPP); c.Arrivals.High, c.Arrivals.Low = 1, 4 }, `arrivals.mmpp.high = 1ps: want states so long that they change at most 1000 times per frame`},
		"a frame of 63 bytes":            {func(c *C) { c.Size = law.Constant(63) }, `size = 63: want 64 to 9732 bytes in every draw`},
		"a size without a bound":         {func(c *C) { c.Size = law.Must(law.Exponential(500)) }, `size = exponential(mean 500): want 64 to 9732 bytes in every draw`},
		"a payload too large":            {func(c *C) { c.Size, c.SizeIsPayload = law.Constant(9687), true }, `payload = 9687: want 0 to 9686 bytes in every draw`},
		"a tagged payload too large":     {func(c *C) { c.Size, c.SizeIsPayload, c.VLAN = law.Constant(9683), true, 1 }, `payload = 9683: want 0 to 9682 bytes in every draw`},
		"IPv6":                           {func(c *C) { c.Src = netip.MustParseAddrPort("[::1]:1") }, `src = [::1]:1: want an IPv4 address and a port`},
		"IPv4 in IPv6":                   {func(c *C) { c.Src = netip.MustParseAddrPort("[::ffff:10.0.0.1]:1") }, ``},
		"no destination port":            {func(c *C) { c.Dst = netip.MustParseAddrPort("10.0.0.1:0") }, `dst = 10.0.0.1:0: want an IPv4 address and a port of at least 1`},
		"a group's MAC":                  {func(c *C) { c.DstMAC = skb.MAC{1, 2, 3} }, `dst_mac = 010203000000: want a unicast address`},
		"no flows":                       {func(c *C) { c.Flows = 0 }, `flows = 0: want 1 to 60536: each has a source port of its own, from 5000 up`},
		"more flows than ports":          {func(c *C) { c.Flows = 60537 }, `flows = 60537: want 1 to 60536: each has a source port of its own, from 5000 up`},
		"more groups than flows":         {func(c *C) { c.Groups = 2 }, `groups = 2: want 0 to the number of flows, 1`},
		"groups beyond multicast":        {func(c *C) { c.Flows, c.Groups, c.Dst = 9, 2, netip.MustParseAddrPort("239.255.255.255:1") }, `groups = 2: want so few that all destinations from 239.255.255.255 up are multicast`},
		"groups beyond all addresses":    {func(c *C) { c.Flows, c.Groups, c.Dst = 9, 2, netip.MustParseAddrPort("255.255.255.255:1") }, `groups = 2: want so few that all destinations from 255.255.255.255 up are broadcast`},
		"vlan 4095":                      {func(c *C) { c.VLAN = 4095 }, `vlan = 4095: want 0 to 4094`},
		"a start before time":            {func(c *C) { c.Start = -1 }, `start = -1ps: want 0ps to ` + engine.MaxTime.String()},
		"a stop before the start":        {func(c *C) { c.Start, c.Stop = 5, 5 }, `stop = 5ps: want 0, or later than start`},
		"a fault's share beyond all":     {func(c *C) { c.Faults.BadUDPLength = 1_000_001 }, `faults.bad_udp_length = 1000001: want 0 to 1000000`},
		"shares beyond all":              {func(c *C) { c.Faults = everyFault(100_001) }, `faults = 1000010: want at most 1000000 millionths together`},
		"shares of all":                  {func(c *C) { c.Faults = everyFault(100_000) }, ``},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := traffic.DefaultConfig()
			c.set(&cfg)
			err := cfg.Validate()
			if c.want == "" {
				require.NoError(t, err)
				_, err = traffic.New(cfg, 1)
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
			for _, e := range cfgerr.All(err) {
				require.NotEmpty(t, e.Path)
			}
			s, err := traffic.New(cfg, 1)
			require.EqualError(t, err, c.want)
			require.Nil(t, s)
		})
	}
}

func TestValidateReportsEverything(t *testing.T) {
	var paths []string
	for _, e := range cfgerr.All((&traffic.Config{}).Validate()) {
		paths = append(paths, e.Path)
	}
	require.Equal(t, []string{"name", "rate", "size", "src", "dst", "flows"}, paths)
}

func TestScaledMultipliesEveryRate(t *testing.T) {
	c := config(1_000_001, traffic.OnOff)
	c.Profile = profile()
	kept := config(1_000_001, traffic.OnOff)
	kept.Profile = profile()

	got := c.Scaled(1500)
	require.Equal(t, uint64(1_500_002), got.MilliPPS, "rounded to the nearest")
	require.Equal(t, uint64(15_000_015), got.Arrivals.BurstMilliPPS)
	require.Equal(t, uint64(4_500_000_000), got.Profile[0].MilliPPS)
	diff := cmpopts.EquateComparable(netip.AddrPort{})
	require.Empty(t, cmp.Diff(kept, c, diff), "c is left alone")

	got.MilliPPS, got.Arrivals.BurstMilliPPS, got.Profile = c.MilliPPS, c.Arrivals.BurstMilliPPS, c.Profile
	require.Empty(t, cmp.Diff(c, got, diff), "nothing else changes")
	require.Empty(t, cmp.Diff(c, c.Scaled(1000), diff))
	c.MilliPPS = math.MaxUint64
	require.Equal(t, uint64(math.MaxUint64), c.Scaled(1001).MilliPPS)
}

// A scaled source has the shape of the source: what was valid stays so, down to
// the last rounding.
func TestScaledStaysValid(t *testing.T) {
	for name, c := range kinds() {
		if c.Arrivals.Kind == traffic.MMPP {
			c.Arrivals.BurstMilliPPS = 5 * c.MilliPPS // silence in the low state
		}
		for milli := uint64(1); milli < 3000; milli += 7 {
			_, err := traffic.New(c.Scaled(milli), 1)
			require.NoError(t, err, "%s times %d/1000", name, milli)
		}
	}
}

func TestScaledKeepsTheShape(t *testing.T) {
	c := config(1_000_000_000, traffic.OnOff)
	got := instants(t, c.Scaled(2000), 10_000)
	for i, at := range instants(t, c, 10_000) {
		require.InDelta(t, float64(at)/2, float64(got[i]), 2)
	}
}

func TestKindNames(t *testing.T) {
	var names []string
	for k := traffic.Constant; k <= traffic.Pareto+1; k++ {
		names = append(names, fmt.Sprint(k))
	}
	require.Equal(t, []string{"constant", "poisson", "jitter", "onoff", "mmpp", "pareto", "kind 6"}, names)
}
