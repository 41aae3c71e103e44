package enginetest

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// A closed engine leaves no goroutine behind, in memory or in a directory.
func TestNothingIsLeftRunning(t *testing.T) {
	Leaks(t)
	for _, e := range []*engine.Engine{Memory(t, nil), Open(t, nil)} {
		Lines(t, e, message("s", 1), message("s", 2), message("s", 5), message("s", 11))
		if got := SQL(t, e, "SELECT count(*) FROM events"); got[0] != "4" {
			t.Errorf("%s events, want 4", got[0])
		}
	}
}

// A directory has one owner, and says so.
func TestOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kith")
	OpenDir(t, dir, nil)
	if _, err := engine.Open(dir, quiet(nil)); !errors.Is(err, kith.ErrLocked) {
		t.Errorf("a second owner: %v, want an error of kind locked", err)
	}
}
