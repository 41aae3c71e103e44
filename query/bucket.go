package query

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// mostBuckets keeps a bucket from saying who somebody is.
const mostBuckets = 1_000_000

// BucketOf gives the bucket of a person, from 0 to n-1: the first eight bytes of
// the SHA-256 of the salt, a zero byte and the public id, as a big-endian number,
// modulo n.
func BucketOf(public, salt string, n int64) int64 {
	sum := sha256.Sum256([]byte(salt + "\x00" + public))
	return int64(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}

// bucket gives what is written in bucket('salt', 10) or bucket(10).
func (c *Call) bucket() (salt string, n int64) {
	last := len(c.Args) - 1
	n, _ = strconv.ParseInt(c.Args[last].(Literal).Text, 10, 64) // lowering has read it
	if last > 0 {
		salt = c.Args[0].(Literal).Text
	}
	return salt, n
}

// bucket reads bucket(10) and bucket('experiment', 10).
func (l *lowering) bucket(s *scope, args []Value) (Value, error) {
	if s.kind != person {
		return nil, l.bad("bucket is of a person: it stands outside of the sub-select")
	}
	c := &Call{Bucket, args}
	ok := len(args) == 1 || len(args) == 2
	for i, a := range args {
		lit, is := a.(Literal)
		want := Text
		if i == len(args)-1 {
			want = Number
		}
		ok = ok && is && lit.As == want
	}
	if ok {
		_, n := c.bucket()
		ok = n >= 2 && n <= mostBuckets
	}
	if !ok {
		return nil, l.bad("bucket takes, behind a salt if one is wanted, a whole number from 2 to %d: bucket(10), or bucket('experiment', 10)", mostBuckets)
	}
	return c, nil
}

// bucketed makes the bucket of a person ready.
func (c *compiler) bucketed(x *Call) get[Dec] {
	c.path(&Trait{Path: "first_seen", Fixed: true}) // the id is that of who was seen first: it may be another after any event
	salt, n := x.bucket()
	return func(e *env) (Dec, bool) { return DecOf(BucketOf(e.who.Public(), salt, n)), true }
}

// bucket asks for that of the person whom names stand for.
func (r *renderer) bucket(c *Call) string {
	of := r.of
	if of == "" {
		of = "p"
	}
	salt, n := c.bucket()
	return "kith_bucket(" + of + ".public_id, " + r.bind(salt, "VARCHAR") + ", " + strconv.FormatInt(n, 10) + "::BIGINT)::DECIMAL(38,9)"
}
