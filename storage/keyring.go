package storage

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
)

const (
	// KeyBlock is the number of fragments whose keys stand in one block.
	KeyBlock = 4096
	// Overhead is by how many bytes a sealed value is longer than the value.
	Overhead = ringSalt + ringTag

	ringSalt   = 3
	ringGrow   = 64       // block keys made at a time
	ringGap    = 256      // blocks made at once at most: more means that the number is wrong
	ringMemory = 64 << 20 // bytes for opened blocks and prepared ciphers
	ringCost   = 1400     // bytes of a prepared cipher
)

// Keyring holds the keys of a directory: the master key seals the token secret and the block
// keys, which stand in keys/; a block key seals the random keys of 4,096 fragments, which stand in
// the store; a fragment's key seals what the fragment said. Who erases writes a block anew under
// a new block key and forgets the old one: then no copy of the old block opens.
//
// A value is sealed with AES-128-GCM under its fragment's key with the nonce salt, purpose, seq:
// 3, 1 and 8 bytes. A fragment says one thing for each purpose and sequence number, so that a
// nonce comes once, except where a number is taken a second time because a turn was lost in a
// crash or rolled back. For that the salt: drawn at random by each process and after each rollback,
// and stored before the ciphertext. A nonce could repeat only if a lost turn's ciphertext were kept
// by somebody, and the fragment spoke again under the same number with another text and, 1 in
// 16,777,216, the same salt.
//
// Seal and Open may be called at the same time. The rest belongs to the line.
type Keyring struct {
	dir    string
	keyed  bool
	master [32]byte
	load   func(key []byte) ([]byte, error)

	salt  atomic.Uint32
	epoch atomic.Uint64 // moves when a key that was handed out may no longer be the right one

	mu      sync.RWMutex // guards what follows
	secrets []ringSecret
	serial  uint64
	keys    map[uint32][]ringKey  // of a block, oldest first; more than one while it is resealed
	blocks  map[uint32]*ringBlock // opened
	order   []uint32              // the opened blocks that may go, in the order in which they were opened
	fresh   []uint32              // blocks that are new in this turn
	most    int                   // opened blocks kept
	made    uint32                // number of blocks there are, with those of this turn
	counted bool                  // made is known

	ciphers []atomic.Pointer[ringFragment] // by fragment modulo their number, a power of two
}

type ringSecret struct {
	id  uint32
	key [32]byte
}

type ringKey struct {
	generation uint32
	key        [32]byte
}

// ringFragment is a fragment's cipher, prepared: that costs 520 ns, three times as much as
// sealing 100 bytes.
type ringFragment struct {
	fragment kith.FragmentID
	epoch    uint64
	aead     cipher.AEAD
}

// Limit bounds the memory for opened blocks and prepared ciphers, in bytes; the default is 64 MB.
// It is called before the first Seal or Open.
func (k *Keyring) Limit(memory int64) {
	slots := 64
	for int64(slots)*2*ringCost <= memory/2 {
		slots *= 2
	}
	k.ciphers = make([]atomic.Pointer[ringFragment], slots)
	k.most = int(max(2, (memory-int64(slots)*ringCost)/ringBlockSize))
	k.blocks = map[uint32]*ringBlock{}
}

// Secret gives the secret for new tokens, with its id.
func (k *Keyring) Secret() (id uint32, key [32]byte) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	s := k.secrets[len(k.secrets)-1]
	return s.id, s.key
}

// SecretOf gives the secret with the id.
func (k *Keyring) SecretOf(id uint32) (key [32]byte, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, s := range k.secrets {
		if s.id == id {
			return s.key, true
		}
	}
	return key, false
}

// Keyed says whether the master key came from outside, rather than from the file beside the
// others, which protects erasure and not against theft.
func (k *Keyring) Keyed() bool { return k.keyed }

// Serial grows with every change of a file in keys/.
func (k *Keyring) Serial() uint64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.serial
}

// Begin starts a turn.
func (k *Keyring) Begin() {}

// Commit says that what Puts gave is durable.
func (k *Keyring) Commit() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.order = append(k.order, k.fresh...)
	k.fresh = k.fresh[:0]
	k.trim()
}

// Rollback forgets the blocks that are new in this turn. What was sealed in it must not be used.
func (k *Keyring) Rollback() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range k.fresh {
		delete(k.blocks, b)
	}
	k.made -= uint32(len(k.fresh))
	k.fresh = k.fresh[:0]
	k.epoch.Add(1)
	k.resalt()
}

// Resalt draws another salt: what is sealed from now on may have a number that was used before.
func (k *Keyring) Resalt() { k.resalt() }

func (k *Keyring) resalt() {
	var p [4]byte
	rand.Read(p[1:])
	k.salt.Store(binary.BigEndian.Uint32(p[:]))
}

// Puts gives the blocks that are new in this turn, to be stored by the same transaction.
func (k *Keyring) Puts(put func(key, value []byte) error) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, b := range k.fresh {
		keys := k.keys[b]
		value := k.blocks[b].seal(b, keys[len(keys)-1])
		if err := put(ringBlockKey(b), value); err != nil {
			return err
		}
	}
	return nil
}

// Seal seals what the fragment said as event seq, appended to dst. For one fragment, purpose and
// seq there is one value. A fragment whose key was erased is ErrNotFound.
func (k *Keyring) Seal(f kith.FragmentID, seq uint64, purpose byte, plain, dst []byte) ([]byte, error) {
	aead, err := k.cipher(f, true)
	if err != nil {
		return dst, err
	}
	n := ringNonceOf(k.salt.Load(), purpose, seq)
	dst = append(dst, n[:ringSalt]...)
	return aead.Seal(dst, n[:], plain, nil), nil
}

// Open is the inverse of Seal, with the same numbers. What does not open is ErrCorrupt; a
// fragment whose key was erased is ErrNotFound.
func (k *Keyring) Open(f kith.FragmentID, seq uint64, purpose byte, sealed, dst []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return dst, ringError("a sealed value", kith.ErrCorrupt, errors.New("length"))
	}
	aead, err := k.cipher(f, false)
	if err != nil {
		return dst, err
	}
	salt := uint32(sealed[0])<<16 | uint32(sealed[1])<<8 | uint32(sealed[2])
	n := ringNonceOf(salt, purpose, seq)
	out, err := aead.Open(dst, n[:], sealed[ringSalt:], nil)
	if err != nil {
		return dst, ringError("a sealed value", kith.ErrCorrupt, errors.New("it does not open under its fragment's key"))
	}
	return out, nil
}

func ringNonceOf(salt uint32, purpose byte, seq uint64) (n [ringNonce]byte) {
	binary.BigEndian.PutUint32(n[:], salt<<8|uint32(purpose))
	binary.BigEndian.PutUint64(n[4:], seq)
	return n
}

// cipher gives the fragment's cipher. make says whether its block may be made when there is none.
func (k *Keyring) cipher(f kith.FragmentID, make bool) (cipher.AEAD, error) {
	slot := &k.ciphers[int(f)&(len(k.ciphers)-1)]
	epoch := k.epoch.Load()
	if c := slot.Load(); c != nil && c.fragment == f && c.epoch == epoch {
		return c.aead, nil
	}
	b, err := k.block(uint32(f)/KeyBlock, make)
	if err != nil {
		return nil, err
	}
	key, ok := b.key(uint32(f) % KeyBlock)
	if !ok {
		return nil, ringError("a fragment", kith.ErrNotFound, errors.New("its key was erased"))
	}
	c := &ringFragment{f, epoch, ringCipher(key)}
	slot.Store(c)
	return c.aead, nil
}

// block gives an opened block.
func (k *Keyring) block(n uint32, make bool) (*ringBlock, error) {
	for {
		k.mu.RLock()
		b, epoch := k.blocks[n], k.epoch.Load()
		k.mu.RUnlock()
		if b != nil {
			b.used.Store(true)
			return b, nil
		}
		b, err := k.fetch(n)
		if err != nil && k.epoch.Load() != epoch {
			continue // it was resealed between the look at the value and the look at its key
		}
		if err != nil {
			return nil, err
		}
		if b == nil {
			if !make {
				return nil, ringError("key block", kith.ErrCorrupt, errors.New("it is missing"))
			}
			return k.create(n)
		}
		k.mu.Lock()
		if k.epoch.Load() != epoch { // it may have been resealed meanwhile
			k.mu.Unlock()
			continue
		}
		if old := k.blocks[n]; old != nil {
			b = old
		} else {
			k.blocks[n] = b
			k.order = append(k.order, n)
			k.trim()
		}
		k.mu.Unlock()
		return b, nil
	}
}

// trim lets blocks go that were not used for longest, more or less.
func (k *Keyring) trim() {
	for len(k.order) > k.most {
		n := k.order[0]
		k.order = k.order[1:]
		if k.blocks[n].used.Swap(false) {
			k.order = append(k.order, n)
			continue
		}
		delete(k.blocks, n)
	}
}

// create makes block n, and those before it that are not there yet: blocks stand without a gap,
// so that one which is missing before others was lost, and is not made again.
func (k *Keyring) create(n uint32) (*ringBlock, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.blocks[n]; b != nil {
		return b, nil
	}
	if err := k.count(); err != nil {
		return nil, err
	}
	if n < k.made {
		return nil, ringError("key block", kith.ErrCorrupt, errors.New("it is missing"))
	}
	if n-k.made > ringGap {
		return nil, ringError("a fragment", kith.ErrInvalid, errors.New("its number is far beyond the last"))
	}
	for ; k.made <= n; k.made++ {
		next, err := k.load(ringBlockKey(k.made + 1))
		if err == nil && next != nil {
			err = ringError("key block", kith.ErrCorrupt, errors.New("it is missing"))
		}
		if err == nil && len(k.keys[k.made]) == 0 {
			err = k.growKeys(k.made)
		}
		if err != nil {
			return nil, err
		}
		k.blocks[k.made] = newRingBlock()
		k.fresh = append(k.fresh, k.made)
	}
	return k.blocks[n], nil
}

// count finds out, once, how many blocks there are. mu is held.
func (k *Keyring) count() error {
	if k.counted {
		return nil
	}
	var failed error
	there := func(n int) bool {
		p, err := k.load(ringBlockKey(uint32(n)))
		failed = errors.Join(failed, err)
		return p != nil
	}
	most := 1
	for there(most - 1) {
		most *= 2
	}
	k.made = uint32(sort.Search(most, func(n int) bool { return !there(n) }))
	k.counted = failed == nil
	return failed
}

// growKeys makes the keys for the blocks around n durable. mu is held.
func (k *Keyring) growKeys(n uint32) error {
	var added []uint32
	for i := n / ringGrow * ringGrow; i < n/ringGrow*ringGrow+ringGrow; i++ {
		if len(k.keys[i]) == 0 {
			k.keys[i] = []ringKey{newRingKey(1)}
			added = append(added, i)
		}
	}
	if err := k.save("blocks"); err != nil {
		for _, i := range added {
			delete(k.keys, i)
		}
		return err
	}
	return nil
}

func newRingKey(generation uint32) ringKey {
	key := ringKey{generation: generation}
	rand.Read(key.key[:])
	return key
}

// forget drops an opened block, and every prepared cipher. mu is held.
func (k *Keyring) forget(n uint32) {
	delete(k.blocks, n)
	if i := slices.Index(k.order, n); i >= 0 {
		k.order = slices.Delete(k.order, i, i+1)
	}
	k.epoch.Add(1)
}
