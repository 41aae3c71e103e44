package storage

import (
	"encoding/hex"
	"errors"

	"github.com/kithdb/kith"
)

// How the value of an identifier is kept before it is sealed, and a message id
// in the log: many are UUIDs, which take 17 bytes instead of 36. The bytes are stored and never change.
const (
	valueUUID = 0 // 16 bytes follow: a UUID written in small letters
	valueText = 1 // the value follows; where it begins with a greater byte it stands as it is
)

// PackValue gives a value in that form, appended to dst.
func PackValue[T string | []byte](dst []byte, value T) []byte {
	if packed, ok := packUUID(dst, value); ok {
		return packed
	}
	if len(value) > 0 && value[0] <= valueText {
		dst = append(dst, valueText)
	}
	return append(dst, value...)
}

// UnpackValue is the inverse of PackValue. It takes what Keyring.Open gives.
func UnpackValue(p []byte, err error) ([]byte, error) {
	switch {
	case err != nil || len(p) == 0 || p[0] > valueText:
		return p, err
	case p[0] == valueText:
		return p[1:], nil
	case len(p) == 17:
		out := new([36]byte)
		unpackUUID(out, p[1:])
		return out[:], nil
	}
	return nil, &kith.Error{Op: "storage.Fragment", Kind: kith.ErrCorrupt, Err: errors.New("an identifier has a form that there is not")}
}

// packUUID packs a value that unpackUUID gives back to the letter, and says whether it is one.
func packUUID[T string | []byte](dst []byte, value T) ([]byte, bool) {
	if len(value) != 36 {
		return dst, false
	}
	to := len(dst)
	out := append(dst, valueUUID)
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if value[i] != '-' {
				return dst[:to], false
			}
			i++
			continue
		}
		hi, lo := nibble(value[i]), nibble(value[i+1])
		if hi > 15 || lo > 15 {
			return dst[:to], false
		}
		out = append(out, hi<<4|lo)
		i += 2
	}
	return out, true
}

// nibble gives the value of a digit of base 16 in small letters, and 255 for what is none.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

func unpackUUID(out *[36]byte, p []byte) {
	hex.Encode(out[:], p[:4])
	for i, at := 4, 8; i < 16; {
		n := 2
		if i == 10 {
			n = 6
		}
		out[at] = '-'
		hex.Encode(out[at+1:], p[i:i+n])
		at, i = at+1+2*n, i+n
	}
}
