package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/kithdb/kith"
)

// Secret is the key under which a directory's tokens are made. Who has it can
// test guesses; who has not can tell nothing from a token.
type Secret [32]byte

// String hides the secret.
func (s Secret) String() string { return "secret …" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "identity.Secret{…}" }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Token gives the digest of a normalised value: the first 16 bytes of
// HMAC-SHA256(secret, space 0x00 norm). No space has a zero byte in its name.
func (s *Secret) Token(space string, norm []byte) (t kith.Token) {
	k := s.keys()
	d := k.pool.Get().(*digest)
	d.buf = append(append(append(d.buf[:0], space...), 0), norm...)
	d.mac.Reset()
	d.mac.Write(d.buf)
	copy(t[:], d.mac.Sum(d.sum[:0]))
	clear(d.buf)
	k.pool.Put(d)
	return t
}

// publicForm writes public ids: 26 letters and digits, in one case, for file names and links.
var publicForm = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Public gives the public id of the profile whose first fragment has the
// token: the token, permuted under a key of its own, so that the id says
// nothing about the token to who has not the secret.
func (s *Secret) Public(t kith.Token) string {
	var in, out [16]byte
	in = t
	s.keys().block.Encrypt(out[:], in[:])
	return publicForm.EncodeToString(out[:])
}

// PublicToken gives the token of a public id, and whether the text is one.
// It does not say that anybody has it.
func (s *Secret) PublicToken(id string) (t kith.Token, ok bool) {
	var in [17]byte
	if len(id) != 26 {
		return t, false
	}
	n, err := publicForm.Decode(in[:], []byte(id))
	if err != nil || n != len(t) {
		return t, false
	}
	s.keys().block.Decrypt(t[:], in[:16])
	if s.Public(t) != id { // the last letter carries two bits that must be zero
		return kith.Token{}, false
	}
	return t, true
}

// keys is what is made from a secret once.
type keys struct {
	secret Secret
	block  cipher.Block // of public ids
	words  cipher.Block // of the keys of words
	pool   sync.Pool    // of *digest
}

// digest is the state of one HMAC, kept with its key blocks already hashed.
type digest struct {
	mac hash.Hash
	buf []byte
	sum [sha256.Size]byte
}

// lastKeys remembers the keys made last: a process uses one secret, or changes it rarely.
var lastKeys atomic.Pointer[keys]

func (s *Secret) keys() *keys {
	if k := lastKeys.Load(); k != nil && k.secret == *s {
		return k
	}
	k := &keys{secret: *s}
	k.pool.New = func() any {
		return &digest{mac: hmac.New(sha256.New, k.secret[:]), buf: make([]byte, 0, 128)}
	}
	derive := hmac.New(sha256.New, s[:])
	derive.Write([]byte("kith public id 1"))
	block, err := aes.NewCipher(derive.Sum(nil))
	if err != nil {
		panic("unreachable") // the key has 32 bytes
	}
	k.block = block
	derive.Reset()
	derive.Write([]byte("kith words 1"))
	if k.words, err = aes.NewCipher(derive.Sum(nil)[:16]); err != nil {
		panic("unreachable")
	}
	lastKeys.Store(k)
	return k
}
