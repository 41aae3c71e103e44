package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
)

// hideComputed notes the names of the computed traits of a directory that is
// opened read-only: none is kept, and nothing else is shown under them.
func (e *Engine) hideComputed() error {
	snap := e.store.Snapshot()
	defer snap.Release()
	all, err := e.computed(snap)
	if err != nil {
		return err
	}
	e.hidden = map[string]keeping{}
	for name, t := range all {
		if t.Text != "" {
			e.hidden[name] = keeping{}
		}
	}
	e.publish(&e.line.head)
	return nil
}

// told gives a version in which computed traits are as of what the clock says
// now, where that can be had: v itself, or a newer one.
func (e *Engine) told(v *version) (*version, error) {
	for len(v.shown) > 0 && !v.held && e.writable.Load() {
		now, err := e.at(v)
		if err == nil && v.due > now.UnixMicro() {
			return v, nil
		}
		e.release(v)
		if err == nil {
			err = e.tickTo(now)
		}
		if err != nil {
			return nil, err
		}
		if v, err = e.acquire(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// opened is told, and waits for the computed traits that are worked out because
// the directory was just opened, or a load taken back; not for a new one.
func (e *Engine) opened(ctx context.Context, v *version) (*version, error) {
	for name := range v.shown {
		if k := v.shown[name]; k.ready || !v.held {
			continue
		}
		e.release(v)
		if err := e.await(ctx); err != nil {
			return nil, err
		}
		var err error
		if v, err = e.acquire(); err != nil {
			return nil, err
		}
		break
	}
	return e.told(v)
}

// values reads the computed traits, and finds out which of them have to be
// written out: those that are not kept as of the instant of the question.
func (a *inquiry) values() error {
	all, err := a.e.computed(a.v.snap)
	if err != nil {
		return err
	}
	a.traits, a.written = map[string]query.Value{}, map[string]query.Value{}
	current := a.standing && a.v.due > a.now.UnixMicro()
	for name, t := range all {
		if t.Text == "" {
			continue
		}
		v, err := query.ParseValue(t.Text)
		if err != nil {
			return err
		}
		a.traits[name] = v
		if !current || !a.v.shown[name].ready {
			a.written[name] = v
		}
	}
	return nil
}

// worked gives the computed traits of a person, by name.
func (e *Engine) worked(v *version, who kith.ProfileID) ([]kith.Computed, error) {
	var out []kith.Computed
	for _, name := range sortedKeys(v.shown) {
		k := v.shown[name]
		if !k.ready {
			continue
		}
		d, ok, err := k.col.datumAt(v, uint32(who))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, kith.Computed{Name: name, Value: jsonOf(d)})
		}
	}
	return out, nil
}

// datumAt reads a column at a version.
func (c *column) datumAt(v *version, row uint32) (query.Datum, bool, error) {
	cell, ok, err := c.col.At(v.pin, row)
	if err != nil || !ok {
		return query.Datum{}, false, err
	}
	d := query.Datum{As: readings[fieldTypes[c.kind]]}
	switch c.kind {
	case typeNumber:
		d.Num = query.Dec{Lo: cell.Lo, Hi: int64(cell.Hi)}
	case typeFact:
		d.Bool = cell.Lo != 0
	case typeTime:
		d.Time = int64(cell.Lo)
	default:
		d.Text = c.dict.Texts(v.pin)[cell.Lo]
	}
	return d, true, nil
}

// jsonOf writes a value as JSON; a time as text.
func jsonOf(d query.Datum) json.RawMessage {
	var v any = d.Text
	switch d.As {
	case query.Number:
		return json.RawMessage(d.Num.String())
	case query.Bool:
		v = d.Bool
	case query.Time:
		v = time.UnixMicro(d.Time).UTC().Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("unreachable: a text is always JSON")
	}
	return text
}
