package engine

import (
	"context"
	"database/sql"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage/history"
)

// SQL answers one statement that reads, over the tables of docs/sql.md: events,
// profiles, identifiers, decisions and the rest, all as of one sequence number.
// It sees everything that was acknowledged before it was called. Statements that
// write are ErrDenied; errors in the text carry DuckDB's words and position.
func (e *Engine) SQL(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	v, err := e.acquire()
	if err != nil {
		return nil, err
	}
	if err := e.follow.catchUp(ctx, v.seq); err != nil {
		e.release(v)
		return nil, err
	}
	return e.hist.SQL(ctx, &view{e: e, v: v}, query, args...)
}

// view is one version as history's SQL sees it.
type view struct {
	e *Engine
	v *version
}

// Seq gives the number of the version.
func (w *view) Seq() uint64 { return uint64(w.v.seq) }

// Release ends the view.
func (w *view) Release() { w.e.release(w.v) }

// Owner gives the profile of every fragment.
func (w *view) Owner() [][]uint32 {
	blocks := make([][]uint32, 0, w.v.fragments>>16+1)
	for k := 0; k<<16 < int(w.v.fragments); k++ {
		img, err := w.e.people.Owners(w.v.pin, k)
		if err != nil {
			w.e.fault(err)
			return blocks
		}
		blocks = append(blocks, img.U32)
	}
	return blocks
}

// Unseal opens the identifying leaves of an event.
func (w *view) Unseal(fragment uint32, seq uint64, sealed []byte) ([]byte, error) {
	return w.e.keys.Open(kith.FragmentID(fragment), seq, sealEvent, sealed, nil)
}

// Identifier opens the identifier that a fragment is about.
func (w *view) Identifier(fragment uint32) (space, value string, err error) {
	id, err := w.e.identifier(w.v, kith.FragmentID(fragment))
	return id.Space, id.Value, err
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
	plain, err := e.keys.Open(f, uint64(rec.Seq), sealIdentity, rec.Sealed, nil)
	return kith.Identifier{Space: e.spaces.at(int(marks.Space)), Value: string(plain)}, err
}

var _ history.View = (*view)(nil)
