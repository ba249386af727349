// Merges the page as the server drew it anew into the page that is there. What a person typed or chose and the server doesn't know
// yet stays, and so do focus and open menus.
'use strict';

const isField = (node) => node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement;

function isDirty(field) {
  if (field instanceof HTMLSelectElement) return [...field.options].some((option) => option.selected !== option.defaultSelected);
  if (field.type === 'checkbox' || field.type === 'radio') return field.checked !== field.defaultChecked;
  if (field.type === 'file') return field.files.length > 0;
  return field.value !== field.defaultValue;
}

function reset(field) {
  if (field instanceof HTMLSelectElement) for (const option of field.options) option.selected = option.defaultSelected;
  else if (field.type === 'checkbox' || field.type === 'radio') field.checked = field.defaultChecked;
  else if (field.type !== 'file') field.value = field.defaultValue;
}

const same = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || '') === (other.id || '');

function merge(here, fresh) {
  if (here.nodeType !== Node.ELEMENT_NODE) {
    if (here.nodeValue !== fresh.nodeValue) here.nodeValue = fresh.nodeValue;
    return;
  }
  if (here instanceof HTMLFormElement && here.dataset.version !== fresh.dataset.version) [...here.elements].filter(isField).forEach(reset);
  const keep = isField(here) && here.type !== 'hidden' && isDirty(here);
  const value = keep ? here.value : null;
  for (const { name } of [...here.attributes]) if (!fresh.hasAttribute(name) && !own(here, name)) here.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (here.getAttribute(name) !== value && !own(here, name)) here.setAttribute(name, value);
  if (!(here instanceof HTMLTextAreaElement)) mergeChildren(here, fresh);
  else if (here.defaultValue !== fresh.defaultValue) here.defaultValue = fresh.defaultValue;
  if (!isField(here) || here.type === 'hidden') return;
  if (!keep) reset(here);
  else if (here instanceof HTMLSelectElement) here.value = value;
}

// Whether a menu is open, what is busy, and whether the way down is offered, is the page's own affair.
function own(node, name) {
  return node.id === 'newer' || name === 'open' && (node.tagName === 'DETAILS' || node.tagName === 'DIALOG') || name === 'aria-busy';
}

function mergeChildren(here, fresh) {
  const ids = new Map([...here.children].filter((child) => child.id).map((child) => [child.id, child]));
  let spot = here.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let found = wanted.id ? ids.get(wanted.id) : spot;
    if (found && !same(found, wanted)) found = null;
    ids.delete(wanted.id);
    if (!found) here.insertBefore(wanted, spot);
    else {
      if (found === spot) spot = spot.nextSibling;
      else here.insertBefore(found, spot);
      merge(found, wanted);
    }
  }
  while (spot) {
    const next = spot.nextSibling;
    spot.remove();
    spot = next;
  }
}

