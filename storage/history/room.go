package history

import (
	"os"
	"path/filepath"
)

// Room is about how many bytes the next checkpoint of the live part writes
// beside what is there: what stands in DuckDB's log, and the last row group,
// which is written anew. It is asked of the disk before more is taken in.
func (h *History) Room() int64 {
	parts := h.snapshot()
	if len(parts) == 0 || h.o.Dir == "" {
		return 0
	}
	p := &parts[len(parts)-1]
	size := func(name string) int64 {
		st, err := os.Stat(filepath.Join(h.o.Dir, name))
		if err != nil { // not there yet
			return 0
		}
		return st.Size()
	}
	log := size(p.file() + ".wal")
	if p.Rows == 0 {
		return log
	}
	return log + size(p.file())/int64(p.Rows)*int64(p.Rows%groupRows)
}
