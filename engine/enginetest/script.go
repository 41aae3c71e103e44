package enginetest

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
	"github.com/kithdb/kith/identity"
)

var rewrite = flag.Bool("rewrite", false, "write what scripts answer into them, as what is expected")

// A script is blocks of lines: first what happened, then one question or more
// (what happened and questions may alternate), then "----" and the answers up
// to an empty line. Lines with # are for the reader. Before all else may stand:
//
//	permute                 the first block is told in every order, with the same answers
//	now TIME                what the clock says (it stands; at first on 2026-02-01)
//	rule SPACE key=value …  limit, per, unique, weak, blocked of an identifier space
//	anomaly {…}             a rule about anomalies, as docs/anomalies.md has it
//
// What happened may be told as a load, which can be taken back:
//
//	load             what follows is a load, up to
//	end
//	unload N         takes the N-th load back
//
// Segments, and the standing clock:
//
//	segment NAME …   defines one: the condition, to the end of the line
//	trait NAME …     defines a computed trait: the value, to the end of the line
//	clock TIME       stands there from now on, or is the wall's again
//
// Questions:
//
//	profile WHO      who, what, how often; WHO may be $NAME after remember NAME WHO
//	profiles         one line for each person: identifiers and number of events
//	decisions        what identity concluded, in order
//	rejects          what was not accepted, in order
//	flagged WHO      the events of somebody that stand outside of all counts, newest first
//	members NAME     of a segment, or for whom a condition is true: an identifier of each
//	changes NAME     who entered the segment and left it since this was asked last, when, and by what
//	sql SELECT …     the rows
type script struct {
	path   string
	rules  identity.Rules
	orders bool
	blocks []block
}

// block is what stands before one "----", and the answers behind it.
type block struct {
	head  []string // all lines before "----", as they are
	steps []string // those that say or ask something
	want  []string
}

// Scripts runs each script of a folder as a test of its own: in memory, and in
// a directory that is closed and opened before every question.
func Scripts(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

func runScript(t *testing.T, path string) {
	s, err := readScript(path)
	if err != nil {
		t.Fatal(err)
	}
	got := s.run(t, "", nil)
	if *rewrite {
		if err := s.rewrite(got); err != nil {
			t.Fatal(err)
		}
		return
	}
	s.compare(t, "in memory", got)
	s.compare(t, "in a directory", s.run(t, filepath.Join(t.TempDir(), "kith"), nil))
	if s.orders {
		permutations(len(s.sentences()), func(order []int) {
			s.compare(t, fmt.Sprint("in the order ", order), s.run(t, "", order))
		})
	}
}

func readScript(path string) (*script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &script{path: path, rules: identity.Default()}
	b, answers := block{}, false
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		line := strings.TrimRight(in.Text(), " ")
		switch {
		case answers && line == "":
			s.blocks, b, answers = append(s.blocks, b), block{}, false
		case answers:
			b.want = append(b.want, line)
		case line == "----":
			answers = true
		default:
			b.head = append(b.head, line)
			if line != "" && line[0] != '#' {
				b.steps = append(b.steps, line)
			}
		}
	}
	if len(b.head) > 0 {
		s.blocks = append(s.blocks, b)
	}
	return s, s.prologue()
}

// prologue takes the lines that say how the script is run.
func (s *script) prologue() error {
	if len(s.blocks) == 0 {
		return fmt.Errorf("%s is empty", s.path)
	}
	b := &s.blocks[0]
	for len(b.steps) > 0 {
		verb, rest, _ := strings.Cut(b.steps[0], " ")
		switch verb {
		case "permute":
			s.orders = true
		case "rule":
			if err := s.rule(rest); err != nil {
				return err
			}
		case "anomaly":
			more, err := identity.Parse([]byte(`{"spaces": [{"name": "any"}], "anomalies": [` + rest + `]}`))
			if err != nil {
				return err
			}
			s.rules.Anomalies = append(s.rules.Anomalies, more.Anomalies...)
		default:
			return nil
		}
		b.steps = b.steps[1:]
	}
	return nil
}

// rule changes one space of the rules.
func (s *script) rule(text string) error {
	w, err := words(text)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.rules.Spaces, func(sp identity.Space) bool { return sp.Name == w[0] })
	if i < 0 {
		return fmt.Errorf("no space %s in the rules", w[0])
	}
	sp := &s.rules.Spaces[i]
	for _, x := range w[1:] {
		k, v, _ := strings.Cut(x, "=")
		switch k {
		case "limit":
			if sp.Limit, err = strconv.Atoi(v); err != nil {
				return err
			}
		case "per":
			sp.Per = v
		case "unique":
			sp.Unique = v == "true"
		case "weak":
			sp.Weak = v == "true"
		case "blocked":
			sp.Blocked = append(sp.Blocked, unquote(v))
		default:
			return fmt.Errorf("a rule has no %s", k)
		}
	}
	return nil
}

// sentences gives the places of the first block's steps that tell an event.
func (s *script) sentences() []int {
	var at []int
	for i, step := range s.blocks[0].steps {
		if !question(step) {
			at = append(at, i)
		}
	}
	return at
}

// play is one run of a script.
type play struct {
	t     *testing.T
	e     *engine.Engine
	dir   string
	o     engine.Options
	now   time.Time
	say   sayer
	names map[string]string   // what was remembered
	load  []string            // lines of the load that is being told; nil: none
	fresh bool                // something was told since the engine was opened
	told  map[string]kith.Seq // up to where the changes of a segment were asked for
}

// run gives the answers of each block. Order is that of the first block's
// sentences, nil as they stand; each keeps the time and the id of its place.
func (s *script) run(t *testing.T, dir string, order []int) [][]string {
	t.Helper()
	p := &play{t: t, dir: dir, now: start.AddDate(0, 1, 0), names: map[string]string{}, told: map[string]kith.Seq{}}
	rules := s.rules
	p.o = *quiet(&engine.Options{Rules: &rules, NoSync: true, Now: func() time.Time { return p.now }})
	p.open()
	defer p.close()
	var got [][]string
	for i, b := range s.blocks {
		steps := b.steps
		if i == 0 && order != nil {
			steps = p.shuffle(s, order)
		}
		var out []string
		for _, step := range steps {
			lines, err := p.step(step)
			if err != nil {
				t.Fatalf("%s: %q: %v", s.path, step, err)
			}
			out = append(out, lines...)
		}
		got = append(got, out)
	}
	return got
}

// shuffle puts the sentences of the first block into another order, as lines
// of the specification, so that each keeps its time and id.
func (p *play) shuffle(s *script, order []int) []string {
	places := s.sentences()
	steps := slices.Clone(s.blocks[0].steps)
	lines := make([]string, len(places))
	for i, at := range places {
		line, err := p.say.line(steps[at])
		if err != nil {
			p.t.Fatal(err)
		}
		lines[i] = line
	}
	for i, at := range places {
		steps[at] = lines[order[i]]
	}
	return steps
}

func (p *play) open() {
	e, err := engine.Open(p.dir, &p.o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.e, p.fresh = e, false
	p.built()
}

// built waits until each segment is kept current again: SQL about members does.
func (p *play) built() {
	if _, err := Rows(p.e, "SELECT count(*) FROM members"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *play) close() {
	Check(p.t, p.e)
	if err := p.e.Close(); err != nil {
		p.t.Error(err)
	}
}

// step tells one sentence, or answers one question.
func (p *play) step(step string) ([]string, error) {
	if step[0] == '{' {
		return nil, p.tell(step)
	}
	verb, rest, _ := strings.Cut(step, " ")
	switch verb {
	case "now":
		t, err := when(rest)
		p.now = t
		return nil, err
	case "clock":
		if t, err := when(rest); err == nil {
			rest = t.Format(time.RFC3339Nano)
		}
		err := p.e.SetClock(rest)
		p.built()
		return nil, err
	case "segment":
		name, condition, _ := strings.Cut(rest, " ")
		_, err := p.e.Define(context.Background(), name, condition)
		return nil, err
	case "trait":
		name, value, _ := strings.Cut(rest, " ")
		_, err := p.e.DefineTrait(context.Background(), name, value)
		return nil, err
	case "load":
		p.load = []string{}
		return nil, nil
	case "end":
		_, err := p.e.Load(context.Background(), strings.NewReader(strings.Join(p.load, "\n")), &engine.LoadOptions{Source: "file"})
		p.load = nil
		return nil, err
	case "unload":
		n, err := strconv.ParseUint(rest, 10, 32)
		if err == nil {
			_, err = p.e.Unload(context.Background(), uint32(n), nil)
		}
		return nil, err
	}
	if question(step) {
		if p.dir != "" && p.fresh {
			p.close()
			p.open()
		}
		return p.ask(verb, rest)
	}
	line, err := p.say.line(step)
	if err != nil {
		return nil, err
	}
	return nil, p.tell(line)
}

func (p *play) tell(line string) error {
	p.fresh = true
	if p.load != nil {
		p.load = append(p.load, line)
		return nil
	}
	_, err := p.e.IngestJSON(context.Background(), "script", []byte(line))
	return err
}

func (s *script) compare(t *testing.T, how string, got [][]string) {
	t.Helper()
	for i, b := range s.blocks {
		if !slices.Equal(got[i], b.want) {
			t.Errorf("%s, block %d, %s: got\n%s\nwant\n%s", filepath.Base(s.path), i+1, how,
				strings.Join(got[i], "\n"), strings.Join(b.want, "\n"))
		}
	}
}

func (s *script) rewrite(got [][]string) error {
	var out strings.Builder
	for i, b := range s.blocks {
		for _, line := range b.head {
			out.WriteString(line + "\n")
		}
		out.WriteString("----\n")
		for _, line := range got[i] {
			out.WriteString(line + "\n")
		}
		if i+1 < len(s.blocks) {
			out.WriteString("\n")
		}
	}
	return os.WriteFile(s.path, []byte(out.String()), 0o644)
}

// permutations calls f with each order of n things but the first.
func permutations(n int, f func([]int)) {
	order := make([]int, 0, n)
	used := make([]bool, n)
	first := true
	var next func()
	next = func() {
		if len(order) == n {
			if !first {
				f(slices.Clone(order))
			}
			first = false
			return
		}
		for i := range n {
			if !used[i] {
				used[i] = true
				order = append(order, i)
				next()
				order = order[:len(order)-1]
				used[i] = false
			}
		}
	}
	next()
}
