// The agent's desk: pops arrive while the phone rings and push in without
// taking the focus from what is being typed.
import './app.js';
import { Live } from './socket.js';

const desk = document.getElementById('pops'), idle = document.getElementById('idle'), tpl = document.getElementById('pop-card');
const link = document.getElementById('link'), csrf = document.body.dataset.csrf;
const says = { ring: 'Ringing', answer: 'Connected', end: 'Ended' };
const pops = new Map();

function phone(p) {
  const m = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(p || '');
  return m ? `+1 (${m[1]}) ${m[2]}-${m[3]}` : p || 'number withheld';
}

function fill(card, p) {
  card.dataset.state = p.state;
  const set = (k, v) => { const el = card.querySelector(`[data-f=${k}]`); el.textContent = v || ''; el.hidden = !v; };
  set('state', says[p.state] || p.state); set('name', p.name || phone(p.caller)); set('phone', p.name ? phone(p.caller) : '');
  set('place', p.place); set('campaign', p.campaign);
  card.querySelector('[data-f=state]').className = 'tag ' + ({ ring: 'warn', answer: 'good' }[p.state] || '');
  const dl = card.querySelector('dl');
  dl.replaceChildren();
  for (const [k, v] of Object.entries(p.tags || {}).sort()) {
    const dt = document.createElement('dt'), dd = document.createElement('dd');
    dt.textContent = k.replaceAll('_', ' '); dd.textContent = v; dl.append(dt, dd);
  }
}

function pop(p) {
  let card = pops.get(p.call_id);
  const fresh = !card;
  if (fresh) {
    card = tpl.content.firstElementChild.cloneNode(true);
    card.dataset.call = p.call_id;
    pops.set(p.call_id, card);
    // Only the card of now is open to the keys; the ones before fold away when
    // nobody writes in them.
    desk.prepend(card);
    for (const [id, c] of pops) if (c !== card && c.dataset.state === 'end' && !c.contains(document.activeElement)) { c.remove(); pops.delete(id); }
  }
  fill(card, p);
  idle.hidden = pops.size > 0;
  if (fresh && p.state === 'ring') { chime(); notify(p); }
}

let sound;
function chime() {
  if (!document.getElementById('sound').checked) return;
  try {
    sound ??= new AudioContext();
    [0, 0.18].forEach((t, i) => {
      const o = sound.createOscillator(), g = sound.createGain(), at = sound.currentTime + t;
      o.frequency.value = i ? 988 : 740;
      g.gain.setValueAtTime(0, at); g.gain.linearRampToValueAtTime(0.2, at + 0.02); g.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
      o.connect(g).connect(sound.destination); o.start(at); o.stop(at + 0.45);
    });
  } catch { /* a desk without sound still shows the card */ }
}

function notify(p) {
  if (!('Notification' in window) || Notification.permission !== 'granted' || document.hasFocus()) return;
  const n = new Notification(p.name || phone(p.caller), { body: [p.campaign, p.place].filter(Boolean).join(', '), tag: p.call_id });
  n.onclick = () => { focus(); n.close(); };
}

async function dispose(card, button) {
  const body = new URLSearchParams({ csrf, disposition: button.value, note: card.querySelector('textarea').value });
  const told = card.querySelector('[data-f=told]');
  try {
    const r = await fetch('/agent/calls/' + encodeURIComponent(card.dataset.call) + '/disposition', { method: 'POST', body, headers: { Accept: 'application/json' } });
    if (!r.ok) throw new Error((await r.json()).detail || r.status);
    for (const b of card.querySelectorAll('button[value]')) b.setAttribute('aria-pressed', b === button);
    told.textContent = 'Kept: ' + button.dataset.word; told.className = 'good';
  } catch (e) { told.textContent = 'Not kept: ' + e.message; told.className = 'bad'; }
}

desk.addEventListener('click', e => {
  const b = e.target.closest('button[value]');
  if (b) { e.preventDefault(); dispose(b.closest('.pop'), b); }
});
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input, textarea, select')) return;
  const b = desk.querySelector('.pop')?.querySelector(`button[data-key="${CSS.escape(e.key)}"]`);
  if (b) { e.preventDefault(); b.click(); }
});

const status = document.getElementById('status');
function presence(s) { for (const r of status.querySelectorAll('input')) r.checked = r.value === s; }
const live = new Live({
  pop, presence,
  state: (t, up) => { link.textContent = up ? 'connected' : t; link.className = 'link ' + (up ? 'up' : 'down'); },
});
status.addEventListener('change', e => { live.send({ t: 'presence', presence: e.target.value }); });
status.querySelector('button')?.remove();

const ask = document.getElementById('notify');
if ('Notification' in window && Notification.permission === 'default') {
  ask.hidden = false;
  ask.addEventListener('click', async () => { await Notification.requestPermission(); ask.hidden = true; });
}
