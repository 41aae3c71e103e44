package engine

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine/clean"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// SQL answers one statement that reads, over the tables of docs/sql.md: events,
// profiles, identifiers, decisions and the rest, all as of one sequence number.
// It sees everything that was acknowledged before it was called. Statements that
// write are ErrDenied; errors in the text carry DuckDB's words and position.
func (e *Engine) SQL(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	low := strings.ToLower(query)
	if err := e.membersFor(ctx, low); err != nil {
		return nil, err
	}
	v, err := e.acquire()
	if err == nil && len(v.shown) > 0 && (strings.Contains(low, "profiles") || strings.Contains(low, "columns")) { // it may ask for computed traits
		e.release(v)
		if err = e.current(ctx); err == nil {
			v, err = e.acquire()
		}
	}
	if err != nil {
		return nil, err
	}
	if err := e.follow.catchUp(ctx, v.seq); err != nil {
		e.release(v)
		return nil, err
	}
	now, err := e.at(v)
	if err != nil {
		e.release(v)
		return nil, err
	}
	w := &view{e: e, v: v, now: now.UnixMicro()}
	if w.owner, err = e.owners(v); err != nil {
		e.release(v)
		return nil, err
	}
	return e.hist.SQL(ctx, w, query, args...)
}

// membersFor sees to it that members are kept where a statement, in small letters,
// may ask for them. One that asks for no more than the table of segments does not
// wait for those that are being built: it may want to see how far they are.
func (e *Engine) membersFor(ctx context.Context, low string) error {
	rest := strings.ReplaceAll(low, "segments", "")
	switch {
	case strings.Contains(rest, "segment") || strings.Contains(rest, "members") || strings.Contains(rest, "changes"):
		return e.current(ctx)
	case len(rest) < len(low) && e.writable.Load():
		return e.tickTo(e.o.now())
	}
	return nil
}

// current sees to it that members are kept of every segment, as of what the clock says now.
func (e *Engine) current(ctx context.Context) error {
	if e.o.ReadOnly {
		return nil // nothing is kept there
	}
	if err := e.await(ctx); err != nil {
		return err
	}
	if !e.writable.Load() {
		return nil
	}
	return e.tickTo(e.o.now())
}

// view is one version as history's SQL sees it.
type view struct {
	e   *Engine
	v   *version
	now int64 // what now() means, microseconds

	owner  [][]uint32
	within []uint64      // whom profiles has; nil: all people
	opened *atomic.Int64 // counts the events whose sealed leaves were opened for one of them; nil: nobody asks
}

// Now gives what now() means.
func (w *view) Now() int64 { return w.now }

// Seq gives the number of the version.
func (w *view) Seq() uint64 { return uint64(w.v.seq) }

// Release ends the view.
func (w *view) Release() { w.e.release(w.v) }

// Owner gives the profile of every fragment.
func (w *view) Owner() [][]uint32 { return w.owner }

// owners gives the profile of every fragment, in blocks of 65,536.
func (e *Engine) owners(v *version) ([][]uint32, error) {
	blocks := make([][]uint32, 0, v.fragments>>16+1)
	for k := 0; k<<16 < int(v.fragments); k++ {
		img, err := e.people.Owners(v.pin, k)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, img.U32)
	}
	return blocks, nil
}

// Original puts an event together again as it came in.
func (w *view) Original(dst []byte, r *history.Row) ([]byte, error) {
	p := clean.Parts{
		Kind: kith.Kind(r.Kind), Name: r.Name, MessageID: r.MessageID,
		Time: r.Time, Original: r.Original, Sent: r.Sent, Received: r.Received, Cells: r.Cells,
	}
	var err error
	if p.Secret, err = leaves(w.e.keys, r, identityIn(w.e.keys, w.v.snap)); err != nil {
		return dst, err
	}
	for _, f := range append([]uint32{r.Fragment}, r.Also...) {
		id, err := w.e.identifier(w.v, kith.FragmentID(f))
		if err != nil {
			return dst, err
		}
		switch {
		case id.Space == "user_id" && p.UserID == "":
			p.UserID = id.Value
		case id.Space == "anonymous_id" && p.AnonymousID == "":
			p.AnonymousID = id.Value
		}
	}
	return clean.Original(dst, w.e.paths, &p)
}

// Leaf opens one leaf of an event.
func (w *view) Leaf(dst []byte, r *history.Row, path uint32) (out []byte, there bool, err error) {
	out, there, opened, err := leafOf(dst, w.e.keys, r, path, identityIn(w.e.keys, w.v.snap))
	if opened && w.opened != nil {
		w.opened.Add(1)
	}
	return out, there, err
}

// identifier opens the identifier of a fragment, as it was first spelled.
func (e *Engine) identifier(v *version, f kith.FragmentID) (kith.Identifier, error) {
	marks, err := e.people.Marks(v.pin, f)
	if err != nil {
		return kith.Identifier{}, err
	}
	rec, err := v.snap.Fragment(f)
	if err != nil {
		return kith.Identifier{}, err
	}
	plain, err := storage.UnpackValue(e.keys.Open(f, uint64(rec.Seq), sealIdentity, rec.Sealed, nil))
	return kith.Identifier{Space: e.spaces.at(int(marks.Space)), Value: string(plain)}, err
}

var _ history.View = (*view)(nil)
