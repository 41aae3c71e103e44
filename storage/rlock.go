package storage

import (
	"runtime"
	"sync"
)

// spins is how often rlock asks before it goes to sleep: some tens of
// microseconds, longer than a writer of ours keeps a lock.
const spins = 2000

// rlock locks for reading. Our writers keep a lock for a microsecond or two,
// but a goroutine that goes to sleep for it is woken behind whatever the
// processors are busy with, which beside a load is milliseconds. So it asks
// again for a while before it sleeps.
func rlock(mu *sync.RWMutex) {
	if mu.TryRLock() || again(mu.TryRLock) {
		return
	}
	mu.RLock()
}

// lock is rlock for a mutex.
func lock(mu *sync.Mutex) {
	if mu.TryLock() || again(mu.TryLock) {
		return
	}
	mu.Lock()
}

// again asks until it has the lock, or its patience is at an end.
func again(try func() bool) bool {
	if runtime.GOMAXPROCS(0) == 1 {
		return false // who has the lock cannot go on while we ask
	}
	for range spins {
		if try() {
			return true
		}
	}
	return false
}
