package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rxpath": func() { os.Exit(process()) }})
}

// TestScripts runs testdata/script. Besides the commands of testscript there are
//
//	status N CMD...              CMD must exit with status N
//	interrupt N SIGNAL CMD...    SIGNAL is sent as soon as CMD says something on stderr; CMD must exit with status N
//	waitfor FILE                 waits until FILE is there
//	json FILE KEY... VALUE       the JSON of FILE has VALUE, as JSON, under the keys
//	mkpcap FILE FLOW...          writes a capture of one frame per FLOW, 1 ms apart: [VLAN/]SRC>DST[:PORT][@MAC]
//
// and $EXAMPLES is the directory of that name.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			examples, err := filepath.Abs("../../examples")
			e.Setenv("EXAMPLES", examples)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "interrupt": interrupt, "waitfor": waitFor, "json": jsonHas, "mkpcap": mkpcap,
		},
	})
}

// usage ends a script whose command has too few arguments.
func usage(ts *testscript.TestScript, neg bool, args []string, least int) {
	if neg || len(args) < least {
		ts.Fatalf("wrong usage: see TestScripts")
	}
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2)
	wantStatus(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func wantStatus(ts *testscript.TestScript, want string, err error) {
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

// A heard is a stderr that says when the first byte comes.
type heard struct {
	text  bytes.Buffer
	first chan struct{}
}

func (h *heard) Write(b []byte) (int, error) {
	if h.text.Len() == 0 && len(b) > 0 {
		close(h.first)
	}
	return h.text.Write(b)
}

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 3)
	signal := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[1]]
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	var stdout bytes.Buffer
	stderr := &heard{first: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	ts.Check(cmd.Start())
	select {
	case <-stderr.first:
	case <-time.After(time.Minute):
	}
	ts.Check(cmd.Process.Signal(signal))
	err = cmd.Wait()
	fmt.Fprint(ts.Stdout(), stdout.String())
	fmt.Fprint(ts.Stderr(), stderr.text.String())
	wantStatus(ts, args[0], err)
}

func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1)
	for range 6000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not come", args[0])
}

func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2)
	var at, want any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &at))
	keys, value := args[1:len(args)-1], args[len(args)-1]
	ts.Check(json.Unmarshal([]byte(value), &want))
	for _, k := range keys {
		switch node := at.(type) {
		case map[string]any:
			at = node[k]
		case []any:
			i, err := strconv.Atoi(k)
			ts.Check(err)
			at = node[i]
		default:
			ts.Fatalf("no key %s in %v", k, at)
		}
	}
	got, _ := json.Marshal(at)
	if wanted, _ := json.Marshal(want); !bytes.Equal(got, wanted) {
		ts.Fatalf("%s is %s, want %s", strings.Join(keys, " "), got, wanted)
	}
}
