package scenariofile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-556df219/rxpath/sim/cfgerr"
	"github.com/seed-556df219/rxpath/sim/engine"
	"github.com/seed-556df219/rxpath/sim/scenario"
	"github.com/seed-556df219/rxpath/socket"
)

// LoadPauses reads the files of pauses that the applications of a scenario name,
// relative ones from dir, which is where the scenario file is. [Load] has done it,
// [Parse] has not.
func LoadPauses(s *scenario.Scenario, dir string) error {
	for i := range s.Apps {
		r := &s.Apps[i].Read
		if r.PauseFile == "" {
			continue
		}
		if !filepath.IsAbs(r.PauseFile) {
			r.PauseFile = filepath.Join(dir, filepath.FromSlash(r.PauseFile))
		}
		trace, err := readPauses(r.PauseFile)
		if _, ok := errors.AsType[*cfgerr.Error](err); err != nil && !ok {
			return err // of the file system
		}
		if err != nil {
			return cfgerr.Under(fmt.Sprintf("apps[%d].read.pauses.trace", i), err)
		}
		r.Pauses.Trace = trace
	}
	return nil
}

// readPauses reads a file of pauses: two times a line, when and for how long.
func readPauses(name string) ([]socket.Pause, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var trace []socket.Pause
	var end engine.Time
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		p, err := parsePause(words)
		if err != nil || p.At < end {
			return nil, &cfgerr.Error{Path: fmt.Sprintf("%s:%d", name, n), Value: strings.TrimSpace(text),
				Want: "when and for how long, as in 1.5s 20ms, behind the end of the pause before"}
		}
		end = p.At + p.For
		trace = append(trace, p)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(trace) == 0 {
		return nil, &cfgerr.Error{Path: name, Value: "nothing", Want: "at least one pause"}
	}
	return trace, nil
}

func parsePause(words []string) (socket.Pause, error) {
	if len(words) != 2 {
		return socket.Pause{}, fmt.Errorf("%d words", len(words))
	}
	at, err := timeNotation{}.parse(words[0])
	if err != nil {
		return socket.Pause{}, err
	}
	length, err := timeNotation{}.parse(words[1])
	if err != nil || length <= 0 || length > engine.MaxTime-at {
		return socket.Pause{}, fmt.Errorf("length %s", words[1])
	}
	return socket.Pause{At: at, For: length}, nil
}
