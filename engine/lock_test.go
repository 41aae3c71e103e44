package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// Who opens a directory beside the one who is just making it does not take it
// for a new one: FORMAT is read under the lock.
func TestFormatIsReadUnderTheLock(t *testing.T) {
	dir := t.TempDir()
	defer func() { afterLook = func() {} }()
	afterLook = func() {
		afterLook = func() {}
		if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("kith 99\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	if e, err := Open(dir, &Options{NoSocket: true}); err == nil {
		e.Close()
		t.Error("a directory that got another format before it was locked was opened as a new one")
	}
}
