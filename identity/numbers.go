package identity

import (
	"bytes"
	"strconv"
)

// dialled says whether v is a phone number with its country: a plus sign and 8
// to 15 digits, with what people put between them.
func dialled(v []byte) bool {
	v = bytes.TrimPrefix(v, []byte("tel:"))
	v = bytes.TrimPrefix(v, []byte("("))
	if len(v) < 9 || v[0] != '+' {
		return false
	}
	v = bytes.TrimLeft(v[1:], " (")
	if len(v) == 0 || v[0] < '1' || v[0] > '9' {
		return false
	}
	digits, marks, tail := 0, 0, 0 // tail: digits after the last mark
	for i, c := range v {
		switch {
		case digit(c):
			digits++
			tail++
		case c == '.':
			marks, tail = marks+1, 0
		case c == ' ' || c == '-' || c == '(' || c == ')' || c == '/' || c == 0xc2 || c == 0xa0:
			marks, tail = marks+2, 0
		default:
			return digits >= 8 && digits <= 15 && extension(v[i:])
		}
	}
	if marks == 1 && tail <= 2 {
		return false // a number with decimals
	}
	return digits >= 8 && digits <= 15
}

func extension(v []byte) bool {
	v = bytes.TrimLeft(v, ";, ")
	if len(v) < 2 {
		return false
	}
	return bytes.EqualFold(v[:min(3, len(v))], []byte("ext")) || v[0]|0x20 == 'x' && digit(v[1])
}

// begins is the cheap first look at a card: it turns dates away.
func begins(v []byte) bool {
	switch v[0] {
	case '2':
		return '2' <= v[1] && v[1] <= '7'
	case '3':
		return v[1] == '0' || '4' <= v[1] && v[1] <= '8'
	}
	return true
}

// card says whether v is a payment card: digits, with single blanks or hyphens
// between them, that a known network gives and whose check digit is right.
func card(v []byte) bool {
	var d [19]byte
	n, gap := 0, false
	for _, c := range v {
		switch {
		case digit(c):
			if n == len(d) {
				return false
			}
			d[n], gap = c-'0', false
			n++
		case (c == ' ' || c == '-') && !gap:
			gap = true
		default:
			return false
		}
	}
	return !gap && n >= 13 && network(d[:n]) && luhn(d[:n])
}

// network says whether a card network gives numbers with this beginning and length.
func network(d []byte) bool {
	four := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	two, n := four/100, len(d)
	switch {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499: // Discover
		return n >= 16
	case four >= 3528 && four <= 3589: // JCB
		return n >= 16
	case two == 36 || two == 38 || four >= 3000 && four <= 3059: // Diners
		return n == 14
	case two == 62: // UnionPay
		return n >= 16
	}
	return false
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		x := int(d[len(d)-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// ibanLengths is how long the account numbers of a country are.
var ibanLengths = lengths(`
	AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27
	GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22
	MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28
	TL23TN24TR26UA29VA22VG24XK20YE30`)

func lengths(text string) map[[2]byte]int {
	m := make(map[[2]byte]int)
	for _, line := range bytes.Fields([]byte(text)) {
		for ; len(line) >= 4; line = line[4:] {
			n, err := strconv.Atoi(string(line[2:4]))
			if err != nil {
				panic("unreachable") // the table is above
			}
			m[[2]byte(line[:2])] = n
		}
	}
	return m
}

// iban says whether v is an account number of a known country with its right
// length and check digits; blanks do not count.
func iban(v []byte) bool {
	var room [34]byte
	n := 0
	for _, c := range v {
		if c == ' ' {
			continue
		}
		if n == len(room) || !letter(c) && !digit(c) {
			return false
		}
		if c >= 'a' {
			c -= 'a' - 'A'
		}
		room[n] = c
		n++
	}
	if n < 15 || ibanLengths[[2]byte(room[:2])] != n {
		return false
	}
	rest := 0
	for i := range n {
		c := room[(i+4)%n]
		if digit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}
