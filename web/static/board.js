// The live board: cards move as events come. The page holds the calls of the
// moment it was made; after a gap the whole board is asked for again, and each
// call counts an event once, by its number within the call.
import './app.js';
import { Live } from './socket.js';

const order = ['flow', 'auction', 'ringing', 'talking', 'ended'];
const lanes = new Map([...document.querySelectorAll('.lane')].map(l => [l.dataset.stage, { el: l, list: l.querySelector('.cards'), count: l.querySelector('.count'), none: l.querySelector('.none') }]));
const cards = new Map();
const dirty = new Set();
let skew = 0, loading = null, waiting = [];

const now = () => Date.now() + skew;

function apply(c, e) {
  const d = e.data || {}, at = Date.parse(e.at);
  if (e.seq && e.seq <= c.seq) return false;
  if (e.seq) c.seq = e.seq;
  const to = s => { if (order.indexOf(s) > order.indexOf(c.stage)) { c.stage = s; c.since = at; } };
  switch (e.kind) {
    case 'call.received':
      c.received = c.since = at; c.number = d.number; c.caller = d.caller; c.campaign = d.campaign; c.publisher = d.publisher; c.trunk = d.trunk; break;
    case 'flow.step': c.text = e.node || c.text; break;
    case 'flow.answer': c.text = ((d.tag || '') + ' ' + (d.digits || '')).trim(); break;
    case 'auction.opened': to('auction'); break;
    case 'auction.bid':
      if ((!d.state || d.state === 'bid') && d.amount && !(Number(d.amount) <= Number(c.amount))) { c.amount = d.amount; c.best = d.name || (e.bid && e.bid.length < 36 ? e.bid : ''); }
      break;
    case 'auction.closed': if (d.best) { c.best = d.best; c.amount = d.amount; } break;
    case 'leg.dial': case 'leg.ringing':
      to('ringing'); c.target = d.target || c.target; c.buyer = d.buyer || c.buyer; c.amount = d.price || c.amount; break;
    case 'call.bridged': to('talking'); break;
    case 'call.transfer': c.text = e.text; break;
    case 'call.watched': c.watch = d.mode === 'off' ? '' : e.text; break;
    case 'call.rejected': case 'call.ended':
      to('ended'); c.watch = ''; c.outcome = e.kind === 'call.rejected' ? 'rejected' : d.outcome || c.outcome; c.text = (e.text || d.code || '').replace(/^call ended: /, ''); break;
  }
  return true;
}

function phone(p) {
  if (!p) return 'withheld';
  const m = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(p);
  return m ? `${m[1]}-${m[2]}-${m[3]}` : p;
}

function third(c) {
  if (c.stage === 'ended') return c.text || '';
  if (c.watch) return c.watch;
  if (c.buyer) return (c.amount ? '$' + c.amount + ' ' : '') + c.buyer;
  if (c.amount) return '$' + c.amount + (c.best ? ' ' + c.best : '');
  return c.text || '';
}

function make(c) {
  const li = document.createElement('li'), a = document.createElement('a');
  a.className = 'call fresh'; a.href = '/calls/' + encodeURIComponent(c.call); a.dataset.call = c.call;
  a.innerHTML = '<span class="l1"><span></span><span class="secs"></span></span><span class="l2"></span><span class="l3"></span>';
  li.append(a);
  return li;
}

// draw writes what changed, once per frame however many events came.
function draw() {
  for (const id of dirty) {
    const c = cards.get(id);
    if (!c) continue;
    c.el ??= make(c);
    const a = c.el.firstElementChild, spans = a.children;
    spans[0].firstElementChild.textContent = phone(c.caller);
    spans[1].textContent = c.campaign || '–';
    spans[2].textContent = third(c);
    a.classList.toggle('bad', c.stage === 'ended' && c.outcome !== 'bridged' && c.outcome !== 'voicemail');
    const lane = lanes.get(c.stage);
    if (c.el.parentNode !== lane.list) {
      const focused = document.activeElement === a;
      c.stage === 'ended' ? lane.list.prepend(c.el) : lane.list.append(c.el);
      if (focused) a.focus();
    }
    tick(c);
  }
  dirty.clear();
  for (const l of lanes.values()) {
    const n = l.list.childElementCount;
    if (l.count.textContent !== String(n)) l.count.textContent = n;
    l.none.hidden = n > 0;
  }
}

let asked = false;
function change(id) {
  dirty.add(id);
  if (asked) return;
  asked = true;
  const go = () => { asked = false; draw(); };
  document.hidden ? setTimeout(go, 1000) : requestAnimationFrame(go);
}

function tick(c) {
  const s = Math.max(0, Math.floor((now() - c.since) / 1000)), el = c.el.firstElementChild.firstElementChild.lastElementChild;
  const text = s < 60 ? s + ' s' : Math.floor(s / 60) + ':' + String(s % 60).padStart(2, '0');
  if (el.textContent !== text) el.textContent = text;
}

setInterval(() => {
  for (const [id, c] of cards) {
    if (c.stage === 'ended' && now() - c.since > 30000) { c.el?.remove(); cards.delete(id); change(id); continue; }
    if (c.el && !document.hidden) tick(c);
  }
}, 1000);

function take(e) {
  if (loading) { waiting.push(e); return; }
  let c = cards.get(e.call);
  if (!c) {
    if (e.kind === 'call.settled' || e.kind === 'call.recorded') return;
    c = { call: e.call, seq: 0, stage: 'flow', since: Date.parse(e.at) };
    cards.set(e.call, c);
  }
  if (apply(c, e)) change(e.call);
}

// load takes the whole board from the server and keeps the cards that are
// still right where they are.
async function load() {
  if (loading) return loading;
  loading = (async () => {
    const r = await fetch('/api/live', { headers: { Accept: 'application/json' } });
    if (r.status === 401) { location.reload(); return; }
    if (!r.ok) throw new Error('board: ' + r.status);
    const b = await r.json();
    skew = Date.parse(b.now) - Date.now();
    const there = new Set();
    b.calls.sort((x, y) => Date.parse(x.since) - Date.parse(y.since)); // the newest end is put in front last
    for (const c of b.calls) {
      there.add(c.call);
      c.since = Date.parse(c.since);
      const old = cards.get(c.call);
      if (old && old.seq >= c.seq) { change(c.call); continue; }
      cards.set(c.call, Object.assign(old || {}, c));
      change(c.call);
    }
    for (const [id, c] of cards) if (!there.has(id)) { c.el?.remove(); cards.delete(id); }
  })();
  try { await loading; } catch { setTimeout(load, 2000); } finally {
    loading = null;
    const late = waiting; waiting = [];
    late.forEach(take);
    change('');
  }
}

for (const a of document.querySelectorAll('.call')) {
  const c = { call: a.dataset.call, seq: 0, stage: a.closest('.lane').dataset.stage, since: Date.parse(a.dataset.since), el: a.parentNode };
  cards.set(c.call, c);
  tick(c);
}

const link = document.getElementById('link');
new Live({ event: take, resync: load, state: (t, up) => { link.textContent = t; link.className = 'link ' + (up ? 'up' : 'down'); } });

const side = document.getElementById('side');
setInterval(async () => {
  if (document.hidden || side.contains(document.activeElement)) return;
  try {
    const r = await fetch('/live/side');
    if (r.ok && !r.redirected) side.innerHTML = await r.text();
  } catch { /* the next round tries again */ }
}, 5000);
