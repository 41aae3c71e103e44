package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage"
)

// List is a static list: identifiers that somebody handed over under a name. Who
// has one of them is on it, from the moment on that he has it.
type List struct {
	Name    string    `json:"name"`
	Version uint32    `json:"version"` // counts up with each import of the name
	Entries int       `json:"entries"` // identifiers on it
	Waiting int       `json:"waiting"` // of them, that nobody has yet
	Members int       `json:"members"` // people on it
	At      time.Time `json:"at"`      // when this version was imported
	Seq     kith.Seq  `json:"seq"`     // of its record
}

// ListVersion is what one import made of a list, or that the list was dropped.
type ListVersion struct {
	Version uint32    `json:"version"`
	Mode    string    `json:"mode"`    // replace, add, remove, drop
	Given   int       `json:"given"`   // identifiers that were handed over
	Refused int       `json:"refused"` // of them, that were none
	Entries int       `json:"entries"` // identifiers on the list then
	At      time.Time `json:"at"`
	Seq     kith.Seq  `json:"seq"`
}

// ListMode is what an import does to what is on a list.
type ListMode string

// The modes of an import.
const (
	ReplaceList ListMode = storage.ListReplace // the list has what is handed over, and nothing else
	AddToList   ListMode = storage.ListAdd
	RemoveFrom  ListMode = storage.ListRemove
)

func noList(op, name string) error { return nothingCalled(op, "list", name) }

// Lists gives the static lists, by name.
func (e *Engine) Lists(context.Context) ([]List, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	out := []List{}
	for _, name := range sortedKeys(v.lists) {
		l, err := e.listOf(v, v.lists[name])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// listOf describes a list as of a version.
func (e *Engine) listOf(v *version, k *keptList) (List, error) {
	people, err := v.onList(e, k)
	if err != nil {
		return List{}, err
	}
	return List{
		Name: k.name, Version: k.version, Entries: k.entries, Waiting: k.entries - k.frags.Len(), Members: people.Len(),
		At: instant(k.at), Seq: k.seq,
	}, nil
}

// ListHistory gives the versions of a list, the oldest first. What was on it in
// earlier ones is not kept.
func (e *Engine) ListHistory(_ context.Context, name string) ([]ListVersion, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release(v)
	var out []ListVersion
	err = v.snap.Lists(func(rec *storage.ListRecord) error {
		if rec.Name == name {
			out = append(out, ListVersion{rec.Version, rec.Mode, rec.Given, rec.Refused, rec.Entries, instant(rec.At), rec.Seq})
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = noList("engine.ListHistory", name)
	}
	return out, err
}

// DropList takes a static list away. One that others use is ErrDenied, and the
// error names them. Its versions stay in the log without what was on them, and a
// list that is imported under its name later counts on.
func (e *Engine) DropList(ctx context.Context, name string) error {
	var gone []content
	err := e.metaThen(func(tx *storage.Tx, seq kith.Seq, at int64) error {
		old := e.static.now[name]
		if old == nil {
			return noList("engine.DropList", name)
		}
		users, err := e.usersOf(tx, func(c query.Cond) bool { return slices.Contains(query.Lists(c), name) })
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &kith.Error{Op: "engine.DropList", On: "list " + name, Kind: kith.ErrDenied, Err: errors.New("it is used by " + strings.Join(users, ", "))}
		}
		gone = old.contents
		return tx.PutList(&storage.ListRecord{Name: name, Version: old.version + 1, Seq: seq, At: at, Mode: storage.ListDrop})
	}, func() { e.static.put(name, nil) })
	if err != nil {
		return err
	}
	return e.dropContents(context.WithoutCancel(ctx), gone)
}
