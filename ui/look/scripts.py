"""The few lines of JavaScript that the screens share."""

from __future__ import annotations

# For HTML that is a list of buttons: a click sends the data attributes of the button and its list, and a list that is
# drawn again returns the focus. The second click of a double click may hit another button, so it is left out.
BUTTONS = """\
let last = null, place = 0;
const buttons = () => [...element.querySelectorAll('button')];
const known = button => JSON.stringify({...button.dataset});
element.addEventListener('focusin', event => {
  const button = event.target.closest('button');
  last = button && known(button);
  place = buttons().indexOf(button);
});
element.addEventListener('focusout', event => { if (event.relatedTarget) last = null; });
watch('value', () => {
  if (!last || document.activeElement !== document.body) return;
  const drawn = buttons();
  (drawn.find(button => known(button) === last) ?? drawn[Math.min(place, drawn.length - 1)])?.focus(
    {preventScroll: true});
});
// The second click of a double click counts where the first one met no button: the list was drawn anew just then.
let pressed = false;
element.addEventListener('mousedown', event => { if (event.detail < 2) pressed = false; });
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button || (pressed && event.detail > 1)) return;
  pressed = true;
  trigger('select', {...button.closest('[data-list]')?.dataset, ...button.dataset});
});"""
_SHOW_ON_NARROW = """\
() => {
  if (window.matchMedia('(max-width: 760px)').matches) {
    document.getElementById('ID').scrollIntoView({block: 'start'});
  }
}"""
_FOCUS_ON = """\
() => {
  let tries = 50;
  const look = setInterval(() => {
    const wanted = document.getElementById('ID');
    wanted?.focus();
    if (document.activeElement === wanted || !--tries) clearInterval(look);
  }, 100);
}"""


def show_on_narrow(element: str) -> str:
    """Scroll to an element where the screen is narrow and it may be out of sight."""
    return _SHOW_ON_NARROW.replace("ID", element)


def focus_on(element: str) -> str:
    """Move the focus to an element as soon as it is there, since the pressed button disappears."""
    return _FOCUS_ON.replace("ID", element)
