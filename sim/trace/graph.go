package trace

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/ftrace"
	"github.com/seed-556df219/rxpath/sim/kernel"
)

// GraphOptions are the optional columns of a function graph (FG-9).
type GraphOptions struct {
	// AbsTime adds the time (funcgraph-abstime), Proc the task (funcgraph-proc).
	AbsTime, Proc bool
}

// WriteCalls writes calls as the file trace with the tracer function_graph
// shows them (FG-1 to FG-9). cpus is the number of CPUs. It models
// kernel/trace/trace_functions_graph.c.
func WriteCalls(w io.Writer, calls []ftrace.Call, cpus int, text kernel.TraceText, o GraphOptions) error {
	g := grapher{w: bufio.NewWriter(w), text: text, opts: o, digits: len(fmt.Sprint(max(cpus-1, 0))), last: map[int]ftrace.Task{}, open: map[stackOf][]opened{}}
	g.w.WriteString("# tracer: function_graph\n#\n" + g.header())
	skip := map[int]bool{} // returns of leaves, by index
	for i := range calls {
		c := &calls[i]
		if skip[i] {
			continue
		}
		g.switchTo(c)
		switch c.Step {
		case ftrace.Enter, ftrace.IRQEnter:
			if c.Step == ftrace.IRQEnter {
				g.interrupt(c, "==========>")
			}
			if j := leaf(calls, i); j > 0 && c.Step == ftrace.Enter {
				skip[j] = true
				g.leaf(c, calls[j].At-c.At)
				continue
			}
			g.enter(c)
		case ftrace.Return, ftrace.IRQReturn:
			g.leave(c)
			if c.Step == ftrace.IRQReturn {
				g.interrupt(c, "<==========")
			}
		case ftrace.Comment:
			g.comment(c)
		}
	}
	return g.w.Flush()
}

// leaf returns the index of the return that directly follows call i on its CPU
// and in its task, 0 if there is none (FG-5).
func leaf(calls []ftrace.Call, i int) int {
	for j := i + 1; j < len(calls); j++ {
		if calls[j].CPU != calls[i].CPU {
			continue
		}
		if calls[j].Step == ftrace.Return && calls[j].Func == calls[i].Func && calls[j].Task == calls[i].Task {
			return j
		}
		return 0
	}
	return 0
}

// A grapher writes a function graph.
type grapher struct {
	w      *bufio.Writer
	text   kernel.TraceText
	opts   GraphOptions
	digits int                 // of a CPU number
	last   map[int]ftrace.Task // by CPU
	open   map[stackOf][]opened
}

// stackOf names a task's stack: that of idle is its CPU's.
type stackOf struct{ cpu, pid int }

type opened struct {
	fn string
	at engine.Time
}

func key(c *ftrace.Call) stackOf { return stackOf{c.CPU, c.Task.PID} }

// header are the two lines that name the columns.
func (g *grapher) header() string {
	var names, bars string
	if g.opts.AbsTime {
		names, bars = "     TIME       ", "      |         "
	}
	names, bars = names+" CPU", bars+" |  "
	if g.opts.Proc {
		names, bars = names+"  TASK/PID       ", bars+"   |    |        "
	}
	return "#" + names + "  DURATION                  FUNCTION CALLS\n#" + bars + "   |   |                     |   |   |   |\n"
}

// prefix is what stands left of the duration (FG-1, FG-9).
func (g *grapher) prefix(c *ftrace.Call) string {
	var s string
	if g.opts.AbsTime {
		s = stamp(c.At) + " |  "
	}
	s += g.cpu(c.CPU)
	if g.opts.Proc {
		s += taskColumn(c.Task) + " | "
	}
	return s
}

func (g *grapher) cpu(n int) string { return fmt.Sprintf(" %*d) ", g.digits, n) }

// taskColumn is a task in 14 columns (FG-8).
func taskColumn(t ftrace.Task) string {
	s := fmt.Sprintf("%s-%d", t.Comm[:min(len(t.Comm), 7)], t.PID)
	spaces := max(14-len(s), 0)
	return strings.Repeat(" ", spaces/2) + s + strings.Repeat(" ", spaces-spaces/2)
}

// switchTo notes which task a CPU runs (FG-8).
func (g *grapher) switchTo(c *ftrace.Call) {
	prev, known := g.last[c.CPU]
	if g.last[c.CPU] = c.Task; !known || prev == c.Task {
		return
	}
	const line = " ------------------------------------------\n"
	fmt.Fprintf(g.w, "%s%s%s => %s\n%s\n", line, g.cpu(c.CPU), taskColumn(prev), taskColumn(c.Task), line)
}

// interrupt brackets the entry function of an interrupt (FG-7).
func (g *grapher) interrupt(c *ftrace.Call, arrow string) {
	fmt.Fprintf(g.w, "%s  %s |\n", g.prefix(c), arrow)
}

const openColumn = "              |  " // of a line without a duration (FG-2)

func indent(depth int) string { return strings.Repeat(" ", 2*max(depth, 0)) }

func (g *grapher) enter(c *ftrace.Call) {
	k := key(c)
	fmt.Fprintf(g.w, "%s%s%s%s() {\n", g.prefix(c), openColumn, indent(len(g.open[k])), c.Func)
	g.open[k] = append(g.open[k], opened{c.Func, c.At})
}

func (g *grapher) leaf(c *ftrace.Call, d engine.Time) {
	fmt.Fprintf(g.w, "%s%s%s%s();\n", g.prefix(c), Duration(d), indent(len(g.open[key(c)])), c.Func)
}

func (g *grapher) leave(c *ftrace.Call) {
	k := key(c)
	n := len(g.open[k])
	if n == 0 || g.open[k][n-1].fn != c.Func { // its opening line was lost
		fmt.Fprintf(g.w, "%s%s%s} /* %s */\n", g.prefix(c), openColumn, indent(n), c.Func)
		return
	}
	took := c.At - g.open[k][n-1].at
	g.open[k] = g.open[k][:n-1]
	fmt.Fprintf(g.w, "%s%s%s}\n", g.prefix(c), Duration(took), indent(n-1))
}

// comment is an event among the calls (FG-6).
func (g *grapher) comment(c *ftrace.Call) {
	depth := len(g.open[key(c)]) // one more than that of the function around it
	if depth == 1 {
		depth = 0
	}
	fmt.Fprintf(g.w, "%s%s%s/* %v: %s */\n", g.prefix(c), openColumn, indent(depth), c.Event.Kind, Body(g.text, c.Event))
}

// Duration returns the column of a duration with its mark (FG-2 to FG-4). It
// models print_graph_duration.
func Duration(d engine.Time) string {
	mark := " "
	switch {
	case d >= engine.Second:
		mark = "$"
	case d >= engine.Millisecond:
		mark = "#"
	case d >= 100*engine.Microsecond:
		mark = "!"
	case d >= 10*engine.Microsecond:
		mark = "+"
	}
	ns := int64(d / engine.Nanosecond)
	text := fmt.Sprint(ns / 1000)
	digits := len(text)
	if digits < 7 {
		rest := fmt.Sprintf("%03d", ns%1000)
		rest = rest[:min(len(rest), 7-digits)]
		text += "." + rest
		digits += len(rest)
	}
	return mark + " " + text + " us " + strings.Repeat(" ", max(7-digits, 0)) + "|  "
}
