package ringbid

import "embed"

// Sources holds the files that declare the documents, so that the reference
// page is made from the very comments an engineer reads and cannot drift.
//
//go:embed trunk.go number.go campaign.go flow.go buyer.go bidder.go schedule.go cap.go filter.go prompt.go source.go method.go leadform.go
var Sources embed.FS
