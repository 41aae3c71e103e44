package engine

import "sync"

// names is an append-only dictionary: a name's number is its place. Any
// goroutine may add to it; what is new goes into the next commit.
type names struct {
	mu     sync.RWMutex
	list   []string       // guarded by mu
	number map[string]int // guarded by mu
	stored int            // how many the store has; the line's
}

func newNames(list []string) *names {
	n := &names{list: list, number: make(map[string]int, len(list)), stored: len(list)}
	for i, s := range list {
		n.number[s] = i
	}
	return n
}

// id gives a name's number and adds the name when it is new.
func (n *names) id(name string) int {
	n.mu.RLock()
	i, ok := n.number[name]
	n.mu.RUnlock()
	if ok {
		return i
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, ok := n.number[name]; ok {
		return i
	}
	n.list = append(n.list, name)
	n.number[name] = len(n.list) - 1
	return len(n.list) - 1
}

// at gives the name of a number, or "".
func (n *names) at(i int) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if i < 0 || i >= len(n.list) {
		return ""
	}
	return n.list[i]
}

// all gives the names so far; the slice must not be changed.
func (n *names) all() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.list[:len(n.list):len(n.list)]
}
