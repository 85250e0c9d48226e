// Package web is the door for browsers and programs: sessions, who may open
// which page, protection against forged requests, limits, errors in one shape,
// the frame every page stands in, and the assets.
//
// The pages themselves are made by web/console, web/portal and web/api. Each is
// a Part: it lists Routes, each naming the roles that may use it, so that one
// table answers who sees what and one test can walk it. A handler returns an
// error instead of writing one; error.go turns it into a page or a problem
// document. Package web reads no call and knows no database: who signs in is
// answered by Sessions, which the store implements.
package web
