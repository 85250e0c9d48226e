// Package email puts a lead into a letter and hands the letter to a mail server.
//
// Compose makes a Letter of a Lead and a Form, the operator's own words with
// places for facts, {{name}}; what a Form leaves empty is filled by built-in
// ones. Digest makes one letter's texts of many leads. CSV and JSON make files
// to attach, for buyers who read their mail by machine.
//
// A Mailer sends one letter on a connection of its own (RFC 5321) and says what
// came of it as the connector says it of an HTTP exchange: the class decides what
// follows, and nothing here tries again, queues, waits or logs. A server's 250
// means that the letter is its to deliver, not that anyone has read it; therefore
// an accepted letter is Unconfirmed. Where the connection breaks after the final
// dot and before the answer, the letter may be under way, and the outcome is
// ambiguous; where it breaks before the dot it is not, for a server may not
// deliver half a letter. What is in the kernel's hands counts as sent. A letter goes out if at least one recipient is taken;
// the outcome's Note names those who were not, because waiting for them would
// keep the lead from the others, and repeating it would send it twice.
//
// Credentials go over TLS only, whoever asks otherwise, and certificates are
// verified always. Letters are signed by DKIM (RFC 6376) where a key is given.
// The sender on the envelope may carry the delivery's id and a code over it
// (VERP), so that a bounce finds its delivery and cannot be made up.
//
// A lead may hold anything. Its values are never read as templates, are escaped
// in HTML, stand in no header but the subject, and cannot begin a formula in a
// CSV file. Addresses are plain ASCII; internationalised ones are refused.
package email
