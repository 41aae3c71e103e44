package world

const digits36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// append36 appends v in base 36, in exactly n letters.
func append36(b []byte, v uint64, n int) []byte {
	from := len(b)
	for range n {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= from; i-- {
		b[i] = digits36[v%36]
		v /= 36
	}
	return b
}

// appendN appends v in exactly n decimal digits.
func appendN(b []byte, v uint64, n int) []byte {
	from := len(b)
	for range n {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= from; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// appendInt appends v in decimal.
func appendInt(b []byte, v uint64) []byte {
	n, t := 1, v
	for t >= 10 {
		t /= 10
		n++
	}
	return appendN(b, v, n)
}

// appendCents appends an amount of money: 1999 is 19.99.
func appendCents(b []byte, cents uint64) []byte {
	b = append(appendInt(b, cents/100), '.')
	return appendN(b, cents%100, 2)
}

// appendUUID appends 128 bits as a UUID of version 4.
func appendUUID(b []byte, hi, lo uint64) []byte {
	const hex = "0123456789abcdef"
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := 60; i >= 0; i -= 4 {
		if i == 28 || i == 12 {
			b = append(b, '-')
		}
		b = append(b, hex[hi>>uint(i)&15])
	}
	for i := 60; i >= 0; i -= 4 {
		if i == 60 || i == 44 {
			b = append(b, '-')
		}
		b = append(b, hex[lo>>uint(i)&15])
	}
	return b
}

// appendTime appends milliseconds since 1970 as 2026-06-30T12:34:56.789Z.
func appendTime(b []byte, ms int64) []byte {
	day := ms / dayLen
	rest := uint64(ms - day*dayLen)
	y, m, d := civil(day)
	b = append(appendN(b, y, 4), '-')
	b = append(appendN(b, m, 2), '-')
	b = append(appendN(b, d, 2), 'T')
	b = append(appendN(b, rest/3_600_000, 2), ':')
	b = append(appendN(b, rest/60_000%60, 2), ':')
	b = append(appendN(b, rest/1000%60, 2), '.')
	return append(appendN(b, rest%1000, 3), 'Z')
}

// civil gives the date of a day counted from 1970-01-01 (which must not be before it).
func civil(day int64) (y, m, d uint64) {
	z := uint64(day) + 719_468
	era := z / 146_097
	doe := z % 146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}
