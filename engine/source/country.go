package source

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// tongues are the languages whose names of countries are known.
var tongues = []language.Tag{
	language.English, language.German, language.French, language.Spanish, language.Italian, language.Portuguese,
	language.Dutch, language.Polish, language.Swedish, language.Danish, language.Czech, language.Turkish,
}

// usual are names that people write and no table has.
var usual = map[string]string{
	"uk": "GB", "u k": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB", "great britain": "GB",
	"usa": "US", "u s": "US", "u s a": "US", "united states of america": "US", "america": "US", "eire": "IE", "republic of ireland": "IE",
	"holland": "NL", "the netherlands": "NL", "rsa": "ZA", "korea": "KR", "south korea": "KR", "republic of korea": "KR", "north korea": "KP",
	"russian federation": "RU", "czech republic": "CZ", "viet nam": "VN", "uae": "AE", "hong kong": "HK", "macau": "MO", "macao": "MO",
	"ivory coast": "CI", "swaziland": "SZ", "burma": "MM", "turkey": "TR", "moldova": "MD", "iran": "IR", "syria": "SY", "taiwan": "TW",
	"bolivia": "BO", "venezuela": "VE", "tanzania": "TZ", "laos": "LA", "brunei": "BN", "macedonia": "MK", "cape verde": "CV",
}

// countryNames has the folded names of all countries.
var countryNames = sync.OnceValue(func() map[string]string {
	names := make(map[string]string)
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			r, err := language.ParseRegion(code)
			if err != nil || !r.IsCountry() || r.String() != code {
				continue
			}
			for _, t := range tongues {
				name := foldName(display.Regions(t).Name(r))
				if _, ok := names[name]; !ok && name != "" {
					names[name] = code
				}
			}
		}
	}
	for name, code := range usual {
		names[name] = code
	}
	return names
})

// countryCode gives the two letters of ISO 3166 for a name, or for a code of
// two letters, three letters or three digits.
func countryCode(b []byte) (string, bool) {
	b = trimSpace(b)
	if len(b) == 0 || len(b) > 100 {
		return "", false
	}
	if v, ok := countryCache.Load(string(b)); ok {
		return v.(string), v != ""
	}
	code := findCountry(string(b))
	if countryCached.Add(1) < 4096 {
		countryCache.Store(string(b), code)
	}
	return code, code != ""
}

func findCountry(s string) string {
	if len(s) == 2 || len(s) == 3 {
		if r, err := language.ParseRegion(strings.ToUpper(s)); err == nil {
			if r = r.Canonicalize(); r.IsCountry() && len(r.String()) == 2 {
				return r.String()
			}
		}
	}
	name := foldName(s)
	if code, ok := countryNames()[name]; ok {
		return code
	}
	return countryNames()[strings.TrimPrefix(name, "the ")]
}

// foldName gives a name in small letters without accents, its words with one
// blank between them.
func foldName(s string) string {
	var b strings.Builder
	space := false
	for _, c := range norm.NFKD.String(s) {
		switch {
		case unicode.IsMark(c):
			continue
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			space = b.Len() > 0
			continue
		case space:
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
