package storage

import (
	"encoding/binary"

	"github.com/kithdb/kith"
)

// Every key of the Badger store starts with one of these bytes. docs/format.md
// tells each one's layout, and whether it is truth or derived. No key ever
// holds a personal value.
const (
	keyMeta       = 'm' // m<name>: the few records of which there is one
	keyLog        = 'l' // l<last seq>: the records of one turn, until history and checkpoint have them
	keyDecisions  = 'd' // d<last seq>: the decisions of one turn, for ever
	keyToken      = 'i' // i…: sorted runs of identifiers' tokens and their fragments
	keyFragments  = 'n' // n<last fragment>: a chunk of fragment records
	keyPair       = 'g' // g<fragment><fragment>: what was decided about two fragments
	keyDocument   = 'p' // p<fragment>: what a fragment said about its traits
	keyUnit       = 'u' // u<family><id><part><checkpoint>: a column block, dictionary chunk or bitmap
	keyMids       = 'f' // f…: sorted runs of message-id fingerprints
	keyPlaces     = 't' // t…: sorted runs of places
	keyFragKeys   = 'k' // k<block>: 4,096 sealed fragment keys
	keyReject     = 'r' // r<last seq>: a chunk of a turn's items that were not accepted, with their reasons
	keyRepeats    = 'x' // x<last seq>: the natural duplicates of one turn
	keyLoad       = 'o' // o<load>: one file or feed that was brought in
	keyDictionary = 's' // s<kind><last id>: names of spaces, sources and paths
	keyRules      = 'v' // v<version>: one version of the rules
	keyUnload     = 'w' // w<load>: a load that was taken back
	keyStaged     = 'y' // y<key>: what will stand under the key once a switch has been made
	keyNears      = 'a' // a…: sorted runs of what near-duplicates are found by
	keyTable      = 'b' // b…: reference tables: versions, their rows in chunks, and what was taken away
	keySegment    = 'c' // c…: versions of segments and computed traits, changes of members, static lists
	keyWords      = 'j' // j…: sorted runs of what people are found by
	keyPiece      = 'q' // q<load><line><part>: the rows of a load through a mapping, as they were read
)

// prefixes lists every first byte of a key, for counting and checking.
const prefixes = "mlkdingpuftrxosvwyabqcj"

// Names under keyMeta.
var (
	metaState      = []byte("mstate")      // written by every commit
	metaCheckpoint = []byte("mcheckpoint") // the last complete checkpoint
	metaPending    = []byte("mpending")    // the checkpoint that is being written
	metaManifest   = []byte("mmanifest")   // the parts of history
	metaClock      = []byte("mclock")      // the standing clock
	metaUnload     = []byte("munload")     // the load that is being taken back, from the switch on
)

func key8(prefix byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, n)
}

func key4(prefix byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefix}, n)
}

func pairKey(a, b kith.FragmentID) []byte {
	k := make([]byte, 0, 9)
	k = append(k, keyPair)
	k = binary.BigEndian.AppendUint32(k, uint32(a))
	return binary.BigEndian.AppendUint32(k, uint32(b))
}

func dictionaryKey(kind byte, last uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keyDictionary, kind}, last)
}

// unitKey names one unit as of one checkpoint; unitPrefix all checkpoints of it.
func unitKey(u UnitKey, checkpoint uint64) []byte {
	return binary.BigEndian.AppendUint64(unitPrefix(u), checkpoint)
}

func unitPrefix(u UnitKey) []byte {
	return u.Append(append(make([]byte, 0, 22), keyUnit))
}

func unitCheckpoint(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
