package world

import "bytes"

// wrongs are the ways in which a line is wrong, by the names that Truth counts
// them under, and the step that the line would have been. The last is rarer.
var wrongs = [...]struct {
	code string
	step step
}{
	{"not_json", stepView},       // the line ends in the middle
	{"unknown_type", stepView},   // "type":"purchase"
	{"no_type", stepView},        //
	{"no_identity", stepView},    // neither user id nor anonymous id
	{"no_event", stepView},       // a track without a name
	{"bad_time", stepView},       // "timestamp":"yesterday"
	{"bad_properties", stepView}, // an array
	{"too_deep", stepView},       // 250 arrays in each other
	{"nul_in_key", stepView},     //
	{"not_a_number", stepView},   // NaN
	{"no_group", stepGroup},      // an empty groupId
	{"no_previous", stepAlias},   // an alias of nothing
	{"too_large", stepView},      // 40,000 bytes
}

// The places of wrongs, as fates.
const (
	notJSON = wrong + iota
	unknownType
	noType
	noIdentity
	noEvent
	badTime
	badProperties
	tooDeep
	nulInKey
	notANumber
	noGroup
	noPrevious
	tooLarge
)

var (
	deep  = append(bytes.Repeat([]byte{'['}, 250), bytes.Repeat([]byte{']'}, 250)...)
	large = bytes.Repeat([]byte("all work and no play "), 40_000/21+1)
)

// appendBroken appends the properties of a line that is wrong in them.
func appendBroken(b []byte, f fate) []byte {
	switch f {
	case badProperties:
		return append(b, `[1,2,3]`...)
	case tooDeep:
		return append(append(append(b, `{"tree":`...), deep...), '}')
	case nulInKey:
		return append(b, `{"price\u0000":1}`...)
	case notANumber:
		return append(b, `{"price":NaN}`...)
	}
	return append(append(append(b, `{"note":"`...), large...), `"}`...)
}
