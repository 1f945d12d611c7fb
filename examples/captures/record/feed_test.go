//go:build linux

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFeed(t *testing.T) {
	const n, length = 8000, 4 * time.Second
	feed := newFeed(1, n, length)
	require.Len(t, feed, n)
	require.Zero(t, feed[0].at)
	require.Equal(t, length, feed[n-1].at)
	require.True(t, slices.IsSortedFunc(feed, func(a, b message) int { return int(a.at - b.at) }))

	frames := make([]int, len(channels))
	longest, burst := 0, 0
	for i, m := range feed {
		frames[m.channel]++
		size := channels[m.channel].payload
		require.GreaterOrEqual(t, m.payload, size[0])
		require.LessOrEqual(t, m.payload, size[1])
		if i > 0 && m.at == feed[i-1].at {
			require.Equal(t, feed[i-1].channel, m.channel, "a burst has one channel")
			burst++
		} else {
			burst = 1
		}
		longest = max(longest, burst)
	}
	require.Greater(t, longest, 100, "the tail is heavy")
	require.LessOrEqual(t, longest, burstLargest)
	for i, c := range channels {
		require.InDelta(t, c.share, float64(frames[i])/n, 0.1)
	}
}

func TestFeedDependsOnItsSeedOnly(t *testing.T) {
	require.Equal(t, newFeed(1, 500, time.Second), newFeed(1, 500, time.Second))
	require.NotEqual(t, newFeed(1, 500, time.Second), newFeed(2, 500, time.Second))
	require.Len(t, newFeed(1, 2, time.Second), 2, "one burst")
}

func TestPlanIsChecked(t *testing.T) {
	good := plan{frames: 2, duration: 1, snaplen: 42}
	require.EqualError(t, good.run("dance"), `unknown role "dance"`)
	for _, bad := range []plan{
		{frames: 1, duration: 1, snaplen: 42}, {frames: 2, snaplen: 42},
		{frames: 2, duration: 1, snaplen: 41}, {frames: 2, duration: 1, snaplen: 65536},
	} {
		require.ErrorContains(t, bad.run("dance"), "want no arguments")
	}
}
