// Package mapping turns the facts of a lead into the fields a buyer asks for.
//
// A Map is data: for each target field it says where the value comes from (a
// fixed text, a fact, several facts joined, a part of one), how it is translated
// and formatted, what stands in for it when it is missing, and when it is sent
// at all. Validate finds what is unsound in a map before it is used; Apply runs
// it and keeps, field by field, what came in, what went out and why. Tree makes
// the values into a JSON, XML or form body. Version and Diff tell two maps
// apart; Schema holds a document or a map against what the buyer published, and
// Compare says how a buyer's schema moved.
//
// Everything is a pure function of its arguments: no clock, no chance, no
// network, no order that changes from run to run. The package does not send
// anything, keeps nothing, guesses no date order and never counts money in
// floats.
package mapping
