package storage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
)

// The files of keys/ have one frame: magic, name, version, serial, length, body, CRC-32C of all
// that. The body of all but the master is sealed under a key that is made from the master key and
// the name, and begins with the id of the master key.
const (
	ringMagic   = "KITH"
	ringVersion = 1
	ringHead    = 4 + 1 + 1 + 8 + 4
	ringIDSize  = 8
	ringNonce   = 12
	ringTag     = 16
)

var ringTable = crc32.MakeTable(crc32.Castagnoli)

// ringNames gives the letter that stands for a file inside its frame.
var ringNames = map[string]byte{"master": 'm', "secret": 's', "blocks": 'b', "ledger": 'l'}

func ringError(on string, kind, err error) error {
	return &kith.Error{Op: "storage.Keyring", On: on, Kind: kind, Err: err}
}

// ringCipher gives AES-GCM under a key of 16 or 32 bytes.
func ringCipher(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("unreachable: a key of another size") // all callers give 16 or 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("unreachable: AES has blocks of 16 bytes")
	}
	return aead
}

// ringDerive makes the key for one use out of the master key.
func ringDerive(master []byte, use string) []byte {
	h := hmac.New(sha256.New, master)
	h.Write([]byte("kith " + use))
	return h.Sum(nil)
}

// ringMasterID tells master keys apart and says nothing about them.
func ringMasterID(master []byte) []byte { return ringDerive(master, "id of master key")[:ringIDSize] }

// encodeRing puts a body into the frame of a file.
func encodeRing(name string, serial uint64, body []byte) []byte {
	p := append(make([]byte, 0, ringHead+len(body)+4), ringMagic...)
	p = append(p, ringNames[name], ringVersion)
	p = binary.BigEndian.AppendUint64(p, serial)
	p = binary.BigEndian.AppendUint32(p, uint32(len(body)))
	p = append(p, body...)
	return binary.BigEndian.AppendUint32(p, crc32.Checksum(p, ringTable))
}

// decodeRing is the inverse of encodeRing.
func decodeRing(name string, p []byte) (serial uint64, body []byte, err error) {
	on := "keys/" + name
	if len(p) < ringHead+4 || string(p[:4]) != ringMagic || p[4] != ringNames[name] {
		return 0, nil, ringError(on, kith.ErrCorrupt, nil)
	}
	end := len(p) - 4
	if crc32.Checksum(p[:end], ringTable) != binary.BigEndian.Uint32(p[end:]) {
		return 0, nil, ringError(on, kith.ErrCorrupt, errors.New("checksum"))
	}
	if p[5] != ringVersion {
		return 0, nil, ringError(on, kith.ErrUnsupported, fmt.Errorf("format version %d", p[5]))
	}
	if int(binary.BigEndian.Uint32(p[14:])) != end-ringHead {
		return 0, nil, ringError(on, kith.ErrCorrupt, errors.New("length"))
	}
	return binary.BigEndian.Uint64(p[6:]), p[ringHead:end], nil
}

// sealRing seals what a file is to hold: id of the master key, nonce, ciphertext.
func sealRing(master []byte, name string, serial uint64, plain []byte) []byte {
	body := make([]byte, ringIDSize+ringNonce, ringIDSize+ringNonce+len(plain)+ringTag)
	copy(body, ringMasterID(master))
	rand.Read(body[ringIDSize:]) // never fails
	aad := binary.BigEndian.AppendUint64([]byte(name), serial)
	return ringCipher(ringDerive(master, name)).Seal(body, body[ringIDSize:], plain, aad)
}

// openRing is the inverse of sealRing. Another master key is ErrDenied.
func openRing(master []byte, name string, serial uint64, body []byte) ([]byte, error) {
	on := "keys/" + name
	if len(body) < ringIDSize+ringNonce+ringTag {
		return nil, ringError(on, kith.ErrCorrupt, errors.New("length"))
	}
	if !hmac.Equal(body[:ringIDSize], ringMasterID(master)) {
		return nil, ringError(on, kith.ErrDenied, errors.New("the master key is not the one this directory was made with"))
	}
	aad := binary.BigEndian.AppendUint64([]byte(name), serial)
	nonce, text := body[ringIDSize:ringIDSize+ringNonce], body[ringIDSize+ringNonce:]
	plain, err := ringCipher(ringDerive(master, name)).Open(nil, nonce, text, aad)
	if err != nil {
		return nil, ringError(on, kith.ErrCorrupt, errors.New("it does not open under the master key"))
	}
	return plain, nil
}

// readRing reads a file of keys/; nil when there is none.
func readRing(dir, name string) ([]byte, error) {
	p, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if p == nil {
		p = []byte{}
	}
	return p, nil
}

// writeRing replaces a file of keys/ as a whole: after it returns the new one is durable, after
// an error or a crash it is the old one or the new one.
func writeRing(dir, name string, p []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write keys: %w", err)
		}
	}()
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncRing(dir)
}

// syncRing makes what was renamed in a directory durable.
func syncRing(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
