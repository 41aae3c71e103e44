package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
)

// Badger takes a damaged MANIFEST for one that a crash cut off: it drops the
// tables that the rest does not name, and deletes their files. So a store that
// is closed in order leaves a seal, the file CLEAN with a checksum of its
// MANIFEST, and is opened again only when that still fits. A store that was not
// closed has no seal: there a cut-off end is what it looks like.

const sealFile = "CLEAN"

// seal leaves the seal of a closed store.
func seal(dir string) error {
	sum, err := sumOf(dir)
	if err != nil {
		return fmt.Errorf("seal the store: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, sealFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("seal the store: %w", err)
	}
	_, err = f.Write(sum)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("seal the store: %w", err)
	}
	return nil
}

// ErrUnclean: what was opened to read only has to be opened for writing once.
var ErrUnclean = &kith.Error{Op: "engine.Open", Kind: kith.ErrUnsupported, Err: errors.New("it was not closed in order, and to read only is to mend nothing: open it once for writing")}

// checkSeal compares the seal, and reports whether there is one.
func checkSeal(dir string) (sealed bool, err error) {
	was, err := os.ReadFile(filepath.Join(dir, sealFile))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(was) < 8 { // never closed, or cut off in closing
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the seal of the store: %w", err)
	}
	is, err := sumOf(dir)
	if err != nil || string(is) != string(was) {
		return false, &kith.Error{Op: "storage.Open", On: "MANIFEST", Kind: kith.ErrCorrupt, Err: errors.New("it is not as it was when the store was closed: restore a backup")}
	}
	return true, nil
}

// breakSeal removes the seal of a store that is about to be written.
func breakSeal(dir string) error {
	if err := os.Remove(filepath.Join(dir, sealFile)); err != nil {
		return fmt.Errorf("break the seal of the store: %w", err)
	}
	d, err := os.Open(dir) // a power cut must not bring the seal back
	if err != nil {
		return fmt.Errorf("break the seal of the store: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// sumOf gives the length and the CRC-32C of the MANIFEST.
func sumOf(dir string) ([]byte, error) {
	p, err := os.ReadFile(filepath.Join(dir, "MANIFEST"))
	if err != nil {
		return nil, err
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(p)))
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(p, castagnoli)), nil
}
