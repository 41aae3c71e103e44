package identity

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kithdb/kith"
	"github.com/zeebo/xxh3"
)

// Judge finds anomalies: it is told an event leaf by leaf, and gives the flags.
// What it says depends on the event and the rules alone. It belongs to one
// goroutine.
//
//	j.Begin(name, time, received)
//	j.Leaf(path, text) …, j.Identifier(space, norm) …
//	flags := j.Flags()
type Judge struct {
	m      *Matcher
	path   func(uint32) string
	seed   uint64
	places []uint16 // by path: 1 + its place in looks; 0: nobody has asked
	looks  []look   // of the paths that rules look at differently; looks[0]: none does
	agents map[string]bool

	name           []byte
	time, received int64
	flags          kith.Flags
	print          uint64
}

// look is what rules want of a leaf.
type look struct {
	rules []int // that look at it
	free  bool  // it may differ between near-duplicates
}

// anomalies are the rules, made ready.
type anomalies struct {
	rules  []anomaly
	leaves map[string][]int // rules that look at a leaf
	spaces map[string][]int // at identifiers of a space
	times  []int            // at the time of the event
	near   int              // place of the rule near_duplicate; -1: there is none
}

// anomaly is one rule, made ready.
type anomaly struct {
	Anomaly
	flag          kith.Flags
	events        map[string]bool // nil: all
	equals        map[string]bool
	domains       map[string]bool
	res           []*regexp.Regexp
	min, max      *float64
	before, after *int64
}

// newAnomalies makes rules ready that were checked; nil when there are none.
func newAnomalies(list []Anomaly) *anomalies {
	if len(list) == 0 {
		return nil
	}
	all := &anomalies{leaves: map[string][]int{}, spaces: map[string][]int{}, near: -1}
	for i, a := range list {
		all.rules = append(all.rules, newAnomaly(a))
		switch {
		case a.Kind == "near_duplicate":
			all.near = i
		case a.Kind == "bot" && a.Leaf == "":
			all.leaves[agentLeaf] = append(all.leaves[agentLeaf], i)
		case a.Leaf != "":
			all.leaves[a.Leaf] = append(all.leaves[a.Leaf], i)
		case a.Kind == "test" && a.Space == "":
			all.spaces["email"] = append(all.spaces["email"], i)
		case a.Space != "":
			all.spaces[a.Space] = append(all.spaces[a.Space], i)
		default:
			all.times = append(all.times, i)
		}
	}
	return all
}

func newAnomaly(a Anomaly) anomaly {
	r := anomaly{Anomaly: a, flag: anomalyFlags[a.Kind], events: setOf(a.Event), equals: setOf(a.Equals), domains: setOf(a.Domains)}
	for _, text := range a.Patterns {
		r.res = append(r.res, regexp.MustCompile(text)) // check has compiled it before
	}
	number := func(text string) *float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil
		}
		return &v
	}
	instant := func(text string) *int64 {
		v, ok := parseInstant(text)
		if !ok {
			return nil
		}
		return &v
	}
	r.min, r.max, r.before, r.after = number(a.Min), number(a.Max), instant(a.Before), instant(a.After)
	return r
}

func setOf(list []string) map[string]bool {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// Judge gives a judge by the rules, nil when they have no anomalies. path gives
// the leaf that a number stands for; seed keys the prints.
func (m *Matcher) Judge(path func(uint32) string, seed uint64) *Judge {
	if m.anomalies == nil {
		return nil
	}
	return &Judge{m: m, path: path, seed: seed, looks: make([]look, 1), agents: map[string]bool{}}
}

// Begin begins with the next event.
func (j *Judge) Begin(name []byte, time, received int64) {
	j.name, j.time, j.received, j.flags, j.print = name, time, received, 0, 0
	for _, i := range j.m.anomalies.times {
		if r := j.rule(i); r != nil && r.apart(j, time) {
			j.flags |= r.flag
		}
	}
}

// rule gives a rule that looks at this event, or nil.
func (j *Judge) rule(i int) *anomaly {
	r := &j.m.anomalies.rules[i]
	if r.events != nil && !r.events[string(j.name)] {
		return nil
	}
	return r
}

// Leaf tells a leaf: the number of its path, and its JSON text.
func (j *Judge) Leaf(path uint32, text []byte) {
	if int(path) >= len(j.places) {
		j.places = append(j.places, make([]uint16, int(path)+64-len(j.places))...)
	}
	k := j.places[path]
	if k == 0 {
		k = j.look(path)
	}
	l := &j.looks[k-1]
	if !l.free && j.m.anomalies.near >= 0 {
		j.print += mixed(xxh3.HashSeed(text, j.seed), uint64(path)+1)
	}
	for _, i := range l.rules {
		if r := j.rule(i); r != nil && r.flag&^j.flags != 0 && r.leaf(j, text) {
			j.flags |= r.flag
		}
	}
}

// look finds what rules want of a path that is met for the first time.
func (j *Judge) look(path uint32) uint16 {
	name, all := j.path(path), j.m.anomalies
	l := look{rules: all.leaves[name]}
	if all.near >= 0 {
		l.free = slices.Contains(ownFields, name)
		for _, e := range all.rules[all.near].Except {
			l.free = l.free || name == e || strings.HasPrefix(name, e+".")
		}
	}
	k := 0
	if l.rules != nil || l.free {
		if k = len(j.looks); k == 1<<16-1 {
			panic("unreachable: more leaves in rules than rules may have")
		}
		j.looks = append(j.looks, l)
	}
	j.places[path] = uint16(k) + 1
	return j.places[path]
}

// ownFields are the fields that tell one sending of an event from another.
var ownFields = []string{"messageId", "timestamp", "originalTimestamp", "sentAt", "receivedAt"}

// Identifier tells an identifier: the index of its space, and its normal form.
func (j *Judge) Identifier(space int, norm []byte) {
	if len(j.m.anomalies.spaces) == 0 {
		return
	}
	for _, i := range j.m.anomalies.spaces[j.m.Name(space)] {
		if r := j.rule(i); r != nil && r.value(norm) {
			j.flags |= r.flag
		}
	}
}

// Flags gives what was found, near-duplicates left out.
func (j *Judge) Flags() kith.Flags { return j.flags }

// Nears tells whether the rules ask for near-duplicates at all.
func (j *Judge) Nears() bool { return j.m.anomalies.near >= 0 }

// Near gives a print of what near-duplicates have in common, but for their
// identifiers, and how far apart they may be, in microseconds. ok is false when
// no rule asks for it.
func (j *Judge) Near(kind kith.Kind) (print uint64, within int64, ok bool) {
	if j.m.anomalies.near < 0 {
		return 0, 0, false
	}
	r := j.rule(j.m.anomalies.near)
	if r == nil {
		return 0, 0, false
	}
	print = mixed(j.print, xxh3.HashSeed(j.name, j.seed+uint64(kind)))
	return print, int64(r.Within) * 1_000_000, true
}

// mixed mixes two words into one that depends on every bit of both.
func mixed(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9E3779B97F4A7C15, b^0xC2B2AE3D27D4EB4F)
	return hi ^ lo ^ a<<1
}

// leaf tells whether the rule finds a leaf.
func (r *anomaly) leaf(j *Judge, text []byte) bool {
	switch {
	case r.min != nil || r.max != nil:
		return r.outside(text)
	case r.Before+r.After != "":
		if len(text) < 2 || text[0] != '"' {
			return false
		}
		at, ok := parseInstant(string(text[1 : len(text)-1]))
		return ok && r.apart(j, at)
	case r.equals == nil && r.res == nil && r.domains == nil:
		return j.agent(text)
	}
	return r.value(unquoted(text))
}

// outside tells whether a number is out of bounds. What is no number is not.
func (r *anomaly) outside(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && text[0]-'0' > 9 {
		return false
	}
	v, _ := strconv.ParseFloat(string(text), 64) // of one too large: infinity, which is what it is compared as
	return r.min != nil && v < *r.min || r.max != nil && v > *r.max
}

// apart tells whether an instant lies before or after what the rule says.
func (r *anomaly) apart(j *Judge, at int64) bool {
	bound := func(word string, fixed *int64) int64 {
		switch word {
		case "time":
			return j.time
		case "received":
			return j.received
		}
		return *fixed
	}
	return r.Before != "" && at < bound(r.Before, r.before) || r.After != "" && at > bound(r.After, r.after)
}

// value tells whether the rule finds a value.
func (r *anomaly) value(value []byte) bool {
	if r.equals[string(value)] || r.domains != nil && r.domain(value) {
		return true
	}
	for _, re := range r.res {
		if re.Match(value) {
			return true
		}
	}
	return false
}

// domain tells whether an e-mail address is of one of the domains, or below one.
func (r *anomaly) domain(address []byte) bool {
	at := bytes.LastIndexByte(address, '@')
	if at < 0 {
		return false
	}
	for d := strings.ToLower(string(address[at+1:])); d != ""; {
		if r.domains[d] {
			return true
		}
		_, d, _ = strings.Cut(d, ".")
	}
	return false
}

// unquoted gives what a JSON string says, and any other text as it is.
func unquoted(text []byte) []byte {
	if len(text) < 2 || text[0] != '"' {
		return text
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return text
	}
	return []byte(s)
}
