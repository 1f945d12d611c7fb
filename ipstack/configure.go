package ipstack

// Configure changes sysctls while the host runs: what is remembered of routes is
// void, as after rt_cache_flush.
func (l *Layer) Configure(c Config) {
	l.Config = c
	l.routeGen++
}
