package storage

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/kithdb/kith"
)

const (
	ringKeySize   = 16
	ringErased    = KeyBlock / 8 // a bit for each fragment whose key is gone
	ringPlain     = ringErased + KeyBlock*ringKeySize
	ringBlockHead = 1 + 4 + 4 + ringNonce // version, block, generation of its key, nonce
	ringBlockSize = ringBlockHead + ringPlain + ringTag
)

// ringBlock is an opened block: which keys are erased, and the keys. It does not change, so that
// a key may be used while the block goes out of memory.
type ringBlock struct {
	plain []byte
	used  atomic.Bool
}

func newRingBlock() *ringBlock {
	b := &ringBlock{plain: make([]byte, ringPlain)}
	rand.Read(b.plain[ringErased:])
	return b
}

// key gives the key of the block's i-th fragment; false when it was erased.
func (b *ringBlock) key(i uint32) ([]byte, bool) {
	if b.plain[i>>3]>>(i&7)&1 == 1 {
		return nil, false
	}
	return b.plain[ringErased+i*ringKeySize:][:ringKeySize], true
}

// seal gives the value that is stored: the head, which is authenticated too, and the sealed keys.
// The nonce is random, since a block that is rolled back is sealed again under the same key.
func (b *ringBlock) seal(n uint32, key ringKey) []byte {
	p := make([]byte, 0, ringBlockSize)
	p = append(p, ringVersion)
	p = binary.BigEndian.AppendUint32(p, n)
	p = binary.BigEndian.AppendUint32(p, key.generation)
	p = p[:ringBlockHead]
	rand.Read(p[9:])
	return ringCipher(key.key[:]).Seal(p, p[9:ringBlockHead], b.plain, p[:9])
}

func ringBlockKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{keyFragKeys}, n) }

// fetch reads a block from the store; nil when there is none.
func (k *Keyring) fetch(n uint32) (*ringBlock, error) {
	p, err := k.load(ringBlockKey(n))
	if err != nil || p == nil {
		return nil, err
	}
	if len(p) != ringBlockSize || p[0] != ringVersion || binary.BigEndian.Uint32(p[1:]) != n {
		return nil, ringError("key block", kith.ErrCorrupt, errors.New("it does not read"))
	}
	generation := binary.BigEndian.Uint32(p[5:])
	k.mu.RLock()
	i := slices.IndexFunc(k.keys[n], func(key ringKey) bool { return key.generation == generation })
	var key ringKey
	if i >= 0 {
		key = k.keys[n][i]
	}
	k.mu.RUnlock()
	if i < 0 {
		return nil, ringError("key block", kith.ErrDenied, errors.New("its key is not in keys/blocks: the block or keys/ is older than the other"))
	}
	text := p[ringBlockHead:]
	plain, err := ringCipher(key.key[:]).Open(text[:0], p[9:ringBlockHead], text, p[:9])
	if err != nil {
		return nil, ringError("key block", kith.ErrCorrupt, errors.New("it does not open under its key"))
	}
	return &ringBlock{plain: plain}, nil
}

// Reseal gives the block anew under a new block key, without the keys of some fragments. The new
// block key is durable, beside the old one, when it returns. The caller stores the value, and when
// that is durable calls Settle, which forgets the old block key: from then on neither the old value
// nor a copy of it opens, and the fragments' values are gone. A crash in between loses nothing:
// Unsettled names the block.
func (k *Keyring) Reseal(block uint32, without []kith.FragmentID) (key, value []byte, err error) {
	old, err := k.fetch(block)
	if err != nil {
		return nil, nil, err
	}
	if old == nil {
		return nil, nil, ringError("key block", kith.ErrNotFound, nil)
	}
	next := &ringBlock{plain: slices.Clone(old.plain)}
	for _, f := range without {
		if uint32(f)/KeyBlock != block {
			return nil, nil, ringError("a fragment", kith.ErrInvalid, errors.New("it is not of this block"))
		}
		i := uint32(f) % KeyBlock
		next.plain[i>>3] |= 1 << (i & 7)
		clear(next.plain[ringErased+i*ringKeySize:][:ringKeySize])
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	had := k.keys[block]
	fresh := newRingKey(had[len(had)-1].generation + 1)
	k.keys[block] = append(slices.Clone(had), fresh)
	if err := k.save("blocks"); err != nil {
		k.keys[block] = had
		return nil, nil, err
	}
	return ringBlockKey(block), next.seal(block, fresh), nil
}

// Settle forgets the keys of the block that its stored value is not sealed under, durably, and
// everything that was opened with them.
func (k *Keyring) Settle(block uint32) error {
	p, err := k.load(ringBlockKey(block))
	if err != nil {
		return err
	}
	if _, err := k.fetch(block); err != nil {
		return err // a key is not given up before it is known that the other one opens the block
	}
	if len(p) != ringBlockSize {
		return ringError("key block", kith.ErrCorrupt, errors.New("it is missing"))
	}
	generation := binary.BigEndian.Uint32(p[5:])
	k.mu.Lock()
	defer k.mu.Unlock()
	had := k.keys[block]
	k.keys[block] = slices.DeleteFunc(slices.Clone(had), func(key ringKey) bool { return key.generation != generation })
	if len(k.keys[block]) < len(had) {
		if err := k.save("blocks"); err != nil {
			k.keys[block] = had
			return err
		}
	}
	k.forget(block)
	return nil
}

// Unsettled names the blocks that have more than one key, because a Reseal was cut short.
func (k *Keyring) Unsettled() []uint32 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var list []uint32
	for b, keys := range k.keys {
		if len(keys) > 1 {
			list = append(list, b)
		}
	}
	slices.Sort(list)
	return list
}
