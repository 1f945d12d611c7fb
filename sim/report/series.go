package report

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed-556df219/rxpath/sim"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// writeSeries writes the time series of a result, and the histograms of its
// latencies, into a new directory. A run without samples has headers only.
func writeSeries(dir string, res *sim.Result) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(*csv.Writer, *sim.Result)
	}{{"queues.csv", writeQueues}, {"ledger.csv", writeLedger}, {"cpu.csv", writeCPU}, {"latency.csv", writeLatency}} {
		if err := writeCSV(filepath.Join(dir, f.name), res, f.write); err != nil {
			return err
		}
	}
	return nil
}

func writeCSV(path string, res *sim.Result, write func(*csv.Writer, *sim.Result)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	write(w, res)
	w.Flush()
	if err := w.Error(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// The writers below leave errors to Flush, which keeps the first.

// writeQueues writes the depths of the queues at every sample.
func writeQueues(w *csv.Writer, res *sim.Result) {
	_ = w.Write([]string{"time_ns", "fifo_bytes", "ring_frames", "backlog_packets", "rx_queue_bytes", "rx_queue_max_bytes"})
	for i := range res.Series {
		s := &res.Series[i]
		row := []string{nanoseconds(s.At).String()}
		for _, n := range []int{s.Depths.FIFOBytes, s.Depths.RingFrames, s.Depths.BacklogPackets, s.Depths.RxQueueBytes, s.Depths.RxQueueMax} {
			row = append(row, strconv.Itoa(n))
		}
		_ = w.Write(row)
	}
}

// writeLedger writes the account of the packets up to every sample, with a
// column for each reason that ended any.
func writeLedger(w *csv.Writer, res *sim.Result) {
	head := []string{"time_ns", "frames", "clones", "consumed", "drops", "rejects", "live"}
	var reasons []skb.DropReason
	for r := skb.NotDropped + 1; r < skb.NumReasons; r++ {
		if res.Snapshot.Ledger.Dropped[r] > 0 {
			reasons = append(reasons, r)
			head = append(head, r.String())
		}
	}
	_ = w.Write(head)
	for i := range res.Series {
		s := &res.Series[i]
		l := &s.Ledger
		row := []string{nanoseconds(s.At).String()}
		numbers := []uint64{l.Frames, l.Clones, l.Consumed, l.Drops(), l.Rejects(), l.Live()}
		for _, r := range reasons {
			numbers = append(numbers, l.Dropped[r])
		}
		for _, n := range numbers {
			row = append(row, strconv.FormatUint(n, 10))
		}
		_ = w.Write(row)
	}
}

// writeCPU writes the time that every CPU had spent in each context up to every sample.
func writeCPU(w *csv.Writer, res *sim.Result) {
	head := []string{"time_ns", "cpu"}
	for _, c := range contexts[:6] {
		head = append(head, c.name+"_ns")
	}
	_ = w.Write(head)
	for i := range res.Series {
		s := &res.Series[i]
		for cpu := range s.CPU {
			row := []string{nanoseconds(s.At).String(), strconv.Itoa(cpu)}
			for _, c := range contexts[:6] {
				row = append(row, nanoseconds(c.time(&s.CPU[cpu])).String())
			}
			_ = w.Write(row)
		}
	}
}

// writeLatency writes the buckets of every stage that are not empty.
func writeLatency(w *csv.Writer, res *sim.Result) {
	_ = w.Write([]string{"stage", "first_ns", "last_ns", "n"})
	for i := range res.Stages {
		s := &res.Stages[i]
		s.Hist.Each(func(first, last engine.Time, n uint64) bool {
			_ = w.Write([]string{s.Name, nanoseconds(first).String(), nanoseconds(last).String(), strconv.FormatUint(n, 10)})
			return true
		})
	}
}
