package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/kithdb/kith"
)

// A static list is kept as versions: each says what was handed over, as tokens
// in chunks under a number of its own, its content. So nobody is named, and who
// has an identifier later than the list is on it all the same. Chunks are
// written before the record of the version, which makes them count, and deleted
// after one that makes them count no more.
const (
	listVersion = 'l' // cl<seq>: a version of a list
	listChunk   = 'h' // ch<content><chunk>: tokens that were handed over
)

// The modes of a version of a list: what its tokens do to those before.
const (
	ListReplace = "replace"
	ListAdd     = "add"
	ListRemove  = "remove"
	ListDrop    = "drop" // it has none: the list is gone
)

// ListRecord is a version of a static list: truth, kept for ever. Its content is
// until a later version replaces or drops the list.
type ListRecord struct {
	Name    string   `json:"name"`
	Version uint32   `json:"version"` // counts up over the lists of this name
	Seq     kith.Seq `json:"seq"`
	At      int64    `json:"at"` // microseconds
	Mode    string   `json:"mode"`
	Given   int      `json:"given,omitempty"`   // identifiers that were handed over
	Refused int      `json:"refused,omitempty"` // of them, that were none
	Content uint32   `json:"content,omitempty"`
	Chunks  uint32   `json:"chunks,omitempty"`
	Tokens  int      `json:"tokens,omitempty"`  // in them
	Sum     uint64   `json:"sum,omitempty"`     // of them: see SumChunk
	Entries int      `json:"entries,omitempty"` // identifiers on the list, with this version
}

// TokensOfChunk is how many tokens a chunk has; the last has the rest.
const TokensOfChunk = 4096

// TokenChunk makes a chunk of tokens, which ascend.
func TokenChunk(tokens []kith.Token) []byte {
	p := append(make([]byte, 0, 1+16*len(tokens)), 1)
	for i := range tokens {
		p = append(p, tokens[i][:]...)
	}
	return p
}

func listKey(seq kith.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment, listVersion}, uint64(seq))
}

func listChunkKey(content, n uint32) []byte {
	k := binary.BigEndian.AppendUint32([]byte{keySegment, listChunk}, content)
	return binary.BigEndian.AppendUint32(k, n)
}

// PutList stores a version of a list.
func (tx *Tx) PutList(r *ListRecord) error {
	p, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Put(listKey(r.Seq), p)
}

// Lists calls f for each version of each list, in order.
func (r *Reader) Lists(f func(*ListRecord) error) error {
	return r.Scan([]byte{keySegment, listVersion}, func(key, p []byte) error {
		var rec ListRecord
		if json.Unmarshal(p, &rec) != nil || len(key) != 10 || uint64(rec.Seq) != binary.BigEndian.Uint64(key[2:]) {
			return damaged(key)
		}
		return f(&rec)
	})
}

// PutListChunk stores a chunk of a content.
func (tx *Tx) PutListChunk(content, n uint32, chunk []byte) error {
	return tx.Put(listChunkKey(content, n), chunk)
}

// DropListChunk deletes a chunk, which must be there.
func (tx *Tx) DropListChunk(content, n uint32) error { return tx.Delete(listChunkKey(content, n)) }

// ListTokens calls f for the tokens of a version, which ascend.
func (r *Reader) ListTokens(rec *ListRecord, f func(kith.Token) error) error {
	sum, tokens, last := uint64(0), 0, kith.Token{}
	for n := range rec.Chunks {
		key := listChunkKey(rec.Content, n)
		p, err := r.Get(key)
		if err != nil {
			return err
		}
		if len(p) < 1 || p[0] != 1 || len(p)%16 != 1 {
			return damaged(key)
		}
		sum = SumChunk(sum, p)
		for p = p[1:]; len(p) > 0; p = p[16:] {
			t := kith.Token(p)
			if tokens > 0 && bytes.Compare(last[:], t[:]) >= 0 {
				return damaged(key)
			}
			last = t
			tokens++
			if err := f(t); err != nil {
				return err
			}
		}
	}
	if sum != rec.Sum || tokens != rec.Tokens {
		return damaged(listKey(rec.Seq))
	}
	return nil
}

// ListChunkKeys calls f for each chunk that is stored, whether it counts or not.
func (r *Reader) ListChunkKeys(f func(content, n uint32) error) error {
	return r.Keys([]byte{keySegment, listChunk}, func(key []byte) error {
		if len(key) != 10 {
			return damaged(key)
		}
		return f(binary.BigEndian.Uint32(key[2:]), binary.BigEndian.Uint32(key[6:]))
	})
}
