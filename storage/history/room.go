package history

import (
	"os"
	"path/filepath"
)

// mostLog is how long DuckDB's log of the live part grows before it is written
// into the file: each time the last row group of every column is written anew.
const mostLog = 128 << 20

// drain writes the log of the live part into its file when it is long enough,
// unless the disk has no room for that: then what is there can still be read,
// and more be appended, and the log waits.
func (h *History) drain() error {
	p := h.live()
	if p == nil || h.o.Dir == "" || h.size(p.file()+".wal") < mostLog {
		return nil
	}
	if ok, err := h.roomy(p); !ok {
		return err
	}
	_, err := checkpoint(h.c, p.Part)
	return err
}

// roomy tells whether the disk has room for a checkpoint: for what it writes,
// and for what does not fit into memory meanwhile and is spilled there, too.
func (h *History) roomy(p *part) (bool, error) {
	if h.o.Free == nil {
		return true, nil
	}
	free, err := h.o.Free()
	return err == nil && free >= 4*h.need(p), err
}

// size gives that of a file of history; 0: it is not there.
func (h *History) size(name string) int64 {
	st, err := os.Stat(filepath.Join(h.o.Dir, name))
	if err != nil {
		return 0
	}
	return st.Size()
}

// Room is about how many bytes the next checkpoint of the live part writes
// beside what is there: what stands in DuckDB's log, and the last row group,
// which is written anew. It is asked of the disk before more is taken in.
func (h *History) Room() int64 {
	parts := h.snapshot()
	if len(parts) == 0 || h.o.Dir == "" {
		return 0
	}
	return h.need(&parts[len(parts)-1])
}

// need is Room for the live part.
func (h *History) need(p *part) int64 {
	log := h.size(p.file() + ".wal")
	if p.Rows == 0 {
		return log
	}
	return log + h.size(p.file())/int64(p.Rows)*int64(p.Rows%groupRows)
}
