// What every page has: "/" goes to the search, forms that destroy ask once, and
// the browser's own zone is offered.
addEventListener('keydown', e => {
  const typing = e.target.closest?.('input, textarea, select, [contenteditable]');
  if (e.key === '/' && !typing && !e.ctrlKey && !e.metaKey && !e.altKey) {
    const q = document.getElementById('q');
    if (q) { e.preventDefault(); q.focus(); q.select(); }
  }
  if (e.key === 'Escape') for (const m of document.querySelectorAll('details.menu[open]')) { m.open = false; m.querySelector('summary').focus(); }
});

addEventListener('click', e => {
  const asks = e.target.closest?.('[data-ask]');
  if (asks && !confirm(asks.dataset.ask)) e.preventDefault();
  for (const m of document.querySelectorAll('details.menu[open]')) if (!m.contains(e.target)) m.open = false;
});

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zones = document.getElementById('zone');
if (zones && zone && ![...zones.options].some(o => o.value === zone)) zones.add(new Option(zone, zone));
for (const s of document.querySelectorAll('.menu-box select')) s.addEventListener('change', () => s.form.requestSubmit());
