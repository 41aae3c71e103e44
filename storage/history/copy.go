package history

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/kithdb/kith"
)

// Copy writes the file of one part to the new file to, durably. The copy of the
// live part has every row up to the watermark; appends wait for it. While a
// statement keeps DuckDB from writing its log into the file, the log is copied,
// too, to the name with .wal behind it.
// A part that is not there any more, because it was rewritten, is ErrNotFound:
// ask for the Manifest again.
func (h *History) Copy(ctx context.Context, id uint32, to string) error {
	if h.o.Dir == "" {
		return fail("Copy", "", kith.ErrUnsupported, errors.New("history is in memory"))
	}
	h.mu.Lock()
	unlock := h.mu.Unlock
	defer func() { unlock() }()
	if err := h.ready("Copy"); err != nil {
		return err
	}
	for _, p := range h.parts {
		if p.ID != id {
			continue
		}
		files := []string{""}
		if p.Sealed {
			h.mu.Unlock()
			unlock = func() {}
		} else if done, err := checkpoint(h.c, p.Part); err != nil {
			return h.spoilt("Copy", "part "+p.file(), err)
		} else if !done {
			files = append(files, ".wal")
		}
		for _, f := range files {
			if err := copyFile(ctx, h.path(p.Part)+f, to+f); err != nil && (f == "" || !errors.Is(err, os.ErrNotExist)) {
				return fail("Copy", "part "+p.file(), nil, err)
			}
		}
		return nil
	}
	return fail("Copy", "", kith.ErrNotFound, errors.New("there is no such part"))
}

// copyFile copies a file and makes it durable; the directory's entry is the
// caller's to sync.
func copyFile(ctx context.Context, from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for err == nil {
		if err = ctx.Err(); err == nil {
			var n int64
			if n, err = io.CopyN(dst, src, 16<<20); n > 0 && err == io.EOF {
				continue
			}
		}
	}
	if err == io.EOF {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
