package engine

import "github.com/kithdb/kith/storage"

// settleUnload moves what an unload staged to its place, after the switch, and
// deletes the log, which history and the checkpoint have.
func (e *Engine) settleUnload(h *storage.Head) error {
	for done := false; !done; {
		err := e.moved(h, func(tx *storage.Tx) (err error) {
			done, err = tx.Settle()
			return err
		})
		if err != nil {
			return err
		}
		Point("unload-moving")
	}
	for n := trimBlobs; n > 0; {
		err := e.moved(h, func(tx *storage.Tx) (err error) {
			n, err = tx.TrimLog(h.Seq, 16*trimBlobs)
			return err
		})
		if err != nil {
			return err
		}
	}
	return e.moved(h, func(tx *storage.Tx) error { return tx.DropMeta(storage.MetaUnload()) })
}

// moved commits a step of settleUnload.
func (e *Engine) moved(h *storage.Head, step func(tx *storage.Tx) error) error {
	tx := e.store.Update()
	defer tx.Discard()
	if err := step(tx); err != nil {
		return err
	}
	h.Counts = tx.Counts()
	if err := tx.PutMeta(storage.MetaHead(), h); err != nil {
		return err
	}
	return tx.Commit()
}

// forgetStaged deletes what an unload staged that never came to its switch.
func (e *Engine) forgetStaged(h *storage.Head) error {
	snap := e.store.Snapshot()
	some, err := snap.Staged()
	snap.Release()
	for done := !some; err == nil && !done; {
		err = e.moved(h, func(tx *storage.Tx) (err error) {
			done, err = tx.Forget()
			return err
		})
	}
	return err
}
