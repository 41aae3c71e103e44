package history

// View is one version of the engine's state: everything it gives is as of Seq
// and does not change until Release.
type View interface {
	Seq() uint64
	// Now gives what now() means: one instant for the whole statement, in µs since 1970.
	Now() int64
	// Owner gives the profile of every fragment, in blocks of 65,536.
	Owner() [][]uint32
	// Tables gives the tables that SQL sees beside events.
	Tables() []Table
	// Members gives who is in a segment, as bits by profile number; ids beyond them are not.
	Members(segment string) ([]uint64, error)
	// OnList gives who is on a static list, likewise.
	OnList(list string) ([]uint64, error)
	// Original appends a row's event as it came in, as one line of JSON, with
	// what is identifying opened.
	Original(dst []byte, r *Row) ([]byte, error)
	// Leaf appends the JSON text of one leaf that a row has in Sealed or Said,
	// opened; there is false where it has none. Of the row it sees Seq, Fragment, Also, Sealed and Said.
	Leaf(dst []byte, r *Row, path uint32) (out []byte, there bool, err error)
	Release()
}

// Table is a table that the engine gives. DuckDB's threads read it, several
// blocks at once.
type Table interface {
	Name() string
	Fields() []Field
	Blocks() int
	Rows() int64 // about how many, for the optimiser
	// Read gives one block, in which only these fields, in this order, are wanted.
	Read(block int, fields []int) (*Block, error)
}

// Field is a column of a Table.
type Field struct {
	Name string
	Type FieldType
}

// FieldType is the type of a Field.
type FieldType uint8

// The types of fields, and which slice of a Vector holds them.
const (
	UInt      FieldType = iota + 1 // UINTEGER, U32
	UBigInt                        // UBIGINT, U64
	BigInt                         // BIGINT, I64
	Timestamp                      // TIMESTAMP in µs, I64
	Decimal                        // DECIMAL(38,9), Dec
	Bool                           // BOOLEAN, Bool
	String                         // VARCHAR, Codes and Dict, or Str
	JSON                           // JSON, Codes and Dict, or Str
)

// Block is rows of a Table: those of N whose bit in Keep is set; Keep nil: all.
type Block struct {
	N    int
	Keep []uint64
	Cols []Vector // one for each field that was asked for
}

// Vector is one column of a Block: exactly one of the slices is set, by type.
// Neither it nor the texts change after they were given.
type Vector struct {
	U32   []uint32
	U64   []uint64
	I64   []int64
	Dec   [][2]uint64 // the value times 10^9, as int128: low word, high word
	Bool  []bool
	Codes []uint32 // places in Dict
	Dict  []string // the same slice for every block, or a longer one that begins alike
	Str   []string
	Null  []uint64 // bit set: the row has no value; nil: all have one
}
