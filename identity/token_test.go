package identity_test

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

func secret(n byte) *identity.Secret {
	s := &identity.Secret{}
	for i := range s {
		s[i] = byte(i) + n
	}
	return s
}

// slowToken is the definition.
func slowToken(s *identity.Secret, space, norm string) (t kith.Token) {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte(space + "\x00" + norm))
	copy(t[:], h.Sum(nil))
	return t
}

func TestTokenVectors(t *testing.T) {
	// computed with: printf 'email\0ada@example.org' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f
	got := secret(0).Token("email", []byte("ada@example.org"))
	if want := "401ed3f0e2cfa39dcaaa72a5ecd6d3d6"; hex.EncodeToString(got[:]) != want {
		t.Errorf("Token = %x, want %s", got, want)
	}
	r := seed(t)
	for range 2000 {
		s := secret(byte(r.IntN(3)))
		space, norm := text(r, 20), text(r, 300)
		if got, want := s.Token(space, []byte(norm)), slowToken(s, space, norm); got != want {
			t.Fatalf("Token(%q, %q) = %x, want %x", space, norm, got, want)
		}
	}
}

func text(r *rand.Rand, most int) string {
	b := make([]byte, r.IntN(most))
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
	}
	return string(b)
}

func TestTokensAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := secret(byte(w % 2))
			for i := range 2000 {
				v := fmt.Sprint(w, i)
				tok := s.Token("email", []byte(v))
				if tok != slowToken(s, "email", v) {
					t.Error("a token is wrong")
				}
				if back, ok := s.PublicToken(s.Public(tok)); !ok || back != tok {
					t.Error("a public id is wrong")
				}
			}
		})
	}
	wg.Wait()
}

func TestPublic(t *testing.T) {
	s := secret(3)
	derived := hmac.New(sha256.New, s[:])
	derived.Write([]byte("kith public id 1"))
	block, err := aes.NewCipher(derived.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 1000 {
		tok := s.Token("user_id", []byte(fmt.Sprint(i)))
		var out [16]byte
		block.Encrypt(out[:], tok[:])
		want := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(out[:]))
		id := s.Public(tok)
		if id != want || len(id) != 26 || seen[id] {
			t.Fatalf("Public = %s, want %s", id, want)
		}
		seen[id] = true
		if back, ok := s.PublicToken(id); !ok || back != tok {
			t.Fatalf("PublicToken(%s) = %x, %v", id, back, ok)
		}
		if _, ok := s.PublicToken(id[:25] + "b"); ok {
			t.Fatal("the last letter has bits to spare")
		}
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 26), strings.Repeat("a", 27), strings.Repeat("1", 26), strings.Repeat("a", 25) + "\n", strings.Repeat("\n", 26)} {
		if _, ok := s.PublicToken(bad); ok {
			t.Errorf("PublicToken(%q) is ok", bad)
		}
	}
	for _, text := range []string{fmt.Sprint(*s), fmt.Sprintf("%v %+v %#v %s %x", s, *s, *s, *s, s.LogValue())} {
		if strings.Contains(text, "3 4 5") || strings.Contains(text, "0x3") || strings.Contains(text, "030405") {
			t.Errorf("the secret shows: %s", text)
		}
	}
}

func TestTokenDoesNotAllocate(t *testing.T) {
	s, v := secret(0), []byte("ada@example.org")
	least := 10.0 // the pool forgets now and then, and often under the race detector
	for range 100 {
		least = min(least, testing.AllocsPerRun(1, func() { s.Token("email", v) }))
	}
	if least != 0 {
		t.Errorf("%v allocations", least)
	}
}

func BenchmarkToken(b *testing.B) {
	s, v := secret(0), []byte("ada@example.org")
	b.ReportAllocs()
	for b.Loop() {
		s.Token("email", v)
	}
}

func BenchmarkPublic(b *testing.B) {
	s := secret(0)
	tok := s.Token("email", []byte("ada@example.org"))
	b.ReportAllocs()
	for b.Loop() {
		s.Public(tok)
	}
}
