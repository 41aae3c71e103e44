package storage

import (
	"bufio"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kithdb/kith"
)

// A sealed file is a stream in sections, each sealed under the master key with
// its place, what the file is true of, and whether it is the last: so that no
// section can be left out, moved, or be another file's.
const (
	sealedMagic   = "KITHS\x01"
	sealedSection = 1 << 20 // bytes of a full section, in the clear
)

// SealedFile writes a sealed file whole, durably, in the place of an older one:
// name is its last part and of what it is true of, which ReadSealed must name alike.
func (k *Keyring) SealedFile(path string, of uint64, write func(w *bufio.Writer) error) (err error) {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make a sealed file: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp) // the error that counts is the first
		}
	}()
	s := &sealing{sections: k.sections(path, of), w: f}
	w := bufio.NewWriterSize(s, sealedSection)
	_, err = f.WriteString(sealedMagic)
	if err == nil {
		err = write(w)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = s.put(nil, true)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncRing(filepath.Dir(path))
}

// ReadSealed gives what SealedFile wrote to read. It ends with io.EOF where the
// file does, and is ErrCorrupt where it is not whole, or is true of something else.
func (k *Keyring) ReadSealed(path string, of uint64, read func(r *bufio.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	head := make([]byte, len(sealedMagic))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != sealedMagic {
		return ringError(filepath.Base(path), kith.ErrCorrupt, errors.New("it is no sealed file"))
	}
	return read(bufio.NewReaderSize(&opening{sections: k.sections(path, of), r: in}, 1<<16))
}

// sections seals or opens those of one file, in order.
type sections struct {
	on   string
	aead cipher.AEAD
	of   uint64
	n    uint64
}

func (k *Keyring) sections(path string, of uint64) sections {
	on := filepath.Base(path)
	return sections{on: on, aead: ringCipher(ringDerive(k.master[:], "file "+on)), of: of}
}

// place gives what is sealed with the next section, beside its text.
func (s *sections) place(last bool) []byte {
	p := binary.BigEndian.AppendUint64(nil, s.of)
	p = binary.BigEndian.AppendUint64(p, s.n)
	s.n++
	if last {
		return append(p, 1)
	}
	return append(p, 0)
}

// sealing is a writer of sections.
type sealing struct {
	sections
	w   io.Writer
	buf []byte
}

// Write writes a section, or several.
func (s *sealing) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), sealedSection)
		if err := s.put(rest[:n], false); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// put writes length and whether it is the last, nonce, and the sealed text.
func (s *sealing) put(p []byte, last bool) error {
	size := uint32(len(p)) << 1
	if last {
		size |= 1
	}
	s.buf = binary.BigEndian.AppendUint32(s.buf[:0], size)
	s.buf = append(s.buf, make([]byte, ringNonce)...)
	nonce := s.buf[4:]
	rand.Read(nonce) // never fails
	s.buf = s.aead.Seal(s.buf, nonce, p, s.place(last))
	_, err := s.w.Write(s.buf)
	return err
}

// opening is a reader of sections.
type opening struct {
	sections
	r    *bufio.Reader
	buf  []byte
	text []byte // of the section that is read, what is left
	last bool
}

// Read implements io.Reader.
func (s *opening) Read(p []byte) (int, error) {
	for len(s.text) == 0 {
		if s.last {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *opening) next() error {
	var head [4]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return s.damaged()
	}
	size := binary.BigEndian.Uint32(head[:])
	if size>>1 > sealedSection {
		return s.damaged()
	}
	s.last = size&1 == 1
	if n := ringNonce + int(size>>1) + ringTag; cap(s.buf) < n {
		s.buf = make([]byte, n)
	} else {
		s.buf = s.buf[:n]
	}
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return s.damaged()
	}
	text, err := s.aead.Open(s.buf[ringNonce:ringNonce], s.buf[:ringNonce], s.buf[ringNonce:], s.place(s.last))
	if err != nil {
		return s.damaged()
	}
	s.text = text
	return nil
}

func (s *opening) damaged() error {
	return ringError(s.on, kith.ErrCorrupt, errors.New("it is damaged, or of another time"))
}
