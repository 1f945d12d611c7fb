package capture_test

import (
	"fmt"
	"log"

	"github.com/seed-556df219/rxpath/sim/capture"
	"github.com/seed-556df219/rxpath/sim/skb"
)

// What is in a file.
func ExampleOpen() {
	f, err := capture.Open("../../examples/captures/feed.pcapng")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Info.Frames, "frames in", f.Info.Duration)
	for _, g := range f.Info.Groups {
		fmt.Println(g.Group, g.Frames)
	}
	for _, w := range f.Info.Warnings {
		fmt.Println("warning:", w)
	}
	// Output:
	// 8000 frames in 4.000043479s
	// 239.193.4.64 4738
	// 239.193.4.65 2246
	// 239.193.4.66 1016
}

// Replay a file twice, ten times as fast as it was recorded, with one group moved to another.
func ExampleFile_Source() {
	f, err := capture.Open("../../examples/captures/feed.pcapng")
	if err != nil {
		log.Fatal(err)
	}
	options := capture.DefaultOptions(skb.MAC{2, 0, 0, 0, 0, 0x10})
	options.SpeedMilli = 10_000
	options.Loops = 2
	options.Rewrite = []capture.Rewrite{{MatchDst: 0xefc10441, Dst: 0xefc10501, DstPort: 9000}}
	s, err := f.Source(options)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	frames := make([]skb.Frame, 64)
	total, moved := 0, 0
	var last skb.Frame
	for n := s.Fill(frames); n > 0; n = s.Fill(frames) {
		for _, fr := range frames[:n] {
			if fr.Head.Dst.String() == "239.193.5.1" && fr.Head.DstPort == 9000 {
				moved++
			}
		}
		total += n
		last = frames[n-1]
	}
	fmt.Println(total, "frames,", moved, "moved, the last at", last.At, s.Err())
	// Output: 16000 frames, 4492 moved, the last at 800.058ms <nil>
}
