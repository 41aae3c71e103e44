package identity

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Matcher applies rules. It may be used by several goroutines at once.
type Matcher struct {
	rules Rules
	words words      // Rules.Blocked
	mu    sync.Mutex // guards the growing of table
	table atomic.Pointer[table]

	anomalies *anomalies // nil: there are none
}

// table is what the matcher knows of the spaces. It is replaced, never changed.
type table struct {
	rows  []row
	index map[string]int
	bound bool // some space is unique or has a limit
}

// row is one space, made ready.
type row struct {
	Space
	order  int // place in the rules; spaces that were only seen stand between the strong and the weak ones
	words  words
	res    []*regexp.Regexp
	window time.Duration
	form   form
}

// seenOrder and weakOrder keep room between the places of strong, seen and weak spaces.
const (
	seenOrder = 1 << 10
	weakOrder = 1 << 11
)

// Compile makes the rules ready. An index is given to each space of known in
// that order, then to the spaces of the rules that are not among them: whoever
// stores indexes gives Names of the last matcher here, and they stay.
func (r Rules) Compile(known ...string) (*Matcher, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	m := &Matcher{rules: r, words: fold(r.Blocked), anomalies: newAnomalies(r.Anomalies)}
	declared := make(map[string]row, len(r.Spaces))
	for i, s := range r.Spaces {
		order := i
		if s.Weak {
			order += weakOrder
		}
		declared[s.Name] = newRow(s, order)
	}
	t := &table{index: make(map[string]int)}
	for _, name := range known {
		made, ok := declared[name]
		if !ok {
			made = newRow(seen(name), seenOrder)
		}
		t.add(made)
	}
	for _, s := range r.Spaces {
		t.add(declared[s.Name])
	}
	if len(t.rows) > MaxSpaces {
		return nil, invalid("identity.Compile", "rules", errors.New("more spaces than 64, with those seen in events"))
	}
	m.table.Store(t)
	return m, nil
}

func newRow(s Space, order int) row {
	r := row{Space: s, order: order, words: fold(s.Blocked), window: windows[s.Per], form: forms[s.Form]}
	for _, text := range s.BlockedRE {
		r.res = append(r.res, regexp.MustCompile(text)) // Validate has compiled it before
	}
	return r
}

func (t *table) add(r row) {
	if _, ok := t.index[r.Name]; ok {
		return
	}
	t.index[r.Name] = len(t.rows)
	t.rows = append(t.rows, r)
	t.bound = t.bound || r.Unique || r.Limit > 0
}

// Find gives the index of the space, if it has one.
func (m *Matcher) Find(name string) (int, bool) {
	i, ok := m.table.Load().index[name]
	return i, ok
}

// Space gives the index of the space. A name seen for the first time gets the
// next one, with a rule that depends on the name alone: limit 5, stronger than
// the weak spaces, weaker than the others, by name among its like. It is -1
// where the name is not usable as one, or too many have turned up; the
// identifier then stays a value in the event.
func (m *Matcher) Space(name string) int {
	if i, ok := m.Find(name); ok {
		return i
	}
	return m.grow(name)
}

func (m *Matcher) grow(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.table.Load()
	if i, ok := old.index[name]; ok {
		return i
	}
	if len(old.rows) >= maxSeen || !validName(name) {
		return -1
	}
	next := &table{rows: slices.Clone(old.rows), index: make(map[string]int, len(old.rows)+1), bound: old.bound}
	maps.Copy(next.index, old.index)
	next.add(newRow(seen(name), seenOrder))
	m.table.Store(next)
	return len(next.rows) - 1
}

// Names gives the names of all spaces in the order of their indexes.
func (m *Matcher) Names() []string {
	rows := m.table.Load().rows
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Name
	}
	return names
}

// Name gives the name of the space with this index, "" where there is none.
func (m *Matcher) Name(space int) string {
	if s := m.row(space); s != nil {
		return s.Name
	}
	return ""
}

// Weak says whether the space names a browser or a device instead of a person.
func (m *Matcher) Weak(space int) bool {
	s := m.row(space)
	return s != nil && s.Weak
}

// Stronger says whether space a decides before space b whose event it is.
func (m *Matcher) Stronger(a, b int) bool {
	ra, rb := m.row(a), m.row(b)
	if ra == nil || rb == nil {
		return ra != nil
	}
	if ra.order != rb.order {
		return ra.order < rb.order
	}
	return ra.Name < rb.Name
}

// Rules gives the rules that are applied.
func (m *Matcher) Rules() Rules { return m.rules }

func (m *Matcher) row(space int) *row {
	rows := m.table.Load().rows
	if space < 0 || space >= len(rows) {
		return nil
	}
	return &rows[space]
}
