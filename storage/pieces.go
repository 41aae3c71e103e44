package storage

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Piece is some of the input of a load through a mapping, as it was read: whole
// rows. It is kept packed and cut into parts, each sealed by itself.
type Piece struct {
	Load     uint32
	Line     int64 // of its first row
	Rows     int64
	Excepted int64 // of them left out on purpose
	Data     []byte
}

// piecePart bounds a part: what a turn puts beyond its bounds must fit into a transaction.
const piecePart = 128 << 10

// mostPiece is more than a piece ever has.
const mostPiece = 16 << 20

// piecePacker packs pieces on as many cores as there are. It is made when the first is.
var piecePacker = sync.OnceValue(func() *zstd.Encoder {
	return must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(512<<10), zstd.WithEncoderCRC(false)))
})

var pieceUnpacker = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostPiece)))

// PackPiece packs the rows of a piece, and cuts the outcome into the parts that PutPart takes.
func PackPiece(data []byte) [][]byte {
	packed := piecePacker().EncodeAll(data, nil)
	var parts [][]byte
	for len(packed) > piecePart {
		parts, packed = append(parts, packed[:piecePart]), packed[piecePart:]
	}
	return append(parts, packed)
}

// Part is one part of a piece.
type Part struct {
	Load     uint32
	Line     int64 // of the piece
	Part, Of uint8
	Number   uint64 // under which it is sealed: it comes once
	Rows     int64  // of the piece
	Excepted int64
	Sealed   []byte
}

// PutPart stores a part of a piece. One that a killed process left is replaced.
func (tx *Tx) PutPart(p *Part) error {
	v := binary.BigEndian.AppendUint64(nil, p.Number)
	v = append(v, p.Of)
	v = binary.AppendUvarint(v, uint64(p.Rows))
	v = binary.AppendUvarint(v, uint64(p.Excepted))
	return tx.put(pieceKey(p.Load, p.Line, p.Part), append(v, p.Sealed...))
}

func pieceKey(load uint32, line int64, part uint8) []byte {
	k := binary.BigEndian.AppendUint64(key4(keyPiece, load), uint64(line))
	return append(k, part)
}

// Pieces calls f for each piece of a load up to the line last, in order; load 0
// stands for all. open opens what was sealed under a number. The piece is valid until f returns.
func (r *Reader) Pieces(load uint32, last func(load uint32) int64, open func(number uint64, sealed []byte) ([]byte, error), f func(*Piece) error) error {
	prefix := []byte{keyPiece}
	if load != 0 {
		prefix = key4(keyPiece, load)
	}
	var packed []byte
	next := uint8(0)   // part that has to come
	var whole [12]byte // load and line of the piece before
	return r.Scan(prefix, func(key, v []byte) error {
		if len(key) != 14 || len(v) < 9 {
			return damaged(key)
		}
		p := Piece{Load: binary.BigEndian.Uint32(key[1:]), Line: int64(binary.BigEndian.Uint64(key[5:]))}
		if p.Line > last(p.Load) {
			return nil // a killed process had begun to keep it
		}
		part, of := key[13], v[8]
		if part > 0 && next == 0 && bytes.Equal(whole[:], key[1:13]) {
			return nil // a killed process had packed it in another way, into more parts
		}
		d := decoder{p: v[9:]}
		p.Rows, p.Excepted = int64(d.uvarint()), int64(d.uvarint())
		if d.err != nil || part != next || of == 0 {
			return damaged(key)
		}
		plain, err := open(binary.BigEndian.Uint64(v), d.p)
		if err != nil {
			return err
		}
		packed = append(packed, plain...)
		if next++; next < of {
			return nil
		}
		p.Data, err = pieceUnpacker.DecodeAll(packed, nil)
		packed, next = packed[:0], 0
		copy(whole[:], key[1:13])
		if err != nil {
			return damaged(key)
		}
		return f(&p)
	})
}
