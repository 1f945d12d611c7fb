package kernel

// Linux61 returns the profile of the 6.1 line, which stands for the time from
// 4.13 to 6.4 as far as receiving UDP goes.
func Linux61() Profile {
	p := Linux40()
	p.Name = "linux-6.1"
	p.Source = "recordings of Linux 6.1.192, Debian's source of it; the rest is as in linux-4.0"
	p.SoftnetColumns = 13
	p.NetstatColumns = NetstatOf61
	p.IxgbeBusyPoll = false
	p.NAPIBusyLoop = true
	p.SendPagedFrom = 16384
	p.AcceptRule = UpToRcvBuf
	p.ReleaseRule = ReleaseQuarter
	p.FwdAllocRule = FwdWholeIfEqual
	p.UDPMemDrop = MemMemErrors
	p.MemReserve = true
	p.SocketBacklog = false
	p.FilterFirst = true
	p.Condense = true
	p.PeekCounts = false
	p.OvflAlways = false
	p.RecvSkipsBadChecksum = true
	p.RcvBufClamped = true
	p.FanoutLockless = true
	p.Hash2First = true
	p.ReuseportArray = true
	p.IncomingCPU = true
	p.EarlyDemuxBroadcast = false
	p.EarlyDemuxMember = true
	p.SubnetZeroBroadcast = false
	p.NetdevBudgetUsecs = true
	p.SoftirqWhileKsoftirqd = SoftirqsDeferred
	p.PollReturnsWork = true
	p.GRONormalList = true
	p.UDPGRO = true
	p.NAPIThreaded = true
	p.NAPIDeferHardIRQs = true
	p.EarlyDemuxFragments = false
	p.FragEvictor = false
	p.FragQueueSize = 200 // measured on 6.18: sockstat with one fragment
	p.FragOverlapFails = true
	p.ZeroNetValid = true
	p.BadChecksumMarked = false
	p.ZeroTagInner = true
	p.XDPTruesize = 4352
	p.OtherhostCounted = true
	p.LocalSourceOnly = true
	p.TunReceives = true
	p.IxgbeBuildSKB = true
	p.IgbBuildSKB = true
	p.IxgbeLegacyHead = 1024
	p.IxgbeAdaptiveITR = true
	p.IxgbeLRO = false
	p.Release = "6.1.192"
	p.TraceText = TraceReasons
	return p
}

// Linux612 returns the profile of the 6.12 line: small heads of their own, and
// a runnable ksoftirqd holds nothing back.
func Linux612() Profile {
	p := Linux61()
	p.Name = "linux-6.12"
	p.Source = "recordings of Linux 6.12.117, Debian's source of it; the rest is as in linux-4.0"
	p.SoftnetColumns = 15
	p.NetstatColumns = NetstatOf612
	p.SmallHead = 704
	p.TimersMigrate = true
	p.OutTransmits = true
	p.FwdAllocRule = FwdShortfall
	p.SoftirqWhileKsoftirqd = SoftirqsRun
	p.NetRXLooksAgain = true
	p.IxgbeMaxRing = 8192
	p.Release = "6.12.117"
	p.TraceText = TraceSymbols
	return p
}

// Linux618 returns the profile of the 6.18 line: producer queues, and a
// datagram must fit.
func Linux618() Profile {
	p := Linux612()
	p.Name = "linux-6.18"
	p.Source = "recordings of Linux 6.18.44, its udp.c, patches, sources of 6.12; the rest is as in linux-4.0"
	p.SmallHead = 576
	p.NetstatColumns = NetstatOf618
	p.RmemMax = 4194304
	p.SKBDefer = true
	p.GROFixedIdent = true
	p.RoutingDropReasons = true
	p.ConnectedHash = true
	p.AcceptRule = FitsOrEmpty
	p.UDPMemLimit = UDPMemThird
	p.UDPMemDrop = MemDropsOnly
	p.IxgbeLegacyHead = 640
	p.Release = "6.18.44"
	return p
}
