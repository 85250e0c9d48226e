package leg

import "sync"

// owed are the first INVITEs of calls, and requests outside of dialogs, on a
// connection that nothing came back to yet. When it ends they are sent once more by
// a new one, where the same branch tells the peer if it had them before, and fail
// with that, so that a call goes on elsewhere at once. What has been answered
// provisionally, and what belongs to a dialog, may get its response by another
// connection (RFC 3261 section 18.2.2).
type owed struct {
	mu  sync.Mutex
	txs map[*clientTx]struct{}
}

func (o *owed) add(tx *clientTx) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.txs == nil {
		o.txs = map[*clientTx]struct{}{}
	}
	o.txs[tx] = struct{}{}
}

func (o *owed) drop(tx *clientTx) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.txs, tx)
}

// lose has all of them go on without the connection.
func (o *owed) lose() {
	o.mu.Lock()
	txs := o.txs
	o.txs = nil
	o.mu.Unlock()
	for tx := range txs {
		tx.lost()
	}
}
