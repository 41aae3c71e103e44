// Package storage keeps the log, the profiles, the decisions, the columns and the bitmaps in one Badger store: they move together or not at all.
package storage
