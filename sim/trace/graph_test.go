package trace

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// preambleOf is what stands above a graph without optional columns (11.3).
const preambleOf = `# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
`

// idle and reader are tasks of the tests.
var (
	idle   = ftrace.Task{Comm: ftrace.Idle}
	reader = ftrace.Task{Comm: "gateway", PID: 1234}
)

// a script makes calls: every line is "CPU time-in-ns step function".
type script struct{ calls []ftrace.Call }

func (s *script) at(ns int, cpu int, task ftrace.Task, step ftrace.Step, fn string) *script {
	s.calls = append(s.calls, ftrace.Call{Where: ftrace.Where{At: engine.Time(ns) * engine.Nanosecond, CPU: cpu, Task: task}, Step: step, Func: fn})
	return s
}

func (s *script) event(ns int, e ftrace.Event) *script {
	s.at(ns, 0, idle, ftrace.Comment, "")
	s.calls[len(s.calls)-1].Event = &e
	return s
}

func (s *script) text(t *testing.T, cpus int, o GraphOptions) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, WriteCalls(&b, s.calls, cpus, kernel.TracePlain, o))
	return b.String()
}

// lines returns the graph below its preamble.
func (s *script) lines(t *testing.T, cpus int) string {
	t.Helper()
	text, ok := strings.CutPrefix(s.text(t, cpus, GraphOptions{}), preambleOf)
	require.True(t, ok, "the preamble of a function graph")
	return text
}

func TestFunctionGraph(t *testing.T) {
	t.Run("the preamble and a call with a leaf", func(t *testing.T) {
		s := new(script).at(0, 0, idle, ftrace.Enter, "ip_rcv").at(100, 0, idle, ftrace.Enter, "skb_clone").
			at(223, 0, idle, ftrace.Return, "skb_clone").at(12_345, 0, idle, ftrace.Return, "ip_rcv")
		require.Equal(t, preambleOf+` 0)               |  ip_rcv() {
 0)   0.123 us    |    skb_clone();
 0) + 12.345 us   |  }
`, s.text(t, 4, GraphOptions{}))
	})
	t.Run("FG-1 the CPU column is as wide as the highest number", func(t *testing.T) {
		s := func() *script {
			return new(script).at(0, 3, idle, ftrace.Enter, "f").at(1, 3, idle, ftrace.Return, "f")
		}
		require.Equal(t, " 3)   0.001 us    |  f();\n", s().lines(t, 10))
		require.Equal(t, "  3)   0.001 us    |  f();\n", s().lines(t, 11))
		require.Equal(t, "   3)   0.001 us    |  f();\n", s().lines(t, 101))
	})
	t.Run("FG-5 a call that returns at once is a leaf, in its own task only", func(t *testing.T) {
		s := new(script).at(0, 0, idle, ftrace.Enter, "f").at(1, 1, idle, ftrace.Enter, "g").at(2, 0, idle, ftrace.Return, "f").at(3, 1, idle, ftrace.Return, "g")
		require.Equal(t, " 0)   0.002 us    |  f();\n 1)   0.002 us    |  g();\n", s.lines(t, 2), "what another CPU does is not in between")
	})
	t.Run("FG-5 a return whose call was lost names its function", func(t *testing.T) {
		require.Equal(t, " 0)               |  } /* ip_rcv */\n", new(script).at(7, 0, idle, ftrace.Return, "ip_rcv").lines(t, 2))
	})
	t.Run("FG-5 two columns more for each level", func(t *testing.T) {
		s := new(script).at(0, 0, idle, ftrace.Enter, "a").at(0, 0, idle, ftrace.Enter, "b").at(0, 0, idle, ftrace.Enter, "c").
			at(1, 0, idle, ftrace.Return, "c").at(2, 0, idle, ftrace.Return, "b").at(3, 0, idle, ftrace.Return, "a")
		require.Equal(t, ` 0)               |  a() {
 0)               |    b() {
 0)   0.001 us    |      c();
 0)   0.002 us    |    }
 0)   0.003 us    |  }
`, s.lines(t, 2))
	})
	t.Run("FG-6 events are indented by the depth of the function around them, if that is not the outermost", func(t *testing.T) {
		e := ftrace.Event{Kind: ftrace.SockRcvqueueFull, RmemAlloc: 1, Packet: ftrace.Packet{Truesize: 2}, RcvBuf: 3}
		s := new(script).event(0, e).at(0, 0, idle, ftrace.Enter, "a").event(0, e).at(0, 0, idle, ftrace.Enter, "b").event(1, e).
			at(1, 0, idle, ftrace.Return, "b").at(1, 0, idle, ftrace.Return, "a")
		const open, body = " 0)               |  ", "/* sock_rcvqueue_full: rmem_alloc=1 truesize=2 sk_rcvbuf=3 */\n"
		require.Equal(t, open+body+
			open+"a() {\n"+
			open+body+
			open+"  b() {\n"+
			open+"    "+body+
			" 0)   0.001 us    |    }\n 0)   0.001 us    |  }\n", s.lines(t, 2))
	})
	t.Run("FG-7 arrows around the entry function of an interrupt", func(t *testing.T) {
		s := new(script).at(0, 0, idle, ftrace.IRQEnter, "do_IRQ").at(1, 0, idle, ftrace.IRQReturn, "do_IRQ")
		require.Equal(t, " 0)   ==========> |\n 0)               |  do_IRQ() {\n 0)   0.001 us    |  }\n 0)   <========== |\n", s.lines(t, 2))
	})
	t.Run("FG-8 a change of tasks, the names in 14 columns", func(t *testing.T) {
		s := new(script).at(0, 0, reader, ftrace.Enter, "f").at(1, 0, idle, ftrace.Enter, "g").at(2, 0, idle, ftrace.Return, "g").at(3, 0, reader, ftrace.Return, "f")
		require.Equal(t, ` 0)               |  f() {
 ------------------------------------------
 0)  gateway-1234  =>    <idle>-0   `+`
 ------------------------------------------

 0)   0.001 us    |  g();
 ------------------------------------------
 0)    <idle>-0    =>  gateway-1234 `+`
 ------------------------------------------

 0)   0.003 us    |  }
`, s.lines(t, 2))
		long := ftrace.Task{Comm: "market-data-gw", PID: 7}
		require.Equal(t, "   market-7   ", taskColumn(ftrace.Task{Comm: "market", PID: 7}))
		require.Equal(t, "  market--7   ", taskColumn(long), "names are cut to 7")
	})
	t.Run("FG-9 time and task are columns that can be had", func(t *testing.T) {
		s := func() *script {
			return new(script).at(1_234_567_891, 0, reader, ftrace.Enter, "f").at(1_234_567_999, 0, reader, ftrace.Return, "f")
		}
		require.Equal(t, `# tracer: function_graph
#
#     TIME        CPU  DURATION                  FUNCTION CALLS
#      |          |     |   |                     |   |   |   |
    1.234567 |   0)   0.108 us    |  f();
`, s().text(t, 2, GraphOptions{AbsTime: true}))
		require.Contains(t, s().text(t, 2, GraphOptions{Proc: true}), " 0)  gateway-1234  |   0.108 us    |  f();\n")
	})
}

func TestDuration(t *testing.T) {
	const us, ms = 1000, 1_000_000
	for _, tc := range []struct {
		name string
		ns   int64
		want string
	}{
		{"FG-2 a leaf's duration", 1234, "  1.234 us    |  "},
		{"FG-3 no mark below ten microseconds", 10*us - 1, "  9.999 us    |  "},
		{"FG-3 a plus from ten microseconds on", 10 * us, "+ 10.000 us   |  "},
		{"FG-3 still a plus", 100*us - 1, "+ 99.999 us   |  "},
		{"FG-3 an exclamation mark from a hundred on", 100 * us, "! 100.000 us  |  "},
		{"FG-3 a hash from a millisecond on", ms, "# 1000.000 us |  "},
		{"FG-3 a dollar from a second on", 1000 * ms, "$ 1000000 us |  "},
		{"FG-4 three digits, padded with zeros", 5, "  0.005 us    |  "},
		{"FG-4 six digits of microseconds and three", 123_456, "! 123.456 us  |  "},
		{"FG-4 a pad of none", 1_234_567, "# 1234.567 us |  "},
		{"FG-4 two digits behind five", 12_345_678, "# 12345.67 us |  "},
		{"FG-4 one digit behind six", 123_456_789, "# 123456.7 us |  "},
		{"FG-4 none behind seven", 1_234_567_890, "$ 1234567 us |  "},
		{"FG-4 eight digits move the bar", 12_345_678_900, "$ 12345678 us |  "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, Duration(engine.Time(tc.ns)*engine.Nanosecond))
		})
	}
}
