// Choosing many exceptions at once: one box for all of the page, and how many
// are chosen.
import './app.js';

const form = document.getElementById('bulk');
if (form) {
  const all = document.getElementById('all'), boxes = [...form.querySelectorAll('input[name=id]')], chosen = document.getElementById('chosen');
  const buttons = form.querySelectorAll('button[name=action]');
  const count = () => {
    const n = boxes.filter(b => b.checked).length;
    all.checked = n === boxes.length; all.indeterminate = n > 0 && n < boxes.length;
    chosen.textContent = n ? n + ' chosen' : 'choose at least one';
    for (const b of buttons) b.disabled = n === 0;
    form.querySelector('.danger').dataset.ask = `Dismiss ${n} exception${n === 1 ? '' : 's'}? They leave this list and are not sent again.`;
  };
  all.closest('label').hidden = false;
  all.addEventListener('change', () => { for (const b of boxes) b.checked = all.checked; count(); });
  form.addEventListener('change', count);
  addEventListener('pageshow', count);
  count();
}
