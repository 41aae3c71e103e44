package source

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	pieceSize = 256 << 10
	mostRow   = 1 << 20
)

// state is how far a row was found.
type state uint8

const (
	whole state = iota // the row ends here
	more               // it goes on after what is there
	torn               // it cannot be taken apart; reading goes on in the next line
)

// scan finds the end of the row that begins at b[0]. last: nothing follows b.
type scan func(b []byte, last bool) (n int, st state)

// feed gives an input in pieces of whole rows. A piece has about 256 KiB; a row
// that is longer than 1 MiB, or torn, has a piece of its own that begins with it.
type feed struct {
	r        io.Reader
	buf      []byte
	from, to int
	line     int64 // of buf[from]
	ended    bool
	err      error
	skip     bool // the rest of a line that is too long is left out
}

func newFeed(r io.Reader) *feed { return &feed{r: r, buf: make([]byte, pieceSize), line: 1} }

// fill reads some more.
func (f *feed) fill() {
	if f.from > 0 {
		f.to = copy(f.buf, f.buf[f.from:f.to])
		f.from = 0
	}
	if len(f.buf)-f.to < 64<<10 {
		f.buf = append(f.buf, make([]byte, len(f.buf))...)
	}
	for range 100 {
		n, err := f.r.Read(f.buf[f.to:])
		f.to += n
		if err != nil {
			f.ended = true
			if err != io.EOF {
				f.err = err
			}
			return
		}
		if n > 0 {
			return
		}
	}
	f.ended, f.err = true, io.ErrNoProgress
}

// peek gives the first row, which has to be shorter than 1 MiB, and reads on as far as it needs.
func (f *feed) peek(s scan) (row []byte, st state) {
	for {
		b := f.buf[f.from:f.to]
		n, st := 0, more
		if len(b) > 0 {
			n, st = s(b, f.ended)
		}
		switch {
		case st == whole:
			return b[:n], whole
		case st == torn || f.ended || len(b) > mostRow:
			return b, torn
		}
		f.fill()
	}
}

// take moves on by n bytes.
func (f *feed) take(n int) {
	f.line += int64(bytes.Count(f.buf[f.from:f.from+n], []byte{'\n'}))
	f.from += n
}

// next gives a piece, and the number of its first line.
func (f *feed) next(s scan) (piece []byte, line int64, err error) {
	f.drop()
	n := f.measure(s)
	if n == 0 {
		if f.err != nil {
			return nil, 0, f.err
		}
		return nil, 0, io.EOF
	}
	piece, line = bytes.Clone(f.buf[f.from:f.from+n]), f.line
	f.take(n)
	return piece, line, nil
}

// measure gives how many bytes the next piece has.
func (f *feed) measure(s scan) int {
	for pos := 0; ; {
		b := f.buf[f.from+pos : f.to]
		n, st := 0, more
		if len(b) > 0 {
			n, st = s(b, f.ended && f.err == nil)
		}
		switch {
		case st == more && f.err != nil: // where reading broke off the rest is no row
			return pos
		case st == whole:
			if pos += n; pos >= pieceSize {
				return pos
			}
		case len(b) == 0 && f.ended:
			return pos
		case st == more && !f.ended && len(b) <= mostRow:
			f.fill()
		case pos > 0:
			return pos
		default:
			return f.alone(b)
		}
	}
}

// alone measures a line that has a piece for itself. Of one that is too long
// there is as much as shows that it is.
func (f *feed) alone(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 && i <= mostRow {
		return i + 1
	}
	if len(b) <= mostRow {
		return len(b)
	}
	f.skip = true
	return mostRow + 1
}

// drop leaves out what is left of a line that was too long.
func (f *feed) drop() {
	for f.skip {
		b := f.buf[f.from:f.to]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			f.take(i + 1)
			f.skip = false
			return
		}
		f.from = f.to
		if f.skip = !f.ended; f.skip {
			f.fill()
		}
	}
}

// lines is the scan of formats with a row on each line.
func lines(b []byte, last bool) (int, state) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, rowState(i)
	}
	if last {
		return len(b), rowState(len(b))
	}
	return 0, more
}

func rowState(n int) state {
	if n > mostRow {
		return torn
	}
	return whole
}

// decoded gives UTF-8 without a byte order mark. A mark says more than the mapping.
func decoded(r io.Reader, name string) io.Reader {
	in := bufio.NewReaderSize(r, 64<<10)
	mark, _ := in.Peek(3) // an error comes again with the first read
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		in.Discard(3)
		return in
	case bytes.HasPrefix(mark, []byte("\xff\xfe")):
		from = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(mark, []byte("\xfe\xff")):
		from = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case name == "utf-16":
		from = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case name == "latin-1":
		from = charmap.ISO8859_1
	case name == "windows-1252":
		from = charmap.Windows1252
	default:
		return in
	}
	return from.NewDecoder().Reader(in)
}
