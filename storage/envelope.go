package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/kithdb/kith"
)

// Every value in Badger stands in an envelope: one byte of version and form,
// the payload, and a CRC-32C of the key, the version and the payload. Badger
// itself verifies nothing when it reads (docs/format.md), so this is what turns
// a flipped byte, or a value under another's key, into ErrCorrupt.
const (
	formPlain = 0x11 // version 1, payload as it is
	formS2    = 0x12 // version 1, payload compressed with S2
)

const packFrom = 256 // shorter payloads are not worth compressing

// packRooms are where payloads are compressed into: the room that one may need
// is many times what it takes.
var packRooms = sync.Pool{New: func() any { return new([]byte) }}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errEnvelope = errors.New("a stored value is damaged")

// pack wraps payload for storing under key.
func pack(key, payload []byte) []byte {
	form := byte(formPlain)
	body := payload
	if len(payload) >= packFrom {
		room := packRooms.Get().(*[]byte)
		defer packRooms.Put(room)
		if n := s2.MaxEncodedLen(len(payload)); cap(*room) < n {
			*room = make([]byte, n)
		}
		if c := s2.Encode((*room)[:cap(*room)], payload); len(c) < len(payload)-len(payload)/16 {
			form, body = formS2, c
		}
	}
	out := make([]byte, 0, len(body)+5)
	out = append(out, form)
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, checksum(key, out))
}

// unpack gives the payload of a stored value, which may alias value.
func unpack(key, value []byte) ([]byte, error) {
	if len(value) < 5 {
		return nil, damaged(key)
	}
	body, sum := value[:len(value)-4], binary.LittleEndian.Uint32(value[len(value)-4:])
	if checksum(key, body) != sum {
		return nil, damaged(key)
	}
	switch body[0] {
	case formPlain:
		return body[1:], nil
	case formS2:
		if n, err := s2.DecodedLen(body[1:]); err != nil || n > 64<<20 {
			return nil, damaged(key)
		}
		payload, err := s2.Decode(nil, body[1:])
		if err != nil {
			return nil, damaged(key)
		}
		return payload, nil
	}
	return nil, &kith.Error{Op: "storage.read", On: "key " + string(key[:1]), Kind: kith.ErrUnsupported,
		Err: errors.New("a stored value has a form that this version does not know")}
}

func checksum(key, body []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, key), castagnoli, body)
}

func damaged(key []byte) error {
	return &kith.Error{Op: "storage.read", On: "key " + string(key[:1]), Kind: kith.ErrCorrupt, Err: errEnvelope}
}
