package world

const shelfSize = 2048

// product is one of the things that are sold. Product 1 is looked at most.
type product struct {
	cents uint64
	text  []byte // its fields in JSON, without braces and quantity
	path  []byte
	title []byte
}

// newShelf makes the products of a world. Number 0 is not one.
func newShelf(seed uint64) []product {
	shelf := make([]product, shelfSize)
	for i := range shelf {
		d := dice(hash(seed, aboutProduct, uint64(i), 0))
		p := &shelf[i]
		p.cents = price(&d)
		adjective, noun := adjectives[d.roll(uint64(len(adjectives)))], nouns[d.roll(uint64(len(nouns)))]
		b := append(append36([]byte(`"product_id":"p-`), uint64(i), 4), `","name":"`...)
		b = append(append(append(append(b, adjective...), ' '), noun...), `","category":"`...)
		b = append(append(b, categories[d.roll(uint64(len(categories)))]...), `","brand":"`...)
		b = append(append(b, brands[d.roll(uint64(len(brands)))]...), `","price":`...)
		p.text = appendCents(b, p.cents)
		p.path = append36([]byte("/products/p-"), uint64(i), 4)
		p.title = append(append([]byte(adjective), ' '), noun...)
	}
	return shelf
}

// price is 2.49 to 1,199.00, small ones more often.
func price(d *dice) uint64 {
	units := 2 + min(d.roll(1200), d.roll(400), d.roll(400))
	return units*100 + [...]uint64{99, 99, 49, 95, 0}[d.roll(5)]
}

// popular picks a product: number n about as often as 1/n says (Zipf).
func popular(d *dice) uint16 {
	size := uint64(1) << d.roll(11)
	return uint16(size + d.roll(size))
}

// bill is what an order costs, in cents.
type bill struct{ goods, discount, shipping, total uint64 }

// bill adds up the first items of the session's cart.
func (v *session) bill(shelf []product, items uint8) bill {
	var b bill
	for _, it := range v.cart[:items] {
		b.goods += shelf[it.product].cents * uint64(it.count)
	}
	if v.coupon {
		b.discount = b.goods / 10
	}
	if b.goods < 5000 {
		b.shipping = 490
	}
	b.total = b.goods - b.discount + b.shipping
	return b
}
