package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// list is what a condition asks of a reference table: the values of a column in
// the rows that it means.
type list struct{ values map[query.Datum]bool }

func (l *list) has(v query.Datum) bool { return l != nil && l.values[v] }

// listed gives the list that a segment asks for.
func (s *liveSegment) listed(i int) *list {
	if i < len(s.lists) {
		return s.lists[i]
	}
	return nil
}

// fillLists reads what a segment asks of reference tables.
func (e *Engine) fillLists(ctx context.Context, s *liveSegment) error {
	if s.prog == nil || len(s.prog.Tables()) == 0 {
		return nil
	}
	lists, err := e.lists(ctx, s.prog.Tables())
	if err != nil {
		return err
	}
	return e.inLive(ctx, s, func(*live) error { s.lists = lists; return nil }) // without a version in hand: the line may wait for all to be let go
}

// lists asks for all of them, as of one version.
func (e *Engine) lists(ctx context.Context, tables []*query.Listed) (out []*list, err error) {
	var v *version
	if err := e.inLine(func() (err error) { v, err = e.acquire(); return err }); err != nil { // whoever loads a table lets segments be built before it can be read
		return nil, err
	}
	defer e.release(v)
	w := &view{e: e, v: v, now: v.at}
	for _, t := range tables {
		one, err := e.list(ctx, w, t)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// list asks for one.
func (e *Engine) list(ctx context.Context, w *view, t *query.Listed) (*list, error) {
	q, err := query.RenderList(t, time.UnixMicro(w.now).UTC(), w.catalog())
	if err != nil {
		return nil, err
	}
	if !w.v.hold() { // for history, which releases it
		return nil, &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	rows, err := e.hist.SQL(ctx, w, q.Text, q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := &list{map[query.Datum]bool{}}
	for rows.Next() {
		var cell any
		if err := rows.Scan(&cell); err != nil {
			return nil, err
		}
		d, ok, err := datumOf(cell, t.V.Type())
		if err != nil {
			return nil, err
		}
		if ok {
			out.values[d] = true
		}
	}
	return out, rows.Err()
}

// tableChanged lets the segments that ask for a reference table be built again. It is called in the line.
func (e *Engine) tableChanged(table string) {
	l := e.line.live
	if l == nil {
		return
	}
	var asking []*liveSegment
	for _, s := range l.order {
		if s.prog != nil && slices.ContainsFunc(s.prog.Tables(), func(t *query.Listed) bool { return strings.EqualFold(t.Table, table) }) {
			asking = append(asking, s)
		}
	}
	if err := l.renew(asking, kith.ByTable); err != nil {
		e.line.stop(err) // it was compiled before
	}
}

// tableKept sees to it that a reference table keeps what segments and computed
// traits ask it for: columns are those that it will have, nil where it goes away.
// It is called in the line.
func (e *Engine) tableKept(op, table string, columns []storage.TableColumn) error {
	l := e.line.live
	if l == nil {
		return nil
	}
	var users []string
	missing := ""
	for _, s := range l.order {
		if s.prog == nil {
			continue
		}
		for _, t := range s.prog.Tables() {
			if !strings.EqualFold(t.Table, table) {
				continue
			}
			for _, c := range columnsOf(t) {
				if !slices.ContainsFunc(columns, func(f storage.TableColumn) bool { return strings.EqualFold(f.Name, c) }) && !slices.Contains(users, s.Name) {
					users, missing = append(users, s.Name), c
				}
			}
		}
	}
	switch {
	case len(users) == 0:
		return nil
	case columns == nil:
		return &kith.Error{Op: op, On: "table " + table, Kind: kith.ErrDenied, Err: errors.New("it is used by " + strings.Join(users, ", "))}
	}
	return &kith.Error{Op: op, On: "table " + table, Kind: kith.ErrDenied, Err: fmt.Errorf("it would have no column %q, which is used by %s", missing, strings.Join(users, ", "))}
}

// columnsOf gives the columns that a question to a table looks at.
func columnsOf(t *query.Listed) []string {
	out := []string{t.Column}
	query.Walk(t.Where, func(v query.Value) {
		if c, ok := v.(*query.Cell); ok {
			out = append(out, c.Column)
		}
	})
	return out
}

// datumOf reads what DuckDB gives for a column of a type; a time may come as the text that says it.
func datumOf(cell any, as query.Type) (query.Datum, bool, error) {
	switch x := cell.(type) {
	case nil:
		return query.Datum{}, false, nil
	case string:
		d, ok := readText(x, as)
		return d, ok, nil
	case bool:
		return query.Datum{As: as, Bool: x}, true, nil
	case time.Time:
		return query.Datum{As: as, Time: x.UnixMicro()}, true, nil
	case fmt.Stringer: // a decimal
		lo, hi, ok := history.ParseDecimal([]byte(x.String()))
		return query.Datum{As: as, Num: query.Dec{Lo: lo, Hi: int64(hi)}}, ok, nil
	}
	return query.Datum{}, false, &kith.Error{Op: "engine.segments", Kind: kith.ErrUnsupported, Err: fmt.Errorf("DuckDB gives a %T", cell)}
}
