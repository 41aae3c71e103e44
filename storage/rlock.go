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
	for i := 0; !mu.TryRLock(); i++ {
		if i >= spins {
			mu.RLock()
			return
		}
		if runtime.GOMAXPROCS(0) == 1 { // who has it cannot go on while we ask
			mu.RLock()
			return
		}
	}
}
