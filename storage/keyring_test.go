package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kithdb/kith"
)

var ringMaster = bytes.Repeat([]byte{7}, 32)

func openRingFor(t testing.TB, dir string, master []byte, create bool, s *runShelf) *Keyring {
	t.Helper()
	k, err := OpenKeyring(dir, master, create, s.load)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// storeRing ends a turn the way the engine does.
func storeRing(t testing.TB, k *Keyring, s *runShelf) {
	t.Helper()
	if err := k.Puts(s.Put); err != nil {
		t.Fatal(err)
	}
	k.Commit()
}

func ringSaid(f kith.FragmentID, seq uint64) []byte {
	return fmt.Appendf(nil, "fragment %d said %d", f, seq)
}

// sealRings seals a value for each of the fragments, in one turn.
func sealRings(t testing.TB, k *Keyring, s *runShelf, fs []kith.FragmentID) map[kith.FragmentID][]byte {
	t.Helper()
	out := map[kith.FragmentID][]byte{}
	k.Begin()
	for _, f := range fs {
		v, err := k.Seal(f, uint64(f)+9, 1, ringSaid(f, uint64(f)+9), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(v) != len(ringSaid(f, uint64(f)+9))+Overhead {
			t.Fatalf("a sealed value is %d bytes longer, want %d", len(v)-len(ringSaid(f, uint64(f)+9)), Overhead)
		}
		out[f] = v
	}
	storeRing(t, k, s)
	return out
}

func ringOpens(k *Keyring, f kith.FragmentID, v []byte) error {
	got, err := k.Open(f, uint64(f)+9, 1, v, nil)
	if err == nil && !bytes.Equal(got, ringSaid(f, uint64(f)+9)) {
		return errors.New("WRONG PLAINTEXT")
	}
	return err
}

var ringFragments = []kith.FragmentID{0, 1, 2, 4095, 4096, 8191, 30_000, 30_001, 270_000}

func TestSealedValuesOpenAfterARestart(t *testing.T) {
	for _, master := range [][]byte{nil, ringMaster} {
		dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
		k := openRingFor(t, dir, master, true, s)
		sealed := sealRings(t, k, s, ringFragments)
		id, secret := k.Secret()
		again := openRingFor(t, dir, master, false, s)
		for f, v := range sealed {
			if err := errors.Join(ringOpens(k, f, v), ringOpens(again, f, v)); err != nil {
				t.Errorf("fragment %d: %v", f, err)
			}
			for _, wrong := range []error{
				func() error { _, err := again.Open(f, uint64(f)+8, 1, v, nil); return err }(),
				func() error { _, err := again.Open(f, uint64(f)+9, 2, v, nil); return err }(),
				func() error { _, err := again.Open(f^1, uint64(f)+9, 1, v, nil); return err }(),
			} {
				if !errors.Is(wrong, kith.ErrCorrupt) {
					t.Errorf("Open with other numbers = %v, want ErrCorrupt", wrong)
				}
			}
		}
		if id2, secret2 := again.Secret(); id2 != id || secret2 != secret || again.Serial() != k.Serial() {
			t.Error("the secret or the serial is another one after a restart")
		}
		if got, ok := again.SecretOf(id); !ok || got != secret {
			t.Error("SecretOf does not give the secret")
		}
		if k.Keyed() != (master != nil) {
			t.Errorf("Keyed = %v", k.Keyed())
		}
	}
}

func TestKeysInMemory(t *testing.T) {
	s := newShelf()
	k := openRingFor(t, "", nil, false, s)
	for f, v := range sealRings(t, k, s, ringFragments) {
		if err := ringOpens(k, f, v); err != nil {
			t.Error(err)
		}
	}
}

func TestAWrongOrMissingMasterKeyIsDenied(t *testing.T) {
	dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
	openRingFor(t, dir, ringMaster, true, s)
	for _, create := range []bool{true, false} {
		if _, err := OpenKeyring(dir, bytes.Repeat([]byte{8}, 32), create, s.load); !errors.Is(err, kith.ErrDenied) {
			t.Errorf("another master key: %v, want ErrDenied", err)
		}
		if _, err := OpenKeyring(dir, nil, create, s.load); !errors.Is(err, kith.ErrDenied) {
			t.Errorf("no master key: %v, want ErrDenied", err)
		}
	}
	if _, err := OpenKeyring(dir, []byte("short"), false, s.load); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("a short master key: %v, want ErrInvalid", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "master")); err == nil {
		t.Error("a master key was written though one was given")
	}
}

func TestAMissingKeyFileIsAnError(t *testing.T) {
	for _, name := range []string{"master", "secret", "blocks", "ledger"} {
		dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
		openRingFor(t, dir, nil, true, s)
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("keys/%s has mode %v: %v", name, info.Mode(), err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		want := kith.ErrCorrupt
		if name == "master" {
			want = kith.ErrDenied
		}
		if _, err := OpenKeyring(dir, nil, false, s.load); !errors.Is(err, want) {
			t.Errorf("without keys/%s: %v, want %v", name, err, want)
		}
	}
}

// TestEveryFlippedByteOfTheKeysIsAnError flips every byte of every file of keys/, and cuts the files at many.
func TestEveryFlippedByteOfTheKeysIsAnError(t *testing.T) {
	dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
	k := openRingFor(t, dir, nil, true, s)
	sealed := sealRings(t, k, s, []kith.FragmentID{5})
	for _, name := range []string{"master", "secret", "blocks", "ledger"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(i int, err error) {
			if _, opened := OpenKeyring(dir, nil, i%2 == 0, s.load); err != nil || !errors.Is(opened, kith.ErrCorrupt) {
				t.Fatalf("keys/%s damaged at %d: %v %v, want ErrCorrupt", name, i, opened, err)
			}
		}
		for i, b := range good {
			_, err := f.WriteAt([]byte{b ^ 1<<(i%8)}, int64(i))
			refused(i, err)
			if _, err := f.WriteAt([]byte{b}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := len(good) - 1; i >= 0; i -= 1 + i/50 {
			refused(i, f.Truncate(int64(i)))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := ringOpens(openRingFor(t, dir, nil, false, s), 5, sealed[5]); err != nil {
		t.Fatal(err)
	}
}

// TestADirectoryOfKeysIsMadeThoughItWasCutShort makes keys again after each of the steps.
func TestADirectoryOfKeysIsMadeThoughItWasCutShort(t *testing.T) {
	full := filepath.Join(t.TempDir(), "keys")
	openRingFor(t, full, nil, true, newShelf())
	for n := range 5 {
		dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"master", "secret", "blocks", "ledger"}[:n] {
			p, err := os.ReadFile(filepath.Join(full, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), p, 0o600)
			}
			if err = errors.Join(err, os.WriteFile(filepath.Join(dir, name+".tmp"), p[:9], 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		k := openRingFor(t, dir, nil, true, s)
		for f, v := range sealRings(t, k, s, ringFragments) {
			if err := ringOpens(openRingFor(t, dir, nil, false, s), f, v); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDamagedValuesDoNotOpen(t *testing.T) {
	s := newShelf()
	k := openRingFor(t, "", ringMaster, true, s)
	v := sealRings(t, k, s, []kith.FragmentID{5})[5]
	for i := range v {
		bad := bytes.Clone(v)
		bad[i] ^= 1 << (i % 8)
		if err := ringOpens(k, 5, bad); !errors.Is(err, kith.ErrCorrupt) {
			t.Fatalf("a value damaged at %d: %v, want ErrCorrupt", i, err)
		}
		if err := ringOpens(k, 5, v[:i]); !errors.Is(err, kith.ErrCorrupt) {
			t.Fatalf("a value cut at %d: %v, want ErrCorrupt", i, err)
		}
	}
	key := string(ringBlockKey(0))
	good := s.m[key]
	for i := 0; i < len(good); i += 1 + i/40 {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		s.m[key] = bad
		k.forget(0)
		if err := ringOpens(k, 5, v); !errors.Is(err, kith.ErrCorrupt) && !errors.Is(err, kith.ErrDenied) {
			t.Fatalf("a block damaged at %d: %v, want ErrCorrupt or ErrDenied", i, err)
		}
	}
	delete(s.m, key)
	k.forget(0)
	if err := ringOpens(k, 5, v); !errors.Is(err, kith.ErrCorrupt) {
		t.Fatalf("a missing block: %v, want ErrCorrupt", err)
	}
}

func TestARolledBackBlockIsForgotten(t *testing.T) {
	s := newShelf()
	k := openRingFor(t, "", ringMaster, true, s)
	lost, err := k.Seal(5, 14, 1, ringSaid(5, 14), nil)
	if err != nil {
		t.Fatal(err)
	}
	salt := k.salt.Load()
	k.Rollback()
	kept := sealRings(t, k, s, []kith.FragmentID{5})
	if err := ringOpens(k, 5, lost); !errors.Is(err, kith.ErrCorrupt) {
		t.Errorf("what was sealed in a lost turn: %v, want ErrCorrupt", err)
	}
	if err := ringOpens(k, 5, kept[5]); err != nil {
		t.Error(err)
	}
	if k.salt.Load() == salt {
		t.Error("the salt is the same after a rollback")
	}
}

// TestResealErases takes a fragment's key away, and looks at every moment at which that may be
// cut short: before Settle nothing is lost, after it neither the new block nor the old one opens it.
func TestResealErases(t *testing.T) {
	dir, s := filepath.Join(t.TempDir(), "keys"), newShelf()
	k := openRingFor(t, dir, nil, true, s)
	sealed := sealRings(t, k, s, ringFragments)
	oldBlock := bytes.Clone(s.m[string(ringBlockKey(0))])
	serial := k.Serial()
	key, value, err := k.Reseal(0, []kith.FragmentID{1, 4095})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, k *Keyring, erased bool) {
		t.Helper()
		for f, v := range sealed {
			err := ringOpens(k, f, v)
			if gone := erased && (f == 1 || f == 4095); gone != errors.Is(err, kith.ErrNotFound) || !gone && err != nil {
				t.Errorf("%s: fragment %d: %v", when, f, err)
			}
		}
	}
	settle := func(when string, k *Keyring) {
		t.Helper()
		if got := k.Unsettled(); len(got) != 1 || got[0] != 0 {
			t.Errorf("%s: Unsettled = %v, want [0]", when, got)
		}
		if err := k.Settle(0); err != nil || len(k.Unsettled()) != 0 {
			t.Errorf("%s: Settle: %v, left %v", when, err, k.Unsettled())
		}
	}
	files := copyRing(t, dir)
	check("before the commit", k, false)
	early := openRingFor(t, copyRing(t, files), nil, false, s) // a crash before the commit
	settle("crash before the commit", early)
	check("crash before the commit", early, false)
	if err := s.Put(key, value); err != nil {
		t.Fatal(err)
	}
	late := openRingFor(t, copyRing(t, files), nil, false, s) // a crash after it
	check("crash after the commit", late, true)
	settle("crash after the commit", late)
	check("crash after the commit, settled", late, true)
	settle("running", k)
	check("running", k, true)
	check("restarted", openRingFor(t, dir, nil, false, s), true)
	if _, err := k.Seal(1, 77, 1, nil, nil); !errors.Is(err, kith.ErrNotFound) {
		t.Errorf("Seal for an erased fragment: %v, want ErrNotFound", err)
	}
	if k.Serial() <= serial {
		t.Error("the serial has not grown")
	}
	s.m[string(key)] = oldBlock // out of an old backup
	for _, f := range []kith.FragmentID{1, 2} {
		if err := ringOpens(openRingFor(t, dir, nil, false, s), f, sealed[f]); !errors.Is(err, kith.ErrDenied) {
			t.Errorf("the old block still opens fragment %d: %v", f, err)
		}
	}
}

func copyRing(t *testing.T, from string) string {
	to := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAnAbsentBlockBeforeOthersIsNotMadeAgain(t *testing.T) {
	s := newShelf()
	k := openRingFor(t, "", nil, true, s)
	sealRings(t, k, s, []kith.FragmentID{1, 5000})
	delete(s.m, string(ringBlockKey(0)))
	k.forget(0)
	if n := len(s.m); n != 1 {
		t.Fatalf("%d blocks are stored, want 1", n)
	}
	if _, err := openRingFor(t, "", nil, true, s).Seal(1, 99, 1, nil, nil); !errors.Is(err, kith.ErrCorrupt) {
		t.Errorf("Seal with a lost block after a restart: %v, want ErrCorrupt", err)
	}
	if _, err := k.Seal(1, 99, 1, nil, nil); !errors.Is(err, kith.ErrCorrupt) {
		t.Errorf("Seal with a lost block: %v, want ErrCorrupt", err)
	}
}

// openSome opens twenty of the values that are kept.
func openSome(t *testing.T, k *Keyring, mu *sync.Mutex, kept map[kith.FragmentID][]byte) {
	mu.Lock()
	some := map[kith.FragmentID][]byte{}
	for f, v := range kept {
		if some[f] = v; len(some) > 20 {
			break
		}
	}
	mu.Unlock()
	for f, v := range some {
		if err := ringOpens(k, f, v); err != nil {
			t.Errorf("fragment %d: %v", f, err)
		}
	}
}

// TestValuesAreOpenedWhileTheLineSeals runs readers beside a line that seals, commits, rolls
// back and reseals, with room for few blocks.
func TestValuesAreOpenedWhileTheLineSeals(t *testing.T) {
	dice := runDice(t)
	s := newShelf()
	k := openRingFor(t, filepath.Join(t.TempDir(), "keys"), ringMaster, true, s)
	k.Limit(6 * ringBlockSize)
	var mu sync.Mutex
	kept := map[kith.FragmentID][]byte{}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 3 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				select {
				case <-stop:
					return
				default:
					openSome(t, k, &mu, kept)
				}
			}
		}()
	}
	for turn := range uint32(120) {
		fs := []kith.FragmentID{}
		for range 20 {
			fs = append(fs, kith.FragmentID(dice.Uint32N(1+turn*KeyBlock/4)))
		}
		if dice.IntN(5) == 0 {
			if _, err := k.Seal(fs[0], 3, 1, nil, nil); err != nil {
				t.Fatal(err)
			}
			k.Rollback()
		}
		sealed := sealRings(t, k, s, fs)
		mu.Lock()
		for f, v := range sealed {
			kept[f] = v
		}
		mu.Unlock()
		if dice.IntN(5) == 0 {
			b := uint32(fs[0]) / KeyBlock
			key, value, err := k.Reseal(b, nil)
			if err = errors.Join(err, s.Put(key, value), k.Settle(b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wait.Wait()
	if len(k.blocks) > k.most {
		t.Errorf("%d blocks are kept open, want at most %d", len(k.blocks), k.most)
	}
}

func TestANumberFarBeyondTheLastIsInvalid(t *testing.T) {
	k := openRingFor(t, "", nil, true, newShelf())
	if _, err := k.Seal(kith.NoFragment, 1, 1, nil, nil); !errors.Is(err, kith.ErrInvalid) {
		t.Errorf("Seal for no fragment: %v, want ErrInvalid", err)
	}
	if _, err := k.Open(kith.NoFragment, 1, 1, make([]byte, 40), nil); !errors.Is(err, kith.ErrCorrupt) {
		t.Errorf("Open for no fragment: %v, want ErrCorrupt", err)
	}
}

func TestNoncesSayWhatTheyAreFor(t *testing.T) {
	n := ringNonceOf(0xABCDEF, 4, 77)
	if n[0] != 0xAB || n[2] != 0xEF || n[3] != 4 || binary.BigEndian.Uint64(n[4:]) != 77 {
		t.Errorf("nonce = %x", n)
	}
}

func BenchmarkKeyring(b *testing.B) {
	dice := runDice(b)
	s := newShelf()
	k := openRingFor(b, "", nil, true, s)
	const fragments = 2_000_000
	for f := kith.FragmentID(0); f < fragments; f += KeyBlock {
		sealRings(b, k, s, []kith.FragmentID{f})
	}
	plain := make([]byte, 100)
	for _, warm := range []uint32{1000, 20_000, fragments} {
		b.Run(fmt.Sprintf("Seal100of%d", warm), func(b *testing.B) {
			var dst []byte
			var err error
			b.ReportAllocs()
			for seq := uint64(0); b.Loop(); seq++ {
				if dst, err = k.Seal(kith.FragmentID(dice.Uint32N(warm)), seq, 1, plain, dst[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("OpenColdBlock", func(b *testing.B) {
		v := sealRings(b, k, s, []kith.FragmentID{4})[4]
		for b.Loop() {
			k.forget(0)
			if err := ringOpens(k, 4, v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
