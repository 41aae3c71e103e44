package storage

// A change that is too large for one transaction and must be seen whole or not
// at all is staged: each record that it writes stands under its key behind a
// byte, where nobody looks, until one small transaction says that the change
// has been made. From then on the records are moved to their places, a few at a
// time, by whoever finds them: the one who staged them, or the next to open the
// store. Each move is a transaction of its own, so a crash leaves the rest to
// be moved. Where the change was never made they are forgotten.

// What the payload of a staged record begins with. The numbers are stored.
const (
	stagedDelete = 0 // the key is to go
	stagedPut    = 1 // the rest of the payload is to stand under the key
)

// Aside starts a transaction whose writes are staged: it reads what there is,
// not what it writes.
func (s *Store) Aside() *Tx {
	tx := s.Update()
	tx.aside = true
	return tx
}

func stagedKey(key []byte) []byte { return append([]byte{keyStaged}, key...) }

// stage writes a staged record; the last one for a key counts.
func (tx *Tx) stage(key, payload []byte) error {
	key = stagedKey(key)
	old, err := tx.Get(key)
	if err != nil {
		return err
	}
	if old == nil {
		tx.delta[slot(keyStaged)]++
	}
	return tx.set(key, payload)
}

// Settle moves staged records to their places, as many as a transaction holds,
// and tells whether none is left.
func (tx *Tx) Settle() (done bool, err error) { return tx.unstage(tx.settle) }

// Forget deletes staged records, as many as a transaction holds, and tells
// whether none is left.
func (tx *Tx) Forget() (done bool, err error) {
	return tx.unstage(func(_, _ []byte) error { return nil })
}

// unstage calls f for staged records and deletes them.
func (tx *Tx) unstage(f func(key, payload []byte) error) (done bool, err error) {
	type record struct{ key, payload []byte }
	var all []record
	size, done := int64(0), true
	err = tx.Scan([]byte{keyStaged}, func(key, payload []byte) error {
		if size += int64(2*len(key) + len(payload) + 64); tx.Full(size) && len(all) > 0 {
			done = false
			return ErrStop
		}
		all = append(all, record{append([]byte{}, key...), append([]byte{}, payload...)})
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, r := range all {
		if len(r.key) < 2 || len(r.payload) == 0 {
			return false, damaged(r.key)
		}
		if err := f(r.key[1:], r.payload); err != nil {
			return false, err
		}
		if err := tx.Delete(r.key); err != nil {
			return false, err
		}
	}
	return done, nil
}

func (tx *Tx) settle(key, payload []byte) error {
	if payload[0] == stagedPut {
		return tx.put(key, payload[1:])
	}
	old, err := tx.Get(key)
	if err != nil || old == nil {
		return err
	}
	return tx.Delete(key)
}

// Staged tells whether there are staged records.
func (r *Reader) Staged() (bool, error) {
	found := false
	err := r.Keys([]byte{keyStaged}, func([]byte) error {
		found = true
		return ErrStop
	})
	return found, err
}
