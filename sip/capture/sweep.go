package capture

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// sweep removes captures that are too old, and the oldest while there are too
// many bytes. Calls that are up keep theirs.
func (b *Book) sweep(now time.Time) {
	entries, err := os.ReadDir(b.cfg.Dir)
	if err != nil {
		b.failed(err)
		return
	}
	var list []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		name := e.Name()
		if err != nil || filepath.Ext(name) != ".pcap" || b.files[name[:len(name)-len(".pcap")]] != nil {
			continue
		}
		list = append(list, info)
		total += info.Size()
	}
	slices.SortFunc(list, func(x, y fs.FileInfo) int { return x.ModTime().Compare(y.ModTime()) })
	for _, info := range list {
		if now.Sub(info.ModTime()) < b.cfg.Keep && total <= b.cfg.Limit {
			break
		}
		if err := os.Remove(filepath.Join(b.cfg.Dir, info.Name())); err != nil {
			b.cfg.Logger.Warn("old capture not removed", slog.Any("error", err))
			continue
		}
		total -= info.Size()
	}
}
