// The inbox of leads: their ages go on, new ones are announced without moving the
// list, and a call shows in the history while the phone rings. All of it works
// without this script as well.
import './app.js';

// Ages are the server's at the time they came here: this clock may be wrong.
function ages() {
  for (const t of document.querySelectorAll('time[data-age]')) {
    t.dataset.at ??= Date.now();
    const s = Math.floor(Number(t.dataset.age) + (Date.now() - t.dataset.at) / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60);
    t.textContent = s < 1 ? 'just now' : s < 60 ? `${s} s ago` : m < 60 ? `${m} m ago` : h < 24 ? `${h} h ${String(m % 60).padStart(2, '0')} m ago` : `${Math.floor(h / 24)} d ago`;
  }
}
ages();
setInterval(ages, 5000);

// page returns this page as it is now, or nothing where it cannot be had.
async function page() {
  try {
    const res = await fetch(location.pathname + location.search);
    return res.ok && !res.redirected ? new DOMParser().parseFromString(await res.text(), 'text/html') : null;
  } catch { return null; }
}

const fresh = document.getElementById('fresh');
if (fresh && !/[?&](cursor|sort)=[^&]/.test(location.search)) {
  const ids = doc => [...doc.querySelectorAll('[data-lead]')].map(r => r.dataset.lead), known = new Set(ids(document)), title = document.title;
  let asking = false, told = 0;
  const look = async () => {
    if (document.hidden || asking) return;
    asking = true;
    const now = await page(), n = now ? ids(now).findIndex(id => known.has(id)) : 0, count = n < 0 ? ids(now).length : n;
    asking = false;
    if (!count || count === told) return; // a link that is being clicked stays
    told = count;
    const link = document.createElement('a');
    link.href = location.pathname + location.search;
    link.textContent = 'Show ' + (count === 1 ? 'it' : 'them');
    fresh.replaceChildren(count === 1 ? 'One new lead. ' : `${count} new leads. `, link);
    fresh.hidden = false;
    document.title = `(${count}) ${title}`;
  };
  setInterval(look, 20000);
  addEventListener('focus', look);
}

// A call leaves the page where it is: what it changed is fetched.
addEventListener('submit', e => {
  if (!e.target.action.endsWith('/call')) return;
  const id = e.target.closest('[data-lead]')?.dataset.lead;
  setTimeout(async () => {
    const now = await page();
    if (!now) return;
    const parts = id ? ['l-at', 'l-who', 'l-state', 'l-agent'].map(c => `[data-lead="${CSS.escape(id)}"] .${c}`) : ['#sentence', '#history', '.l-top', '#hands'];
    for (const p of parts) {
      const old = document.querySelector(p), next = now.querySelector(p);
      if (old && next && !old.contains(document.activeElement)) old.replaceWith(next);
    }
    ages();
  }, 1500);
});
