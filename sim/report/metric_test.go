package report

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
)

func TestMetricValues(t *testing.T) {
	res := fixture()
	for metric, want := range map[string]string{
		"drops":                     "195000",
		"drops.all":                 "196234",
		"drops.HW_FIFO":             "100000",
		"drops.SOCKET_RCVBUFF":      "90000",
		"rejects":                   "1234",
		"rejects.NO_SOCKET":         "1234",
		"offered":                   "1000000",
		"delivered":                 "1093761",
		"consumed":                  "1100000",
		"born":                      "1300000",
		"live":                      "3766",
		"partner_lost":              "7",
		"p(latency.ring, 50)":       "50.331µs",
		"p(latency.ring, 100)":      "100µs",
		"mean(latency.ring)":        "50.5µs",
		"max(latency.wire_to_app)":  "5ms",
		"count(latency.ring)":       "200",
		"count(latency.backlog)":    "0",
		"max(latency.backlog)":      "no value",
		"p(latency.backlog, 99)":    "no value",
		"rate(drops)":               "97500/s",
		"rate(count(latency.ring))": "100/s",
		"share(drops)":              "19.5%",
		"share(rejects)":            "0.123%",
		`counter("proc/net/snmp", "Udp.InErrors")`:             "90000",
		`counter('proc/net/snmp', 'Udp.InErrors')`:             "90000",
		`counter("proc/net/softnet_stat", "processed")`:        "44000",
		`counter("proc/net/softnet_stat", "time_squeeze","9")`: "9",
		`rate(counter("proc/net/snmp", "Udp.InErrors"))`:       "45000/s",
		`counter("proc/net/udp", "rx_queue")`:                  "32256",
		`counter("nowhere", "rx_queue")`:                       "no value",
		"cpu[9].softirq":                                       "22.5%",
		"cpu[9].hardirq":                                       "0.45%",
		"cpu[0].idle":                                          "100%",
		"cpu[0].busy":                                          "0%",
		"cpu[99].busy":                                         "no value",
		"cpu.softirq":                                          "6.875%",
		`socket["app-2"].drops`:                                "20000",
		`socket["app-2"].delivered`:                            "100002",
		`socket["app-2"].bytes`:                                "2000B",
		`socket["app-2"].queued`:                               "2",
		`socket["app-2"].max_queued`:                           "20",
		`socket["app-2"].rx_queue`:                             "1792B",
		`socket["app-2"].rcvbuf`:                               "851968B",
		`rate(socket["app-2"].bytes)`:                          "1000/s",
		`share(socket["app-2"].drops)`:                         "2%",
		`socket["nobody"].drops`:                               "no value",
		`max(socket["app-2"].latency.wire_to_app)`:             "60µs",
		`mean(socket["app-2"].latency.rx_queue)`:               "15.5µs",
		`p(socket["nobody"].latency.rx_queue, 1)`:              "no value",
		` p( latency.ring ,99.9999 ) `:                         "100µs",
		`rate( share( drops ) )`:                               "error",
	} {
		m, err := ParseMetric(metric)
		if want == "error" {
			require.Error(t, err, metric)
			continue
		}
		require.NoError(t, err, metric)
		require.Equal(t, strings.TrimSpace(metric), m.String())
		require.Equal(t, want, m.Value(res).String(), metric)
	}
}

func TestMetricErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                              `"", column 1: unexpected end: want a metric such as drops or p(latency.wire_to_app, 99)`,
		"drop":                          `"drop", column 1: unknown metric "drop": want one of drops, rejects, offered, delivered, consumed, born, live, partner_lost, p, mean, max, count, rate, share, counter, cpu, socket; the nearest is "drops"`,
		"drops.HW_FIF":                  `"drops.HW_FIF", column 7: unknown reason "HW_FIF": want one of HW_FIFO, HW_NO_DESC, HW_RESET, CPU_BACKLOG, NOMEM, SOCKET_RCVBUFF, SOCKET_BACKLOG, PROTO_MEM, COPY_FAULT, PACKET_SOCK_ERROR, NF_CONNTRACK_FULL, FRAG_MEM, MACVLAN_BACKLOG, FULL_RING, all; the nearest is "HW_FIFO"`,
		"drops.NO_SOCKET":               `"drops.NO_SOCKET", column 7: NO_SOCKET is not one of the drops; the nearest is "rejects.NO_SOCKET"`,
		"rejects.HW_FIFO":               `"rejects.HW_FIFO", column 9: HW_FIFO is not one of the rejects; the nearest is "drops.HW_FIFO"`,
		"drops x":                       `"drops x", column 7: unexpected "x": want the end of the metric`,
		"p(latency.wire_to_ap, 99)":     `"p(latency.wire_to_ap, 99)", column 11: unknown stage "wire_to_ap": want one of fifo, ring, backlog, stack, rx_queue, wire_to_app; the nearest is "wire_to_app"`,
		"p(latency.ring, 101)":          `"p(latency.ring, 101)", column 17: percentile 101: want a percentage above 0, up to 100, such as 99.9`,
		"p(latency.ring, 0)":            `"p(latency.ring, 0)", column 17: percentile 0: want a percentage above 0, up to 100, such as 99.9`,
		"p(latency.ring, 99.99999)":     `"p(latency.ring, 99.99999)", column 17: percentile 99.99999 is finer than 0.0001: want a percentage above 0, up to 100, such as 99.9`,
		"p(latency.ring)":               `"p(latency.ring)", column 15: unexpected ")": want ","`,
		"p(latency.ring, )":             `"p(latency.ring, )", column 17: unexpected ")": want a percentage above 0, up to 100, such as 99.9`,
		"p(latencies.ring, 99)":         `"p(latencies.ring, 99)", column 3: no latency "latencies": want latency.STAGE or socket["NAME"].latency.STAGE; the nearest is "latency"`,
		"latency.ring":                  `"latency.ring", column 1: a latency is not one number: want p(latency.STAGE, 99), mean(latency.STAGE), max(latency.STAGE) or count(latency.STAGE)`,
		`socket["x"].latency.rx_queue`:  `"socket[\"x\"].latency.rx_queue", column 13: a latency is not one number: want p(socket["NAME"].latency.wire_to_app, 99), mean(...), max(...) or count(...)`,
		`socket["x"].drop`:              `"socket[\"x\"].drop", column 13: unknown field "drop": want one of drops, delivered, bytes, queued, max_queued, rx_queue, rcvbuf; the nearest is "drops"`,
		`socket[x].drops`:               `"socket[x].drops", column 8: unexpected "x": want socket["NAME"], with the name that results show`,
		`socket["x].drops`:              `"socket[\"x].drops", column 8: a quote that does not end: want socket["NAME"], with the name that results show`,
		"cpu[x].softirq":                `"cpu[x].softirq", column 5: no number of a CPU: want cpu[N].CONTEXT, such as cpu[2].softirq`,
		"cpu[1].sirq":                   `"cpu[1].sirq", column 8: unknown context "sirq": want one of hardirq, softirq, ksoftirqd, system, user, idle, busy, spinning; the nearest is "softirq"`,
		"rate(live)":                    `"rate(live)", column 6: no rate of live: want something that is counted, such as drops`,
		"rate(mean(latency.ring))":      `"rate(mean(latency.ring))", column 6: no rate of mean(latency.ring): want something that is counted, such as drops`,
		`share(socket["x"].bytes)`:      `"share(socket[\"x\"].bytes)", column 7: no share of socket["x"].bytes: want something that is counted, such as drops`,
		`counter("proc/net/snmp")`:      `"counter(\"proc/net/snmp\")", column 24: unexpected ")": want ","`,
		"drops.\x00":                    "\"drops.\\x00\", column 7: unexpected character '\\x00': want the name of a reason: HW_FIFO, HW_NO_DESC, HW_RESET, CPU_BACKLOG, NOMEM, SOCKET_RCVBUFF, SOCKET_BACKLOG, PROTO_MEM, COPY_FAULT, PACKET_SOCK_ERROR, NF_CONNTRACK_FULL, FRAG_MEM, MACVLAN_BACKLOG, FULL_RING, all",
		strings.Repeat("rate(", 100000): "too long or too deep",
	} {
		_, err := ParseMetric(text)
		var m *MetricError
		require.ErrorAs(t, err, &m, text)
		if len(text) > 1000 {
			require.Contains(t, err.Error(), want)
			require.Less(t, len(err.Error()), 500)
			continue
		}
		require.Equal(t, want, err.Error())
	}
}

func TestThresholds(t *testing.T) {
	res := fixture()
	for text, want := range map[string]string{
		"drops == 0":                          "no 195000",
		"drops==195000":                       "yes 195000",
		"drops != 0":                          "yes 195000",
		"drops < 195000.5":                    "yes 195000",
		"drops <= 195000":                     "yes 195000",
		"drops < 195000":                      "no 195000",
		"drops > 194999":                      "yes 195000",
		"drops >= 195001":                     "no 195000",
		"share(drops) < 19.5%":                "no 19.5%",
		"share(drops) <= 0.195":               "yes 19.5%",
		"cpu[9].softirq < 80%":                "yes 22.5%",
		"p(latency.wire_to_app, 99) < 5ms":    "yes 4.966ms",
		"p(latency.wire_to_app, 99) < 200us":  "no 4.966ms",
		"p(latency.wire_to_app, 99) < 200 µs": "no 4.966ms",
		"mean(latency.backlog) < 1s":          "no no value",
		"mean(latency.backlog) >= 0":          "no no value",
		"rate(drops) <= 97.5kpps":             "yes 97500/s",
		"rate(drops) < 97500/s":               "no 97500/s",
		`socket["app-2"].rcvbuf >= 832KiB`:    "yes 851968B",
	} {
		th, err := ParseThreshold(text)
		require.NoError(t, err, text)
		require.Equal(t, text, th.String())
		require.True(t, strings.HasPrefix(text, th.Metric().String()))
		ok, value := th.Eval(res)
		got := "no " + value
		if ok {
			got = "yes " + value
		}
		require.Equal(t, want, got, text)
	}
}

func TestThresholdErrors(t *testing.T) {
	for text, want := range map[string]string{
		"drops":                            `"drops", column 6: unexpected end: want one of == != <= >= < >`,
		"drops = 0":                        `"drops = 0", column 7: unexpected "=": want one of == != <= >= < >`,
		"drops <":                          `"drops <", column 8: "" is no number such as 0, 1000 or 1e6`,
		"drops < 1%":                       `"drops < 1%", column 9: drops is a number, not a share: share(drops) is one`,
		"drops < 10/s":                     `"drops < 10/s", column 9: drops is a number, not a rate: rate(drops) is one`,
		"p(latency.ring, 99) < 200":        `"p(latency.ring, 99) < 200", column 23: "200": no unit: want a time such as 67.2ns, 10us, 20ms, 4s or 1m`,
		"cpu[1].softirq < 80":              `"cpu[1].softirq < 80", column 18: "80": too large: want a share from 0 to 1 such as 0.1%, 0.001 or 1e-3`,
		"p(latency.ring, 990) < 200us":     `"p(latency.ring, 990) < 200us", column 17: percentile 990: want a percentage above 0, up to 100, such as 99.9`,
		"max(latency.ring) < 1us and more": `"max(latency.ring) < 1us and more", column 21: "1us and more": unknown unit "us and more": want a time such as 67.2ns, 10us, 20ms, 4s or 1m`,
	} {
		_, err := ParseThreshold(text)
		require.EqualError(t, err, want)
	}
}

// The comparison is exact: a mean of a third of a picosecond more than the
// limit, or a rate that no float has, is seen.
func TestThresholdsAreExact(t *testing.T) {
	res := fixture()
	res.Time = 3 * engine.Second
	m, err := ParseMetric("rate(offered)")
	require.NoError(t, err)
	v := m.Value(res)
	require.Zero(t, v.rat.Cmp(big.NewRat(1_000_000, 3)))
	require.Equal(t, "333333.333/s", v.String())
	require.InDelta(t, 333333.333333, v.Float(), 1e-5)
	require.Equal(t, PerSecond, m.Unit())
	require.Zero(t, Value{}.Float())
	for text, want := range map[string]bool{"rate(offered) == 333333.333/s": false, "rate(offered) > 333333.333/s": true} {
		th, err := ParseThreshold(text)
		require.NoError(t, err)
		ok, _ := th.Eval(res)
		require.Equal(t, want, ok, text)
	}
}

// Of a run in which nothing happened, what would be divided by nothing has no value.
func TestMetricsOfNothing(t *testing.T) {
	for metric, want := range map[string]string{"drops": "0", "share(drops)": "no value", "rate(drops)": "no value", "cpu.busy": "no value",
		"mean(latency.ring)": "no value", "count(latency.ring)": "no value"} {
		m, err := ParseMetric(metric)
		require.NoError(t, err)
		require.Equal(t, want, m.Value(&sim.Result{}).String(), metric)
	}
}

// What a threshold names is looked for in the scenario before anything runs.
func TestParseThresholdsOfScenario(t *testing.T) {
	sc := world(1000, reader())
	sc.Thresholds = []string{"drops == 0", `socket["reader"].drops == 0`, "cpu[3].softirq < 50%", `counter("ethtool/eth0/S", "rx_missed_errors") == 0`,
		`counter("proc/net/softnet_stat", "dropped", "3") == 0`}
	ths, err := ParseThresholds(sc)
	require.NoError(t, err)
	require.Len(t, ths, 5)

	sc.Thresholds = append(sc.Thresholds, "drp == 0", `max(socket["raeder"].latency.rx_queue) < 1s`, "cpu[4].busy < 1%",
		`rate(counter("proc/net/snpm", "Udp.InErrors")) < 1/s`, `counter("proc/net/snmp", "Udp.InError") == 0`,
		`counter("proc/net/softnet_stat", "dropped", "4") == 0`)
	_, err = ParseThresholds(sc)
	require.Error(t, err)
	for i, want := range []string{
		`thresholds[5]: "drp == 0", column 1: unknown metric "drp": want one of drops, rejects, offered, delivered, consumed, born, live, partner_lost, p, mean, max, count, rate, share, counter, cpu, socket; the nearest is "drops"`,
		`thresholds[6]: "max(socket[\"raeder\"].latency.rx_queue) < 1s", column 12: no socket "raeder": want one of reader; the nearest is "reader"`,
		`thresholds[7]: "cpu[4].busy < 1%", column 5: no CPU 4: want 0 to 3`,
		`thresholds[8]: "rate(counter(\"proc/net/snpm\", \"Udp.InErrors\")) < 1/s", column 14: no counters in "proc/net/snpm": want one of ethtool/eth0/S, proc/interrupts, proc/net/dev, proc/net/netstat, proc/net/snmp, proc/net/sockstat, proc/net/softnet_stat, proc/net/udp and 4 more; the nearest is "proc/net/snmp"`,
		`thresholds[9]: "counter(\"proc/net/snmp\", \"Udp.InError\") == 0", column 9: no counter "Udp.InError" in proc/net/snmp; the nearest is "Udp.InErrors"`,
		`thresholds[10]: "counter(\"proc/net/softnet_stat\", \"dropped\", \"4\") == 0", column 9: no row "4" in proc/net/softnet_stat: want one of 0, 1, 2, 3; the nearest is "0"`,
	} {
		require.Equal(t, want, strings.Split(err.Error(), "\n")[i])
	}

	m, err := ParseMetric(`socket["reader"].drops`)
	require.NoError(t, err)
	require.NoError(t, m.Check(sc))
	sc.Apps = nil
	require.EqualError(t, m.Check(sc), `"socket[\"reader\"].drops", column 8: no socket "reader": want a scenario with sockets`)
	sc.Host.CPUs = 0
	require.ErrorContains(t, m.Check(sc), "host.cpus")
}

// The names of the stages are those of a host.
func TestStages(t *testing.T) {
	h, err := sim.NewHost(sim.Linux40())
	require.NoError(t, err)
	defer h.Close()
	var names []string
	for _, s := range h.Latencies() {
		names = append(names, s.Name)
	}
	require.Equal(t, names, Stages())
}

// A value that is a level has no rate; the list of levels names counters that exist.
func TestLevelsExist(t *testing.T) {
	k, err := knownOf(world(1000, reader()))
	require.NoError(t, err)
	for file, names := range levels {
		for _, name := range names {
			if problem, _, _ := k.counter(file, name, "", false); problem != "" && !strings.HasSuffix(name, "qlen") && name != "backlog_len" {
				t.Error(problem) // the columns of later kernels are not there
			}
		}
	}
	_, err = ParseMetric(`rate(counter("proc/net/sockstat", "UDP.mem"))`)
	require.Error(t, err)
}

func FuzzParseThreshold(f *testing.F) {
	for _, s := range []string{"drops == 0", "p(latency.wire_to_app, 99.9) < 200us", `counter("a", "b", 'c') >= 1`, "cpu[2].softirq < 80%",
		`rate(socket["x"].bytes) != 3/s`, "drops.HW_FIFO", "p(((", "cpu[99999999999999999999].busy < 1%", "share(\xff"} {
		f.Add(s)
	}
	res := fixture()
	f.Fuzz(func(t *testing.T, s string) {
		th, err := ParseThreshold(s)
		if err != nil {
			var m *MetricError
			if !errors.As(err, &m) || m.Column < 1 || m.Column > len(m.Text)+1 || len(err.Error()) > 3000 {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := ParseThreshold(th.String())
		if err != nil {
			t.Fatalf("%q: parsed once, not again: %v", s, err)
		}
		a, va := th.Eval(res)
		b, vb := again.Eval(res)
		if a != b || va != vb {
			t.Fatalf("%q: %v %q and %v %q", s, a, va, b, vb)
		}
	})
}
