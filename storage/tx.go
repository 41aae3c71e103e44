package storage

import (
	"fmt"
)

// Tx is what the line writes in one turn: it reads its own writes, and all of
// it is durable when Commit returns, or none of it.
type Tx struct {
	Reader
	s     *Store
	delta [len(prefixes)]int64
	bytes int64
	aside bool // what is written stands beside what there is: see Aside
	drops bool // what is written is dropped: see Pretend
}

// Update starts a transaction. One goroutine at a time may have one.
func (s *Store) Update() *Tx {
	return &Tx{Reader: Reader{s.db.NewTransaction(true)}, s: s}
}

// Pretend starts a transaction that takes whatever is written into it and stores
// nothing: it reads what was committed, and has no size.
func (s *Store) Pretend() *Tx {
	return &Tx{Reader: Reader{s.db.NewTransaction(false)}, s: s, drops: true}
}

// Put stores a record under a key that is new.
func (tx *Tx) Put(key, payload []byte) error {
	if tx.drops {
		return nil
	}
	if tx.aside {
		return tx.stage(key, append([]byte{stagedPut}, payload...))
	}
	tx.delta[slot(key[0])]++
	return tx.set(key, payload)
}

// Replace stores a record under a key that has one. The key must not change afterwards.
func (tx *Tx) Replace(key, payload []byte) error {
	if tx.drops {
		return nil
	}
	if tx.aside {
		return tx.stage(key, append([]byte{stagedPut}, payload...))
	}
	return tx.set(key, payload)
}

func (tx *Tx) set(key, payload []byte) error {
	v := pack(key, payload)
	tx.bytes += int64(len(key) + len(v))
	if err := tx.txn.Set(key, v); err != nil {
		return fmt.Errorf("write key %c: %w", key[0], err)
	}
	return nil
}

// Delete takes away the record under a key that has one.
func (tx *Tx) Delete(key []byte) error {
	if tx.drops {
		return nil
	}
	if tx.aside {
		return tx.stage(key, []byte{stagedDelete})
	}
	tx.delta[slot(key[0])]--
	if err := tx.txn.Delete(key); err != nil {
		return fmt.Errorf("delete key %c: %w", key[0], err)
	}
	return nil
}

// Bytes gives how much has been written into the transaction. Badger's limit is
// 15 % of its memtable; the line keeps well below it.
func (tx *Tx) Bytes() int64 { return tx.bytes }

// Full tells whether the transaction should be committed before more is put
// into it, when so many bytes are still to come.
func (tx *Tx) Full(coming int64) bool { return tx.bytes+coming > tx.s.db.Opts().MemTableSize/12 }

// Counts gives the records under each prefix as they will be after the commit.
func (tx *Tx) Counts() []int64 {
	out := tx.s.Counts()
	for i, d := range tx.delta {
		out[i] += d
	}
	return out
}

// Commit makes the transaction durable: it has survived a power cut when Commit
// returns, unless the store was opened with NoSync. Badger's own SyncWrites has no group commit, and its Sync reaches
// only the active memtable's log, so this holds because one goroutine writes.
func (tx *Tx) Commit() (err error) {
	if tx.drops {
		panic("storage: a transaction that only pretends is committed")
	}
	defer recoverCorrupt("storage.Commit", &err)
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	if err := tx.txn.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if !tx.s.nosync {
		if err := tx.s.db.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	tx.s.rest(tx.bytes)
	for i, d := range tx.delta {
		tx.s.counts[i].Add(d)
	}
	tx.s.renew()
	return nil
}

// Discard drops the transaction. It may be called after Commit.
func (tx *Tx) Discard() { tx.txn.Discard() }
