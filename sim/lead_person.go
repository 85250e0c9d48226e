package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// cities returns the city of each ZIP code of places.
func cities() map[string]string {
	return map[string]string{
		"90012": "Los Angeles", "90210": "Beverly Hills", "94103": "San Francisco", "92101": "San Diego",
		"89101": "Las Vegas", "85004": "Phoenix", "84101": "Salt Lake City", "80202": "Denver",
		"87102": "Albuquerque", "97204": "Portland", "98101": "Seattle", "83702": "Boise",
		"78701": "Austin", "77002": "Houston", "75201": "Dallas", "73102": "Oklahoma City",
		"60601": "Chicago", "48226": "Detroit", "44113": "Cleveland", "46204": "Indianapolis",
		"37201": "Nashville", "30303": "Atlanta", "33130": "Miami", "33602": "Tampa",
		"28202": "Charlotte", "23219": "Richmond", "19103": "Philadelphia", "10001": "New York",
		"14202": "Buffalo", "02108": "Boston", "02903": "Providence", "55401": "Minneapolis",
	}
}

// leadContact are the fields that say who somebody is; a ping goes without.
func leadContact() []string {
	return []string{"first_name", "last_name", "email", "phone", "address", "ip"}
}

const consentText = "By clicking Get My Quote I agree to be called and texted at the number above about offers, by automated means as well. " +
	"Consent is not a condition of purchase."

// consumer makes up somebody who fills in a form: at a place where the ZIP code,
// the city, the state and the area code agree, with a number and an address that
// nobody has.
func consumer(rnd *rand.Rand) map[string]string {
	number, name, _ := person(rnd)
	var home place
	for _, p := range places() {
		if p.area == number[2:5] {
			home = p
		}
	}
	first, last, _ := strings.Cut(name, " ")
	streets := []string{"Maple Street", "Oak Avenue", "Cedar Lane", "Park Drive", "Second Street", "Hill Road", "Lake View", "Elm Court"}
	born := time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rnd.IntN(64*365))
	nets := []string{"192.0.2", "198.51.100", "203.0.113"} // RFC 5737: nobody's
	return map[string]string{
		"first_name": first, "last_name": last, "phone": written(rnd, number[2:]),
		"email":   strings.ToLower(first+"."+last) + fmt.Sprintf("%06d", rnd.IntN(1_000_000)) + "@example.com",
		"address": fmt.Sprintf("%d %s", 100+rnd.IntN(9900), streets[rnd.IntN(len(streets))]),
		"city":    cities()[home.zip], "state": home.state, "zip": home.zip,
		"dob": born.Format(time.DateOnly), "home_owner": []string{"yes", "no"}[rnd.IntN(2)],
		"trustedform_url": fmt.Sprintf("https://cert.trustedform.com/%016x%016x%08x", rnd.Uint64(), rnd.Uint64(), rnd.Uint32()),
		"leadid":          uuid(rnd), "consent_text": consentText,
		"ip":         fmt.Sprintf("%s.%d", nets[rnd.IntN(len(nets))], 1+rnd.IntN(254)),
		"source_url": "https://quotes.example/" + []string{"auto", "home", "solar", "medicare"}[rnd.IntN(4)] + "?src=" + fmt.Sprint(100+rnd.IntN(900)),
	}
}

// written is a number of ten digits in one of the ways people write theirs.
func written(rnd *rand.Rand, n string) string {
	switch rnd.IntN(4) {
	case 0:
		return "(" + n[:3] + ") " + n[3:6] + "-" + n[6:]
	case 1:
		return n[:3] + "-" + n[3:6] + "-" + n[6:]
	case 2:
		return "+1" + n
	}
	return n
}

// uuid is a random identifier (RFC 9562, version 4) that the same seed makes
// again.
func uuid(rnd *rand.Rand) string {
	a, b := rnd.Uint64()&^0xf000|0x4000, rnd.Uint64()&^(3<<62)|2<<62
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// spoil puts a value into a lead that a careful platform refuses.
func spoil(rnd *rand.Rand, fields map[string]string) {
	switch rnd.IntN(4) {
	case 0:
		fields["zip"] = "00000"
	case 1:
		fields["zip"] = fields["zip"][:3]
	case 2:
		fields["phone"] = "555"
	default:
		fields["zip"] = ""
	}
}
