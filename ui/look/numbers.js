// A browser's number field drops a comma without a word: 1,5 would become 15. Here a typed comma is the decimal sign,
// and what is pasted or dropped becomes the field's number or is refused, as ui/jobs/typed.py does it for text fields.
// Put into the page's head by ui/look/head.py.
(() => {
  const NUMBER = /^[+-]?(?=.?\d)\d*([.,]\d*)?(e[+-]?\d+)?$/i;
  const PERHAPS_THOUSANDS = /^[+-]?[1-9]\d{0,2},\d{3}$/;
  const isNumber = element => element.matches?.('input[type=number]');
  const blockOf = input => input.closest('.block') ?? input.parentElement;
  // The field that a second decimal sign was typed into: what is typed after it does not mend that.
  let twice = null;
  let inserting = false;

  // The number that a text is, or what is wrong with it.
  function read(text) {
    const number = Number(text.replace(',', '.'));
    if (!NUMBER.test(text) || !isFinite(number)) return {wrong: `“${text.slice(0, 40)}” is not a number`};
    if (!PERHAPS_THOUSANDS.test(text)) return {number};
    return {wrong: `“${text}” may be ${number} or ${Number(text.replace(',', ''))}; type one of these`};
  }

  function hush(input) {
    blockOf(input).querySelector('.air-refused')?.remove();
    input.removeAttribute('aria-invalid');
    twice = null;
  }

  function say(input, sentence) {
    hush(input);
    const fault = document.createElement('p');
    fault.className = 'air-refused';
    fault.role = 'alert';
    fault.textContent = sentence;
    blockOf(input).append(fault);
    input.setAttribute('aria-invalid', 'true');
  }

  function paste(input, given) {
    const text = given.trim().replace('\u2212', '-');
    if (!text) return;
    const {number, wrong} = read(text);
    if (wrong) return say(input, wrong);
    input.value = number;
    input.dispatchEvent(new InputEvent('input', {bubbles: true, inputType: 'insertFromPaste'}));
  }

  // A browser takes the decimal sign of its own language, and drops another without an event.
  function insertSign(input) {
    let taken = false;
    const note = () => { taken = true; };
    inserting = true;
    if (String(getSelection())) document.execCommand('delete');
    input.addEventListener('input', note);
    for (const sign of [',', '.']) if (!taken) document.execCommand('insertText', false, sign);
    input.removeEventListener('input', note);
    inserting = false;
  }

  function typeSign(input, event) {
    if (!String(getSelection()) && input.value.includes('.')) {
      event.preventDefault();
      say(input, `“${input.value}” has a decimal sign already; type thousands without one`);
      twice = input;
    } else if (event.data === ',') {
      event.preventDefault();
      insertSign(input);
    }
  }

  // Svelte writes back what it read from a field, on a busy machine a key late. Chromium then drops a decimal sign that
  // has no digit yet, and the caret jumps to the front: 21,5 would become 521. Writing the same number changes nothing.
  const field = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
  Object.defineProperty(HTMLInputElement.prototype, 'value', {
    ...field,
    set(value) {
      const same = this.type === 'number' && value !== '' && String(value) === field.get.call(this);
      if (!same) field.set.call(this, value);
    },
  });

  addEventListener('beforeinput', event => {
    const input = event.target;
    if (!isNumber(input) || inserting) return;
    if (['insertFromPaste', 'insertFromDrop'].includes(event.inputType)) {
      event.preventDefault();
      paste(input, event.data ?? '');
    } else if ([',', '.'].includes(event.data)) {
      typeSign(input, event);
    }
  }, true);
  addEventListener('input', event => {
    const more = event.target === twice && event.inputType === 'insertText';
    if (isNumber(event.target) && !more) hush(event.target);
  }, true);
  addEventListener('focusout', event => isNumber(event.target) && hush(event.target), true);
})();
