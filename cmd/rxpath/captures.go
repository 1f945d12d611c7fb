package main

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// captures are the capture files of a command, each looked through once,
// however often it is replayed.
type captures struct {
	mu    sync.Mutex
	files map[string]*capture.File
}

// open returns the file at path. An error names it.
func (c *captures) open(path string) (*capture.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.files[path]; f != nil {
		return f, nil
	}
	f, err := capture.Open(path)
	if err != nil {
		return nil, err
	}
	if c.files == nil {
		c.files = map[string]*capture.File{}
	}
	c.files[path] = f
	return f, nil
}

// check opens every capture of a scenario and makes a source of it, so that
// what would go wrong later goes wrong now. The error names each that cannot be
// replayed; complete is the scenario as a complete file.
func (c *captures) check(in *input, s *settings, sc *scenario.Scenario, complete []byte) error {
	entries, err := captureEntries(complete)
	if err != nil {
		return err
	}
	out := &faults{name: in.label}
	for i, one := range sc.Captures {
		src, _, err := c.source(one, skb.MAC{2})
		if err != nil {
			key := fmt.Sprintf("traffic[%d].pcap", entries[i].index)
			out.list = append(out.list, in.placed(key, key+": "+fileError(err).Error(), s))
			continue
		}
		_ = src.(*capture.Source).Close() // nothing was read
	}
	if len(out.list) > 0 {
		return out
	}
	return nil
}

// A captureEntry is a capture in the list of sources.
type captureEntry struct {
	index int
	path  string
}

// captureEntries finds the captures in a complete scenario, in the order of
// scenario.Scenario.Captures.
func captureEntries(complete []byte) ([]captureEntry, error) {
	var doc struct {
		Traffic []struct {
			PCAP string `yaml:"pcap"`
		} `yaml:"traffic"`
	}
	if err := yaml.Unmarshal(complete, &doc); err != nil {
		return nil, failed(err)
	}
	var out []captureEntry
	for i, t := range doc.Traffic {
		if t.PCAP != "" {
			out = append(out, captureEntry{i, t.PCAP})
		}
	}
	return out, nil
}

// source is a sim.Options.OpenCapture.
func (c *captures) source(one scenario.Capture, mac skb.MAC) (skb.FrameSource, []string, error) {
	f, err := c.open(one.File)
	if err != nil {
		return nil, nil, err
	}
	o := capture.Options{
		SpeedMilli: one.SpeedMilli, MilliPPS: one.MilliPPS, Loops: one.Loops, Start: one.Start, KeepMAC: one.KeepMAC, MAC: mac,
	}
	for _, r := range one.Rewrite {
		o.Rewrite = append(o.Rewrite, capture.Rewrite(r))
	}
	src, err := f.Source(o)
	if err != nil {
		return nil, nil, err
	}
	var warnings []string
	for _, w := range f.Info.Warnings {
		warnings = append(warnings, filepath.Base(one.File)+": "+w)
	}
	return src, warnings, nil
}
