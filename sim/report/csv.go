package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/procfs"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// CSV writes the result as a long table, file,object,name,value: first every
// counter of the host's files, then what no file has. The file of the latter is
// the key of the JSON that has it (cpu, latency, ledger, sockets, waterfall), so
// it has no slash. Sockets that share a name have their inode behind it. An error
// is one of w.
func CSV(w io.Writer, in Input) error {
	t := &longTable{w: csv.NewWriter(w)}
	t.row("file", "object", "name", "value")
	res := in.Result
	procfs.EachCounter(&res.Snapshot.Snapshot, t.count)
	t.cpu(res)
	for i := range res.Stages {
		t.latency("latency", res.Stages[i].Name, "", &res.Stages[i])
	}
	t.ledger(res)
	names := map[string]int{}
	for i := range res.Sockets {
		names[res.Sockets[i].Name]++
	}
	for i := range res.Sockets {
		s := &res.Sockets[i]
		object := s.Name
		if names[s.Name] > 1 {
			object += "/" + strconv.FormatUint(s.Inode, 10)
		}
		t.socket(object, s)
	}
	t.waterfall("frames", res.Waterfall.Offered+res.Waterfall.Copied, res.Waterfall.Frames)
	t.waterfall("copies", res.Waterfall.Delivered, res.Waterfall.Copies)
	t.waterfall("taps", res.Waterfall.Tapped, res.Waterfall.Taps)
	t.w.Flush()
	return t.w.Error()
}

// A longTable is a CSV file with a number per line. Its writer keeps the first
// error.
type longTable struct{ w *csv.Writer }

func (t *longTable) row(cells ...string) { _ = t.w.Write(cells) }

func (t *longTable) count(file, object, name string, v uint64) {
	t.row(file, object, name, strconv.FormatUint(v, 10))
}

func (t *longTable) cpu(res *sim.Result) {
	for i := range res.Snapshot.CPUs {
		time := &res.Snapshot.CPUs[i].Time
		for _, c := range contexts[:6] {
			t.row("cpu", strconv.Itoa(i), c.name+"_ns", nanoseconds(c.time(time)).String())
		}
	}
}

// latency writes the numbers of a stage, each name with a prefix.
func (t *longTable) latency(file, object, prefix string, s *sim.Stage) {
	d := makeLatency(s, false)
	t.count(file, object, prefix+"n", d.N)
	for _, v := range []struct {
		name string
		time nanoseconds
	}{{"mean_ns", d.MeanNS}, {"p50_ns", d.P50NS}, {"p90_ns", d.P90NS}, {"p99_ns", d.P99NS}, {"p99_9_ns", d.P999NS}, {"max_ns", d.MaxNS}} {
		t.row(file, object, prefix+v.name, v.time.String())
	}
}

func (t *longTable) ledger(res *sim.Result) {
	l := &res.Snapshot.Ledger
	for _, v := range []struct {
		name string
		n    uint64
	}{{"born", l.Born()}, {"clones", l.Clones}, {"consumed", l.Consumed}, {"drops", l.Drops()}, {"frames", l.Frames},
		{"live", l.Live()}, {"merged", l.Merged}, {"partner_lost", res.Partner}, {"rejects", l.Rejects()}} {
		t.count("ledger", "", v.name, v.n)
	}
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		t.count("ledger", "dropped", r.String(), l.Dropped[r])
	}
}

func (t *longTable) socket(object string, s *sim.SocketResult) {
	for _, f := range socketFields {
		t.count("sockets", object, f.name, f.get(&s.Socket))
	}
	t.latency("sockets", object, "rx_queue.", &s.RxQueue)
	t.latency("sockets", object, "wire_to_app.", &s.WireToApp)
}

// waterfall writes a head line and its rows: "ring lost HW_NO_DESC".
func (t *longTable) waterfall(object string, total uint64, rows []sim.Row) {
	t.count("waterfall", object, "total", total)
	for _, r := range rows {
		name := r.Place + " " + r.Fate.String()
		if r.Reason != skb.NotDropped {
			name += " " + r.Reason.String()
		}
		t.count("waterfall", object, name, r.N)
	}
}
