package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kithdb/kith"
)

// size is a number of bytes such as 256MB or 1GiB.
type size int64

var units = []struct {
	name string
	size float64
}{
	{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}, {"", 1},
}

// UnmarshalText reads a size.
func (b *size) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || n <= 0 || n*u.size > 1e18 {
			break
		}
		*b = size(n * u.size)
		return nil
	}
	return errors.New("give a size such as 256MB or 2GiB")
}

// instant is a time of RFC 3339, or a day.
type instant struct{ time.Time }

// UnmarshalText reads an instant.
func (i *instant) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		t, err := time.Parse(layout, string(text))
		if err == nil {
			i.Time = t.UTC()
			return nil
		}
	}
	return errors.New("give an instant such as 2026-01-31T12:00:00Z")
}

// key reads the master key; nil is none given.
func (c *cli) key() ([]byte, error) {
	if c.KeyFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", plain(err))
	}
	if len(text) == 32 {
		return text, nil
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, &kith.Error{Op: "key file", Kind: kith.ErrInvalid, Err: errors.New("it must have 32 bytes or 64 hex digits: head -c 32 /dev/urandom > FILE makes one")}
	}
	return key, nil
}

// plain gives an error of the file system its kind.
func plain(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &kith.Error{Kind: kith.ErrNotFound, Err: err}
	case errors.Is(err, os.ErrPermission):
		return &kith.Error{Kind: kith.ErrDenied, Err: err}
	case errors.Is(err, os.ErrExist):
		return &kith.Error{Kind: kith.ErrExists, Err: err}
	}
	return err
}
