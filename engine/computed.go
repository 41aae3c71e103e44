package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// ComputedTrait is a trait that nobody says: a value over a person and that
// person's events, kept current by every event and by the clock.
type ComputedTrait struct {
	Name     string    `json:"name"`
	Version  uint32    `json:"version"`           // counts up with each definition of the name
	Text     string    `json:"text"`              // the value, in one form
	Type     string    `json:"type"`              // text, number, true or false, time
	At       time.Time `json:"at"`                // when this version was defined
	Seq      kith.Seq  `json:"seq"`               // of the record that defined it
	State    string    `json:"state"`             // live: it is kept current; building: it is being worked out
	Progress Progress  `json:"progress,omitzero"` // while it is

	number uint32
}

// mostComputed bounds how many names computed traits ever have.
const mostComputed = 256

var computedName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// notTraits are names that mean something else where a trait may stand.
var notTraits = []string{"id", "public_id", "first_seen", "last_seen", "known", "traits", "profiles", "events", "properties", "context"}

// DefineTrait makes a computed trait, or gives it another value; docs/traits.md
// is the language. A definition that says the same as the one in force is no new
// version. What uses the trait is built again. ErrInvalid says what is wrong with
// the name or the text; ErrDenied that events say a trait of this name already,
// or that it would use itself, or show what says who somebody is.
func (e *Engine) DefineTrait(ctx context.Context, name, text string) (ComputedTrait, error) {
	const op = "engine.DefineTrait"
	if !computedName.MatchString(name) || slices.Contains(notTraits, strings.ToLower(name)) {
		return ComputedTrait{}, &kith.Error{Op: op, On: "name", Kind: kith.ErrInvalid, Err: errors.New("a name has letters, digits and _, begins with a letter or _, has at most 64 characters, and is none of " + strings.Join(notTraits, ", "))}
	}
	v, err := query.ParseValue(text)
	if err != nil {
		return ComputedTrait{}, &kith.Error{Op: op, On: name, Err: err}
	}
	if _, err := query.CompileValue(v); err != nil {
		return ComputedTrait{}, &kith.Error{Op: op, On: name, Kind: kith.ErrUnsupported, Err: err}
	}
	if err := e.answerable(ctx, op, v); err != nil {
		return ComputedTrait{}, err
	}
	def := ComputedTrait{Name: name, Text: query.FormatValue(v), Type: v.Type().String()}
	var s *liveSegment
	err = e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		all, err := e.computed(tx)
		if err != nil {
			return err
		}
		old, there := all[name]
		if old.Text == def.Text {
			def = old
			return errSame
		}
		if !there && len(all) >= mostComputed {
			return &kith.Error{Op: op, On: name, Kind: kith.ErrDenied, Err: fmt.Errorf("there have been %d computed traits, and more there cannot be", mostComputed)}
		}
		if err := e.fits(op, def, v, all); err != nil {
			return err
		}
		def.Version, def.Seq, def.At, def.number = old.Version+1, seq, time.UnixMicro(at).UTC(), old.number
		if !there {
			def.number = uint32(len(all))
		}
		return e.putTrait(tx, def)
	}, func() { s = e.takeUpTrait(def) })
	if errors.Is(err, errSame) {
		return e.stateOf(def)
	}
	if err != nil || s == nil {
		return def, err
	}
	def.State = "building"
	if _, err := s.wait(ctx); err != nil {
		return def, err
	}
	def.State = "live"
	return def, nil
}

// answerable sees to it that what a value asks for is there, and may be shown.
func (e *Engine) answerable(ctx context.Context, op string, v query.Value) error {
	secret := ""
	query.WalkValue(v, func(v query.Value) {
		switch x := v.(type) {
		case *query.Trait:
			class, _ := e.classes.PathClass("traits." + x.Path)
			if c := e.traits.find(x.Path); class == kith.Identifying || c != nil && c.kind == typeSealed {
				secret = "trait " + x.Path
			}
		case *query.Field:
			if class, _ := e.classes.PathClass(x.Leaf()); class == kith.Identifying {
				secret = x.Path
			}
		}
	})
	if secret != "" {
		return &kith.Error{Op: op, On: secret, Kind: kith.ErrDenied, Err: errors.New("it has no column, as what says who somebody is, and arrays; a computed trait stands in the clear")}
	}
	a, err := e.inquiry(nil)
	if err != nil {
		return err
	}
	defer a.close()
	_, err = a.write(ctx, op, func(cat *catalog) (query.SQL, error) { return query.RenderValue(v, a.now, cat) })
	return err
}

// fits sees to it that nothing else has the name, and that the trait does not
// use itself. It is called in the line.
func (e *Engine) fits(op string, def ComputedTrait, v query.Value, all map[string]ComputedTrait) error {
	denied := func(format string, args ...any) error {
		return &kith.Error{Op: op, On: def.Name, Kind: kith.ErrDenied, Err: fmt.Errorf(format, args...)}
	}
	if all[def.Name].Text == "" {
		for _, c := range e.traits.all() {
			if said, _, _ := cutPath(c.path); strings.EqualFold(said, def.Name) {
				return denied("events say a trait of this name: choose another")
			}
		}
	}
	uses := map[string][]string{def.Name: query.ValueTraits(v)}
	for name, t := range all {
		if t.Text == "" || name == def.Name {
			continue
		}
		if strings.EqualFold(name, def.Name) {
			return denied("%s is a computed trait, and names differ in more than letter case", name)
		}
		v, err := query.ParseValue(t.Text)
		if err != nil {
			return err
		}
		uses[name] = query.ValueTraits(v)
	}
	if path := circle(uses, def.Name); path != nil {
		return denied("the trait uses itself: %s", strings.Join(path, " > "))
	}
	return nil
}

// circle gives a way from a name back to it; nil: there is none.
func circle(uses map[string][]string, name string) []string {
	seen := map[string]bool{}
	var from func(path []string) []string
	from = func(path []string) []string {
		for _, u := range uses[path[len(path)-1]] {
			if u == name {
				return append(path, u)
			}
			if seen[u] {
				continue
			}
			seen[u] = true
			if found := from(append(path, u)); found != nil {
				return found
			}
		}
		return nil
	}
	return from([]string{name})
}

// usedFirst gives computed traits in an order in which what others use comes
// before them; those that were dropped, too.
func usedFirst(all map[string]ComputedTrait) ([]ComputedTrait, error) {
	var out []ComputedTrait
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		t, ok := all[name]
		if !ok || done[name] {
			return nil
		}
		done[name] = true
		if t.Text != "" {
			v, err := query.ParseValue(t.Text)
			if err != nil {
				return err
			}
			for _, used := range query.ValueTraits(v) {
				if err := visit(used); err != nil {
					return err
				}
			}
		}
		out = append(out, t)
		return nil
	}
	for _, name := range sortedKeys(all) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *Engine) putTrait(tx *storage.Tx, def ComputedTrait) error {
	rec := &storage.SegmentRecord{Name: def.Name, Version: def.Version, Seq: def.Seq, At: def.At.UnixMicro()}
	if def.Text != "" {
		var err error
		if rec.Sealed, err = e.keys.Seal(nobody, uint64(def.Seq), sealSegment, []byte(def.Text), nil); err != nil {
			return err
		}
	}
	return tx.PutTrait(rec)
}

// takeUpTrait lets a definition that was just stored be kept current, and what
// uses it be built again.
func (e *Engine) takeUpTrait(def ComputedTrait) *liveSegment {
	l := e.line.live
	if l == nil {
		return nil
	}
	l.begin()
	s, err := l.defineTrait(def, kith.ByDefinition)
	if err == nil {
		err = l.renew(s.users, kith.ByDefinition)
	}
	if err != nil {
		e.line.stop(err) // it was compiled before it was stored
	}
	return s
}

// DropTrait takes a computed trait away: its values go, and its versions stay in
// the log. One that others use is ErrDenied, and the error names them.
func (e *Engine) DropTrait(ctx context.Context, name string) error {
	const op = "engine.DropTrait"
	var s *liveSegment
	var gone ComputedTrait
	err := e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		all, err := e.computed(tx)
		if err != nil {
			return err
		}
		old := all[name]
		if old.Text == "" {
			return noTrait(op, name)
		}
		users, err := e.usersOf(tx, func(c query.Cond) bool { return slices.Contains(query.Traits(c), name) })
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &kith.Error{Op: op, On: name, Kind: kith.ErrDenied, Err: errors.New("it is used by " + strings.Join(users, ", "))}
		}
		gone = ComputedTrait{Name: name, Version: old.Version + 1, Seq: seq, At: time.UnixMicro(at).UTC(), number: old.number}
		return e.putTrait(tx, gone)
	}, func() { s = e.takeUpTrait(gone) })
	if err != nil || s == nil {
		return err
	}
	_, err = s.wait(ctx)
	return err
}

// usersOf gives the computed traits and segments whose condition uses something;
// that of a trait is its value.
func (e *Engine) usersOf(tx *storage.Tx, uses func(query.Cond) bool) ([]string, error) {
	var out []string
	traits, err := e.computed(tx)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(traits) {
		if traits[name].Text == "" {
			continue
		}
		v, err := query.ParseValue(traits[name].Text)
		if err != nil {
			return nil, err
		}
		if uses(&query.Truth{V: v}) {
			out = append(out, "the trait "+name)
		}
	}
	segments, err := e.definitions(tx)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(segments) {
		if segments[name].Text == "" {
			continue
		}
		c, err := query.Parse(segments[name].Text)
		if err != nil {
			return nil, err
		}
		if uses(c) {
			out = append(out, "the segment "+name)
		}
	}
	return out, nil
}

func noTrait(op, name string) error {
	return &kith.Error{Op: op, On: "computed trait " + name, Kind: kith.ErrNotFound}
}

// traitReader reads versions of computed traits, in a snapshot or a transaction.
type traitReader interface {
	Traits(f func(*storage.SegmentRecord) error) error
}

// computed gives the newest version of each computed trait; of one that was
// dropped the Text is empty.
func (e *Engine) computed(r traitReader) (map[string]ComputedTrait, error) {
	all := map[string]ComputedTrait{}
	err := r.Traits(func(rec *storage.SegmentRecord) error {
		t, err := e.traitOf(rec)
		if err != nil {
			return err
		}
		t.number = uint32(len(all))
		if old, ok := all[rec.Name]; ok {
			t.number = old.number
		}
		all[rec.Name] = t
		return nil
	})
	return all, err
}

// traitOf reads a version.
func (e *Engine) traitOf(rec *storage.SegmentRecord) (ComputedTrait, error) {
	t := ComputedTrait{Name: rec.Name, Version: rec.Version, Seq: rec.Seq, At: time.UnixMicro(rec.At).UTC()}
	if rec.Sealed == nil {
		return t, nil
	}
	text, err := e.keys.Open(nobody, uint64(rec.Seq), sealSegment, rec.Sealed, nil)
	if err != nil {
		return t, err
	}
	v, err := query.ParseValue(string(text))
	if err != nil {
		return t, err
	}
	t.Text, t.Type = string(text), v.Type().String()
	return t, nil
}

// ComputedTraits gives the computed traits that are defined, by name.
func (e *Engine) ComputedTraits(context.Context) ([]ComputedTrait, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	all, err := e.computed(v.snap)
	if err != nil {
		return nil, err
	}
	out := []ComputedTrait{}
	for _, name := range sortedKeys(all) {
		if t := all[name]; t.Text != "" {
			t.State, t.Progress = v.stateOf(name), v.shown[name].far()
			out = append(out, t)
		}
	}
	return out, nil
}

func (v *version) stateOf(trait string) string {
	if v.shown[trait].ready {
		return "live"
	}
	return "building"
}

// stateOf gives a definition with how it stands.
func (e *Engine) stateOf(def ComputedTrait) (ComputedTrait, error) {
	v, err := e.acquire()
	if err != nil {
		return def, err
	}
	defer e.release(v)
	def.State = v.stateOf(def.Name)
	return def, nil
}

// TraitHistory gives the versions of a computed trait, the first first.
func (e *Engine) TraitHistory(_ context.Context, name string) ([]ComputedTrait, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	var out []ComputedTrait
	err = v.snap.Traits(func(rec *storage.SegmentRecord) error {
		if rec.Name != name {
			return nil
		}
		t, err := e.traitOf(rec)
		out = append(out, t)
		return err
	})
	if err == nil && out == nil {
		err = noTrait("engine.TraitHistory", name)
	}
	return out, err
}
