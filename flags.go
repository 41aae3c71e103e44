package kith

import (
	"strconv"
	"strings"
)

// Flags says what is remarkable about an accepted event. They are decided once,
// when it is accepted, by the rules that are in force then, and stored with it.
type Flags uint8

// The flags. The bits are stored and never change.
const (
	Clamped       Flags = 1 << iota // its time lay in the future and was replaced; it counts like any other
	Bot                             // a crawler or a program did it
	Test                            // of somebody who tries something out
	Outlier                         // a number in it is out of bounds
	Impossible                      // it cannot be
	NearDuplicate                   // it says again what another has said some seconds away
)

// Anomalous are the flags with which an event stands outside of profiles and counts.
const Anomalous = Bot | Test | Outlier | Impossible | NearDuplicate

// flagNames are the words of the flags in Anomalous, in the order of their bits.
var flagNames = [...]string{"bot", "test", "outlier", "impossible", "near_duplicate"}

// Anomalous tells whether the event stands outside of profiles and counts.
func (f Flags) Anomalous() bool { return f&Anomalous != 0 }

// String gives the words of the anomalies, such as "bot,near_duplicate"; empty when there is none.
func (f Flags) String() string {
	var words []string
	for i, word := range flagNames {
		if f&(Bot<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// MarshalText gives the words of the anomalies.
func (f Flags) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the words of anomalies.
func (f *Flags) UnmarshalText(text []byte) error {
	*f = 0
	if len(text) == 0 {
		return nil
	}
next:
	for _, word := range strings.Split(string(text), ",") {
		for i, name := range flagNames {
			if word == name {
				*f |= Bot << i
				continue next
			}
		}
		return &Error{Op: "kith.Flags", On: "a word of JSON", Kind: ErrInvalid}
	}
	return nil
}

// Flagged counts accepted events that stand outside of profiles and counts. An
// event that several rules found is in several of the numbers, and once in Events.
type Flagged struct {
	Events        int `json:"events"`
	Bot           int `json:"bot"`
	Test          int `json:"test"`
	Outlier       int `json:"outlier"`
	Impossible    int `json:"impossible"`
	NearDuplicate int `json:"near_duplicate"`
}

// Count adds one event with these flags.
func (n *Flagged) Count(f Flags) {
	if !f.Anomalous() {
		return
	}
	n.Events++
	for i, to := range n.each() {
		if f&(Bot<<i) != 0 {
			*to++
		}
	}
}

// Add adds another count.
func (n *Flagged) Add(o Flagged) {
	n.Events += o.Events
	other := o.each()
	for i, to := range n.each() {
		*to += *other[i]
	}
}

// AddTimes adds another count so many times; -1 takes it away.
func (n *Flagged) AddTimes(o Flagged, times int) {
	other := o.each()
	n.Events += times * o.Events
	for i, to := range n.each() {
		*to += times * *other[i]
	}
}

// String tells what there is, such as "3 bot, 1 test"; empty when there is nothing.
func (n Flagged) String() string {
	var parts []string
	for i, v := range n.each() {
		if *v > 0 {
			parts = append(parts, strconv.Itoa(*v)+" "+flagNames[i])
		}
	}
	return strings.Join(parts, ", ")
}

// each gives the numbers in the order of the flags' bits.
func (n *Flagged) each() [len(flagNames)]*int {
	return [...]*int{&n.Bot, &n.Test, &n.Outlier, &n.Impossible, &n.NearDuplicate}
}
