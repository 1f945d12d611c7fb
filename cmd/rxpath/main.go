// Rxpath simulates the receive path of Linux for UDP, from the wire to the
// application's recvmsg, and says where packets wait, where they are lost, and
// what limits the host. docs/cli.md is its manual.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(process()) }

// process runs the command with the arguments and streams of the process and
// returns its exit status. SIGPIPE is ignored, so that a reader that went away is
// an error of writing like any other.
func process() int {
	signal.Ignore(syscall.SIGPIPE)
	return execute(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, s streams) int {
	s.out = &sink{w: s.out}
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = s.out.(*sink).err // of a text that cobra wrote
	}
	if err == nil {
		return exitOK
	}
	explain(s.err, err)
	return statusOf(err)
}

// A sink remembers the first error of writing, which cobra would not tell.
type sink struct {
	w   io.Writer
	err error
}

// Write implements io.Writer. After an error nothing more is written.
func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	if err != nil {
		s.err = failed(err)
		return n, s.err
	}
	return n, nil
}
