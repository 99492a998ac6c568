package host

// Worker is a running PHP-FPM worker process.
type Worker struct {
	// Pool is the name of its pool.
	Pool string
	// Conf is the main file that its master names in its title; "" where there is no master.
	Conf string
	PID  int
	// Memory is what the process takes, in bytes: its proportional set size, in which what
	// workers share counts once among them all, or its resident set size where the former cannot
	// be read, which needs root.
	Memory int64
	// Proportional says that Memory is the proportional set size.
	Proportional bool
}

// WorkerMemory sums up the running workers of one pool, in bytes.
type WorkerMemory struct {
	Count     int
	Mean, Max int64
	// Proportional says that all of them are proportional set sizes.
	Proportional bool
}

// PoolMemory is the memory of the workers that run now in a pool of the master with this main
// file, as the master was given it; ok is false where none runs.
func (f *Facts) PoolMemory(conf, pool string) (m WorkerMemory, ok bool) {
	m.Proportional = true
	var sum int64
	for _, w := range f.Workers {
		if w.Pool != pool || w.Conf != conf {
			continue
		}
		m.Count++
		sum += w.Memory
		m.Max = max(m.Max, w.Memory)
		m.Proportional = m.Proportional && w.Proportional
	}
	if m.Count == 0 {
		return WorkerMemory{}, false
	}
	m.Mean = sum / int64(m.Count)
	return m, true
}
