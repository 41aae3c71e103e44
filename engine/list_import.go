package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/bitmap"
)

// ListReport is what an import made of a list.
type ListReport struct {
	List
	Given     int     `json:"given"`      // identifiers that were handed over
	Repeated  int     `json:"repeated"`   // of them, that had been handed over before
	Unknown   int     `json:"unknown"`    // that nobody has yet
	Refused   int     `json:"refused"`    // that are no identifiers of a space that there is, or blocked
	RefusedAt []int64 `json:"refused_at"` // the lines of the first ten of these
}

// Identifiers is what a static list is imported from.
type Identifiers interface {
	// Next gives an identifier and its line; io.EOF after the last. A line that
	// says none is given as one of no space.
	Next() (id kith.Identifier, line int64, err error)
}

// mostRefused is how many of what was refused a report names.
const mostRefused = 10

// ImportList makes a static list of identifiers, or replaces what is on it, adds
// to it or takes away from it. They are compared in the form that the rules give
// them; those of the space id are public ids. Who has one of them is on the list;
// who gets one later is on it from then on. What is no identifier is counted and
// left out. Segments that ask for the list are moved in the commit that makes the
// import count, or built again after it where it moves thousands. It is all or
// nothing: after an error nothing has changed. ErrInvalid says that nothing was
// handed over that is an identifier, ErrNotFound that there is no list to take
// away from.
func (e *Engine) ImportList(ctx context.Context, name string, ids Identifiers, mode ListMode) (ListReport, error) {
	m := &listImport{e: e, ctx: ctx, rec: storage.ListRecord{Name: name, Mode: string(mode)}, report: ListReport{RefusedAt: []int64{}}}
	switch {
	case !query.IsName(name):
		return m.report, &kith.Error{Op: "engine.ImportList", On: "name", Kind: kith.ErrInvalid, Err: errName}
	case mode != ReplaceList && mode != AddToList && mode != RemoveFrom:
		return m.report, m.bad("an import replaces, adds or removes")
	case e.o.ReadOnly:
		return m.report, &kith.Error{Op: "engine.ImportList", On: "list " + name, Kind: kith.ErrClosed, Err: errors.New("opened to read only")}
	}
	for _, step := range [...]func() error{m.exists, func() error { return e.sweepContents(ctx) }, func() error { return m.read(ids) }, m.write, m.find} {
		if err := step(); err != nil {
			return m.report, errors.Join(err, m.dropped())
		}
	}
	Point("list-written")
	var gone []content
	err := e.inLine(func() (err error) {
		gone, err = m.count()
		return err
	})
	if errors.Is(err, kith.ErrNotFound) { // it was dropped meanwhile
		return m.report, errors.Join(err, m.dropped())
	}
	if err != nil {
		return m.report, err // it may count after all, where the commit is what failed; if not, the next opening finds its chunks
	}
	Point("list-counted")
	if err := e.dropContents(context.WithoutCancel(ctx), gone); err != nil {
		return m.report, err
	}
	return m.report, m.tell()
}

// listImport is one import under way.
type listImport struct {
	e      *Engine
	ctx    context.Context
	rec    storage.ListRecord
	report ListReport
	tokens []kith.Token // ascending, each once

	handed *handed
	from   uint32 // fragments that there were before they were asked for
	anew   uint64 // see staticLists
}

func (m *listImport) bad(format string, args ...any) error {
	return &kith.Error{Op: "engine.ImportList", On: "list " + m.rec.Name, Kind: kith.ErrInvalid, Err: fmt.Errorf(format, args...)}
}

// dropped deletes chunks that will not count.
func (m *listImport) dropped() error {
	return m.e.dropContents(context.WithoutCancel(m.ctx), []content{{m.rec.Content, m.rec.Chunks}})
}

// exists tells early that there is nothing to take away from.
func (m *listImport) exists() error {
	v, err := m.e.acquire()
	if err != nil {
		return err
	}
	defer m.e.release(v)
	if m.rec.Mode == storage.ListRemove && v.lists[m.rec.Name] == nil {
		return noList("engine.ImportList", m.rec.Name)
	}
	return nil
}

// read takes the identifiers, as tokens.
func (m *listImport) read(ids Identifiers) error {
	r := &m.report
	for {
		id, line, err := ids.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return m.bad("%w", err)
		}
		if r.Given++; r.Given%1024 == 0 {
			if err := m.ctx.Err(); err != nil {
				return err
			}
		}
		if t, ok := m.e.tokenOf(id); ok {
			m.tokens = append(m.tokens, t)
		} else if r.Refused++; len(r.RefusedAt) < mostRefused {
			r.RefusedAt = append(r.RefusedAt, line)
		}
	}
	slices.SortFunc(m.tokens, func(a, b kith.Token) int { return bytes.Compare(a[:], b[:]) })
	m.tokens = slices.Compact(m.tokens)
	r.Repeated = r.Given - r.Refused - len(m.tokens)
	switch {
	case r.Given == 0:
		return m.bad("nothing was handed over")
	case len(m.tokens) == 0:
		return m.bad("none of the %d that were handed over is an identifier; the spaces are %s, and %s for public ids",
			r.Given, strings.Join(m.e.matcher.Load().Names(), ", "), publicSpace)
	}
	m.rec.Given, m.rec.Refused, m.rec.Tokens = r.Given, r.Refused, len(m.tokens)
	return nil
}

// write stores the tokens, which do not count yet.
func (m *listImport) write() error {
	m.rec.Content = m.e.static.next.Add(1)
	rest := m.tokens
	for len(rest) > 0 {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		err := m.e.aside(func(tx *storage.Tx) error {
			for len(rest) > 0 && !tx.Full(storage.TokensOfChunk*16) {
				n := min(len(rest), storage.TokensOfChunk)
				chunk := storage.TokenChunk(rest[:n])
				if err := tx.PutListChunk(m.rec.Content, m.rec.Chunks, chunk); err != nil {
					return err
				}
				m.rec.Sum = storage.SumChunk(m.rec.Sum, chunk)
				m.rec.Chunks, rest = m.rec.Chunks+1, rest[n:]
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// find asks which fragments have the tokens, beside the line. What is numbered
// meanwhile, count looks at.
func (m *listImport) find() error {
	err := m.e.inLine(func() error { m.anew = m.e.static.anew; return nil })
	if err != nil {
		return err
	}
	v, err := m.e.acquire() // an unload waits until it is let go
	if err != nil {
		return err
	}
	defer m.e.release(v)
	m.from = v.fragments
	return m.findAll()
}

// findAll asks for the fragments below from. Above them some may not stay: those
// of a turn that is foretold.
func (m *listImport) findAll() error {
	m.handed = newHanded()
	for i, t := range m.tokens {
		if i%1024 == 0 {
			if err := m.ctx.Err(); err != nil {
				return err
			}
		}
		f, ok, err := m.e.tokens.Find(t)
		if err != nil {
			return err
		}
		m.handed.add(t, f, ok && uint32(f) < m.from)
	}
	return nil
}

// since looks at the identifiers that were numbered since find.
func (m *listImport) since() error {
	if m.anew != m.e.static.anew { // an unload has replaced what find looked at
		m.from = m.e.line.head.Fragments
		return m.findAll()
	}
	for f := m.from; f < m.e.line.head.Fragments; f++ {
		t, err := m.e.people.Token(nil, kith.FragmentID(f))
		if err != nil {
			return err
		}
		if _, ok := m.handed.waiting[t]; ok {
			delete(m.handed.waiting, t)
			m.handed.frags.Add(f)
		}
	}
	return nil
}

// count makes the import count, in a turn that moves those whom it moves. It is
// called in the line.
func (m *listImport) count() (gone []content, err error) {
	e := m.e
	old := e.static.now[m.rec.Name]
	if old == nil && m.rec.Mode == storage.ListRemove {
		return nil, noList("engine.ImportList", m.rec.Name)
	}
	if err := m.since(); err != nil {
		return nil, err
	}
	m.report.Unknown = len(m.handed.waiting)
	t, err := e.line.begin()
	if err != nil {
		return nil, err
	}
	was := &bitmap.Set{}
	if old != nil {
		was = old.frags
	}
	m.rec.Version, m.rec.Seq, m.rec.At = e.static.versions[m.rec.Name]+1, t.blob.Skip(), t.at.UnixMicro()
	k := old.with(&m.rec, m.handed)
	m.rec.Entries = k.entries
	e.static.put(m.rec.Name, k)
	if err = t.tx.PutList(&m.rec); err == nil {
		if l := e.line.live; l != nil {
			err = l.listMoved(m.rec.Name, bitmap.Or(bitmap.AndNot(was, k.frags), bitmap.AndNot(k.frags, was)), m.rec.Seq)
		}
	}
	if err == nil {
		err = t.commit()
	}
	if err != nil {
		t.rollback(err)
		return nil, err
	}
	if old != nil && m.rec.Mode == storage.ListReplace {
		gone = old.contents
	}
	return gone, nil
}

// listMoved lets those be asked about again who came onto a list or left it, by
// their fragments; where they are many, the segments that use it are built again.
func (l *live) listMoved(name string, moved *bitmap.Set, of kith.Seq) error {
	users := slices.Clone(l.onLists[name])
	if moved.Len() > rowsAtOnce {
		for _, s := range users {
			n, err := l.define(s.Segment, kith.ByTable)
			if err != nil {
				return err
			}
			n.of = of
		}
		return nil
	}
	for f := range moved.All() {
		for _, s := range users {
			l.touch(kith.FragmentID(f), s, kith.ByTable, of)
		}
	}
	return nil
}

// tell completes the report: how the list stands now.
func (m *listImport) tell() error {
	v, err := m.e.acquire()
	if err != nil {
		return err
	}
	defer m.e.release(v)
	k := v.lists[m.rec.Name]
	if k == nil { // dropped already
		m.report.List = List{Name: m.rec.Name, Version: m.rec.Version, At: instant(m.rec.At), Seq: m.rec.Seq}
		return nil
	}
	m.report.List, err = m.e.listOf(v, k)
	return err
}
