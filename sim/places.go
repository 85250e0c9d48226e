package sim

import (
	"fmt"
	"math/rand/v2"
)

// place is where callers live.
type place struct {
	area, zip, state string
}

// places are area codes with a ZIP code in their middle.
func places() []place {
	return []place{
		{"213", "90012", "CA"}, {"310", "90210", "CA"}, {"415", "94103", "CA"}, {"619", "92101", "CA"},
		{"702", "89101", "NV"}, {"602", "85004", "AZ"}, {"801", "84101", "UT"}, {"303", "80202", "CO"},
		{"505", "87102", "NM"}, {"503", "97204", "OR"}, {"206", "98101", "WA"}, {"208", "83702", "ID"},
		{"512", "78701", "TX"}, {"713", "77002", "TX"}, {"214", "75201", "TX"}, {"405", "73102", "OK"},
		{"312", "60601", "IL"}, {"313", "48226", "MI"}, {"216", "44113", "OH"}, {"317", "46204", "IN"},
		{"615", "37201", "TN"}, {"404", "30303", "GA"}, {"305", "33130", "FL"}, {"813", "33602", "FL"},
		{"704", "28202", "NC"}, {"804", "23219", "VA"}, {"215", "19103", "PA"}, {"212", "10001", "NY"},
		{"716", "14202", "NY"}, {"617", "02108", "MA"}, {"401", "02903", "RI"}, {"612", "55401", "MN"},
	}
}

// person returns a caller from somewhere: a number that nobody has (555-0100 to
// 555-0199), a name, and the keys of their ZIP code.
func person(rnd *rand.Rand) (from, name, zip string) {
	first := []string{"Ana", "Ben", "Carla", "Dev", "Ella", "Frank", "Grace", "Hugo", "Iris", "Jon", "Kim", "Luis", "Maya", "Ned", "Olga", "Paul", "Rosa", "Sam", "Tess", "Viktor"}
	last := []string{"Adams", "Baker", "Chen", "Diaz", "Evans", "Flores", "Garcia", "Hill", "Ito", "Jones", "Khan", "Lopez", "Moore", "Novak", "Ortiz", "Patel", "Reed", "Silva", "Turner", "Young"}
	all := places()
	p := all[rnd.IntN(len(all))]
	from = fmt.Sprintf("+1%s55501%02d", p.area, rnd.IntN(100))
	name = first[rnd.IntN(len(first))] + " " + last[rnd.IntN(len(last))]
	return from, name, p.zip
}
