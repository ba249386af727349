// Keeps the page up to date and sends its forms without leaving it (merge.js stands before this). Without it the page works too,
// by reloading.

// --- Showing ---------------------------------------------------------------------------------------------------------------------

const lists = ['messages', 'replies'];
const atBottom = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 60;

let opener = '';

function show(html, address) {
  const fresh = new DOMParser().parseFromString(html, 'text/html');
  const before = document.querySelector('[data-modal]')?.id;
  const hadErrors = document.querySelector('[data-modal] .error') !== null;
  const active = document.activeElement?.id;
  const around = document.activeElement?.closest('.message')?.id;
  const newest = document.getElementById('messages').lastElementChild?.id;
  const of = (page, id) => page.getElementById(id)?.dataset.of;
  const stuck = lists.filter((id) => !document.getElementById(id)?.left || of(document, id) !== of(fresh, id));
  const moved = document.body.dataset.place !== fresh.body.dataset.place;
  if (moved && address) history.pushState(null, '', address);
  document.title = fresh.title;
  merge(document.body, fresh.body);
  dates(document.body);
  counts();
  for (const id of stuck) toBottom(document.getElementById(id));
  if (stuck.includes('messages')) newer.hidden = true;
  else if (document.getElementById('messages').lastElementChild?.id !== newest) newer.hidden = false;
  if (moved) foldOnNarrow();
  const modal = document.querySelector('[data-modal]');
  if (modal && !before) opener = active;
  if (modal && modal.id !== before) enter(modal);
  else if (!modal && before) (document.getElementById(opener) || document.getElementById('command')).focus();
  else if (!modal && around && document.activeElement === document.body) stay(around);
  else if (modal && !hadErrors) firstError(modal);
  for (const passing of document.querySelectorAll('[data-passing]')) setTimeout(refresh, 20500, passing);
  markRead();
}

// A list that stands at its bottom stays there, also when an image in it arrives late.
function toBottom(list) {
  if (!list) return;
  list.scrollTop = list.scrollHeight;
  list.left = false;
}

function enter(modal) {
  const fields = '.modal-body :is(input:not([type=hidden]), select, textarea, button, summary)';
  (modal.querySelector('[data-focus]') || modal.querySelector(fields) || modal.querySelector('footer button')).focus();
}

/** The button that was pressed is gone: the focus stays on its message. */
function stay(id) {
  const message = document.getElementById(id);
  message?.setAttribute('tabindex', '-1');
  message?.focus({ preventScroll: true });
}

function firstError(modal) {
  const error = modal.querySelector('.banner, .error');
  error?.scrollIntoView({ block: 'center' });
  error?.parentElement.querySelector('[aria-invalid=true], input, summary')?.focus({ preventScroll: true });
}

let last = 0;
async function refresh() {
  const mine = ++last;
  try {
    const answer = await fetch(location.pathname + location.search);
    const html = await answer.text();
    if (answer.ok && mine === last) show(html);
  } catch { /* the sandbox is away; the event source tries again */ }
}

// --- Dates -----------------------------------------------------------------------------------------------------------------------

function dates(root) {
  for (const time of root.querySelectorAll('time[data-format]')) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    const text = time.dataset.format.replace(/\{(\w+)\}/g, (token, name) => formatted(at, name) ?? token);
    if (time.textContent !== text) time.textContent = text;
    time.title = at.toLocaleString();
  }
}

function formatted(at, name) {
  const date = (options) => at.toLocaleDateString('en-US', options);
  const days = Math.round((new Date(at).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86400000);
  const near = { '-1': 'yesterday', 0: 'today', 1: 'tomorrow' }[days];
  const long = { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' };
  const middle = { year: 'numeric', month: 'long', day: 'numeric' };
  const short = { year: 'numeric', month: 'short', day: 'numeric' };
  const time = at.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
  switch (name) {
    case 'date_num': return at.toLocaleDateString('sv-SE');
    case 'date_slash': return date({ year: 'numeric', month: '2-digit', day: '2-digit' });
    case 'date': return date(middle);
    case 'date_pretty': return near ?? date(middle);
    case 'date_short': case 'date_short_full': return date(short);
    case 'date_short_pretty': return near ?? date(short);
    case 'date_long': case 'date_long_full': return date(long);
    case 'date_long_pretty': case 'day_divider_pretty': return near ?? date(long);
    case 'time': return time;
    case 'time_secs': return at.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit', second: '2-digit' });
    case 'smart': return days === 0 ? time : `${date({ weekday: 'short', month: 'short', day: 'numeric' })}, ${time}`;
    case 'ago': return new Intl.RelativeTimeFormat('en').format(Math.round((at - Date.now()) / 60000), 'minute');
  }
}

// --- Sending ---------------------------------------------------------------------------------------------------------------------

async function post(form, button) {
  const data = new FormData(form, button && button.name ? button : null);
  const body = form.enctype === 'multipart/form-data' ? data : new URLSearchParams(data);
  button?.setAttribute('aria-busy', 'true');
  const files = [...form.querySelectorAll('input[type=file]')];
  try {
    const answer = await fetch(form.action, { method: 'POST', body });
    if (!answer.ok) throw new Error(await answer.text());
    if (form.hasAttribute('data-reset')) { form.reset(); attached(form); }
    for (const field of files) field.value = '';
    form.closest('details.menu')?.removeAttribute('open');
    const to = new URL(answer.url);
    last++;
    show(await answer.text(), to.pathname + to.search);
  } catch (error) {
    alert(`The sandbox didn't take this: ${error.message}`);
  } finally {
    button?.removeAttribute('aria-busy');
  }
}

/** Submits the form of a control, as if a button with this deed were pressed. */
function act(control, deed) {
  const button = document.createElement('button');
  Object.assign(button, { name: 'do', value: deed, hidden: true, formNoValidate: true });
  control.form.append(button);
  control.form.requestSubmit(button);
  button.remove();
}

document.addEventListener('submit', async (event) => {
  const { target: form, submitter } = event;
  if (form.method !== 'post') return;
  event.preventDefault();
  if (submitter?.getAttribute('aria-busy')) return;
  const dialog = submitter?.dataset.confirm && document.getElementById(submitter.dataset.confirm);
  if (dialog && !await confirmed(dialog)) return;
  post(form, submitter);
});

function confirmed(dialog) {
  return new Promise((resolve) => {
    const done = (answer) => { dialog.onclick = dialog.oncancel = null; dialog.close(); resolve(answer); };
    dialog.onclick = ({ target }) => {
      if (target.matches('[data-yes]')) done(true);
      else if (target.matches('[data-no]')) done(false);
    };
    dialog.oncancel = (event) => { event.preventDefault(); done(false); };
    dialog.showModal();
  });
}

// A date is being typed digit by digit: it is sent once the person has paused or left.
let pause = 0;
document.addEventListener('change', ({ target }) => {
  if (target.matches('[data-go]')) return go(`/?as=${encodeURIComponent(target.value)}&in=${encodeURIComponent(target.form.elements.in.value)}`);
  if (target.matches('.attach input')) return attached(target.form);
  const deed = target.dataset.send;
  if (!deed || target.type === 'text') return;
  clearTimeout(pause);
  if (target.type !== 'date' && target.type !== 'time') return send(target, deed);
  const once = () => { clearTimeout(pause); target.removeEventListener('blur', once); send(target, deed); };
  target.addEventListener('blur', once);
  pause = setTimeout(once, 1500);
});

/** A control that sends; what its confirmation says no to is taken back. */
async function send(control, deed) {
  const dialog = document.getElementById(`${control.id}-confirm`);
  if (dialog && !await confirmed(dialog)) return reset(control);
  act(control, deed);
}

function attached(form) {
  const field = form.querySelector('.attach input');
  if (!field) return;
  field.parentElement.classList.toggle('full', field.files.length > 0);
  field.parentElement.title = [...field.files].map((file) => file.name).join(', ');
}

document.addEventListener('keydown', (event) => {
  const { target, key } = event;
  if (key === 'Enter' && target.matches?.('textarea[data-enter]') && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    target.form.requestSubmit();
  } else if (key === 'Enter' && target.matches?.('input[data-send]') && target.type === 'text') {
    event.preventDefault();
    act(target, target.dataset.send);
  } else if (key === 'Escape' && !document.querySelector('dialog[open]')) {
    const menu = document.querySelector('details.menu[open]');
    if (menu) { menu.open = false; menu.querySelector('summary').focus(); } else document.querySelector('[data-modal] header button')?.click();
  }
});

document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
  const link = event.target.closest?.('a[href]');
  if (!link) return;
  const form = link.closest('form');
  if (link.dataset.also && form) fetch(form.action, { method: 'POST', body: withDeed(form, link.dataset.also) }).then(refresh);
  const to = new URL(link.href);
  if (to.origin !== location.origin || to.pathname !== '/' || link.target || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(to.pathname + to.search, to.hash.slice(1));
});

function withDeed(form, deed) {
  const data = new FormData(form);
  data.append('do', deed);
  return data;
}

async function go(address, anchor) {
  last++;
  const answer = await fetch(address);
  show(await answer.text(), address);
  const message = anchor && document.getElementById(anchor);
  if (message) { location.hash = anchor; message.scrollIntoView({ block: 'center' }); }
}

// --- Live ------------------------------------------------------------------------------------------------------------------------

// Browsers allow few connections to one server: only tabs that are seen listen.
let source = null;
function listen() {
  source?.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource(document.body.dataset.live);
  source.onopen = refresh;
  source.onmessage = refresh;
}

function markRead() {
  const form = document.querySelector('[data-read]');
  if (form && !document.hidden && !form.sent) {
    form.sent = true;
    fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) }).catch(() => {});
    setTimeout(() => { form.sent = false; }, 1000);
  }
}

function counts() {
  for (const count of document.querySelectorAll('[data-count]')) {
    const field = document.getElementById(count.dataset.count);
    if (field) count.textContent = `${[...field.value].length} of ${count.dataset.most}`;
  }
}

function foldOnNarrow() {
  if (matchMedia('(max-width: 720px)').matches) for (const fold of document.querySelectorAll('[data-narrow], #happened')) fold.open = false;
}

const newer = document.getElementById('newer');
newer.addEventListener('click', () => toBottom(document.getElementById('messages')));
document.addEventListener('scroll', ({ target: list }) => {
  if (!lists.includes(list.id)) return;
  list.left = !atBottom(list);
  if (list.id === 'messages' && !list.left) newer.hidden = true;
}, true);
document.addEventListener('load', ({ target }) => {
  const list = target.closest?.('.messages');
  if (list && !list.left) toBottom(list);
}, true);

document.addEventListener('input', counts);
document.addEventListener('visibilitychange', listen);
addEventListener('popstate', refresh);
foldOnNarrow();
dates(document.body);
counts();
for (const id of lists) toBottom(document.getElementById(id));
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView({ block: 'center' });
const opened = document.querySelector('[data-modal]');
if (opened) enter(opened);
markRead();
listen();
