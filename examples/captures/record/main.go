//go:build linux

// Record makes a small capture of real traffic: it sends a bursty multicast
// feed from one network namespace to another and records what arrives with a
// packet socket, as tcpdump would, with the time stamps of the kernel. Nothing
// leaves the two namespaces, which exist only while it runs.
//
// It needs root (CAP_SYS_ADMIN and CAP_NET_RAW) and iproute2:
//
//	go build -o /tmp/record ./examples/captures/record
//	sudo /tmp/record -out feed.pcapng
//
// What is sent depends on -seed only; when it arrives depends on the machine,
// so no two recordings are equal. The recording is refused if a frame is
// missing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// A plan is what is recorded.
type plan struct {
	out      string
	seed     uint64
	frames   int
	duration time.Duration
	snaplen  int
}

// The roles in which the program starts itself again, inside a namespace.
const (
	senderRole   = "send"
	recorderRole = "record"
)

func main() {
	// The kernel ends the children with the thread that started them.
	runtime.LockOSThread()
	var p plan
	role := flag.String("role", "", "for internal use")
	flag.StringVar(&p.out, "out", "feed.pcapng", "`file` to write")
	flag.Uint64Var(&p.seed, "seed", 1, "seed of the feed")
	flag.IntVar(&p.frames, "frames", 8000, "number of frames")
	flag.DurationVar(&p.duration, "for", 4*time.Second, "length of the feed")
	flag.IntVar(&p.snaplen, "snaplen", 64, "bytes to keep of each frame")
	flag.Parse()
	if err := p.run(*role); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func (p *plan) run(role string) error {
	if flag.NArg() > 0 || p.frames < 2 || p.frames > 10_000_000 || p.duration <= 0 || p.snaplen < 42 || p.snaplen > 65535 {
		return errors.New("want no arguments, 2 to 10000000 frames, a length above 0, and 42 to 65535 bytes of each frame")
	}
	switch role {
	case senderRole:
		return send(newFeed(p.seed, p.frames, p.duration))
	case recorderRole:
		return record(p, os.Stdin, os.Stdout)
	case "":
		return p.direct()
	}
	return fmt.Errorf("unknown role %q", role)
}

// direct sets up the namespaces, runs the recorder and the sender in them, and
// takes everything away again, also when it is interrupted.
func (p *plan) direct() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	l, err := newLink(ctx)
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = errors.New("interrupted: nothing was written") // instead of how the children ended
		}
		err = errors.Join(err, l.remove())
	}()
	if err != nil {
		return err
	}
	recorder, err := l.start(ctx, l.rx, p.args(recorderRole))
	if err != nil {
		return err
	}
	defer recorder.end()
	if err := recorder.ready(); err != nil {
		return err
	}
	sender, err := l.start(ctx, l.tx, p.args(senderRole))
	if err != nil {
		return err
	}
	defer sender.end()
	if err := sender.finish(); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	if err := recorder.finish(); err != nil {
		return fmt.Errorf("recorder: %w", err)
	}
	return nil
}

// args are those of a child.
func (p *plan) args(role string) []string {
	return []string{
		"-role", role, "-out", p.out, "-seed", strconv.FormatUint(p.seed, 10), "-frames", strconv.Itoa(p.frames),
		"-for", p.duration.String(), "-snaplen", strconv.Itoa(p.snaplen),
	}
}

// readyLine is what a recorder writes when it records.
const readyLine = "recording\n"

// waitReady reads readyLine.
func waitReady(r io.Reader) error {
	buf := make([]byte, len(readyLine))
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != readyLine {
		return fmt.Errorf("the recorder did not start: %q", buf)
	}
	return nil
}
