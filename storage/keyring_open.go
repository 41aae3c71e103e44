package storage

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/kithdb/kith"
)

// OpenKeyring opens the keys in dir, which is the directory keys/ itself; "" keeps all keys in
// memory. master is the master key, 32 bytes; nil takes the one in the file master. With create,
// what is missing is made, so that a creation that was cut short can be repeated; without, a
// missing file is ErrCorrupt and a missing master key ErrDenied, as is a wrong one. load gives the
// committed values of key blocks.
func OpenKeyring(dir string, master []byte, create bool, load func(key []byte) ([]byte, error)) (*Keyring, error) {
	k := &Keyring{dir: dir, keyed: master != nil, load: load, keys: map[uint32][]ringKey{}}
	k.Limit(ringMemory)
	k.resalt()
	if create && dir != "" {
		if err := makeRing(dir); err != nil {
			return nil, err
		}
	}
	if err := k.openMaster(master, create); err != nil {
		return nil, err
	}
	for _, name := range []string{"secret", "blocks", "ledger"} {
		if err := k.openFile(name, create); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// makeRing makes the directory, durably, where there is none.
func makeRing(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = syncRing(filepath.Dir(filepath.Clean(dir)))
	}
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	return nil
}

// openMaster finds the master key, or makes it.
func (k *Keyring) openMaster(given []byte, create bool) error {
	if given != nil {
		if len(given) != len(k.master) {
			return ringError("master key", kith.ErrInvalid, errors.New("a master key has 32 bytes"))
		}
		copy(k.master[:], given)
		return nil
	}
	if k.dir == "" {
		rand.Read(k.master[:])
		return nil
	}
	p, err := readRing(k.dir, "master")
	if err != nil {
		return err
	}
	if p == nil {
		return k.makeMaster(create)
	}
	_, body, err := decodeRing("master", p)
	if err == nil && len(body) != len(k.master) {
		err = ringError("keys/master", kith.ErrCorrupt, errors.New("length"))
	}
	copy(k.master[:], body)
	return err
}

// makeMaster writes a new master key, unless something is sealed under another one already.
func (k *Keyring) makeMaster(create bool) error {
	for _, name := range []string{"secret", "blocks", "ledger"} {
		p, err := readRing(k.dir, name)
		if err != nil {
			return err
		}
		create = create && p == nil
	}
	if !create {
		return ringError("keys/master", kith.ErrDenied, errors.New("there is no master key: give it, or put the file back"))
	}
	rand.Read(k.master[:])
	return writeRing(k.dir, "master", encodeRing("master", 1, k.master[:]))
}

// openFile reads one sealed file, or makes it.
func (k *Keyring) openFile(name string, create bool) error {
	var p []byte
	var err error
	if k.dir != "" {
		p, err = readRing(k.dir, name)
	}
	if err != nil {
		return err
	}
	if p == nil {
		if !create && k.dir != "" {
			return ringError("keys/"+name, kith.ErrCorrupt, errors.New("the file is missing"))
		}
		if name == "secret" {
			s := ringSecret{id: 1}
			rand.Read(s.key[:])
			k.secrets = []ringSecret{s}
		}
		return k.save(name)
	}
	serial, body, err := decodeRing(name, p)
	if err != nil {
		return err
	}
	plain, err := openRing(k.master[:], name, serial, body)
	if err != nil {
		return err
	}
	k.serial = max(k.serial, serial)
	if !k.decode(name, plain) {
		return ringError("keys/"+name, kith.ErrCorrupt, errors.New("it does not read"))
	}
	return nil
}

// save writes one sealed file as the keyring has it now.
func (k *Keyring) save(name string) error {
	if k.dir != "" {
		serial := k.serial + 1
		body := sealRing(k.master[:], name, serial, k.encode(name))
		if err := writeRing(k.dir, name, encodeRing(name, serial, body)); err != nil {
			return err
		}
	}
	k.serial++
	return nil
}

// encode gives what the file holds: a count, then the entries.
//
//	secret  id u32, key 32 bytes; the last is the one for new tokens
//	blocks  block u32, generation u32, key 32 bytes; ascending
//	ledger  none yet
func (k *Keyring) encode(name string) []byte {
	var p []byte
	n := 0
	switch name {
	case "secret":
		for _, s := range k.secrets {
			p = append(binary.BigEndian.AppendUint32(p, s.id), s.key[:]...)
			n++
		}
	case "blocks":
		blocks := make([]uint32, 0, len(k.keys))
		for b := range k.keys {
			blocks = append(blocks, b)
		}
		sort.Slice(blocks, func(i, j int) bool { return blocks[i] < blocks[j] })
		for _, b := range blocks {
			for _, key := range k.keys[b] {
				p = binary.BigEndian.AppendUint32(p, b)
				p = binary.BigEndian.AppendUint32(p, key.generation)
				p = append(p, key.key[:]...)
				n++
			}
		}
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(n)), p...)
}

// decode is the inverse of encode.
func (k *Keyring) decode(name string, p []byte) bool {
	if len(p) < 4 {
		return false
	}
	n := uint64(binary.BigEndian.Uint32(p))
	p = p[4:]
	switch name {
	case "secret":
		if n == 0 || uint64(len(p)) != n*36 {
			return false
		}
		for ; len(p) > 0; p = p[36:] {
			k.secrets = append(k.secrets, ringSecret{binary.BigEndian.Uint32(p), [32]byte(p[4:36])})
		}
	case "blocks":
		if uint64(len(p)) != n*40 {
			return false
		}
		for ; len(p) > 0; p = p[40:] {
			b := binary.BigEndian.Uint32(p)
			k.keys[b] = append(k.keys[b], ringKey{binary.BigEndian.Uint32(p[4:]), [32]byte(p[8:40])})
		}
	case "ledger":
		return n == 0 && len(p) == 0
	}
	return true
}
