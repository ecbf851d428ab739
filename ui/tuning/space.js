// The fields of a search space: for each parameter, try it or not, from, to; with what is wrong beside the field.
// Put into the page's head by ui/look/head.py; ui/tuning/space.py says what to ask, checks it, and reads what was typed.
window.airSpace = (() => {
  const WAIT_MS = 250;
  let waiting = 0;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function field(row, key, label, say) {
    const input = make('input', {
      type: 'text', 'aria-label': `${row.title}: ${label}`, 'data-key': key, autocomplete: 'off', spellcheck: 'false',
      'aria-describedby': `air-space-fault-${row.name}`, inputmode: key === 'values' ? 'text' : 'decimal',
    });
    input.value = row[key];
    input.disabled = !row.on;
    input.addEventListener('input', () => say({[key]: input.value}));
    return input;
  }

  function draw(root, space, changed) {
    const body = make('tbody');
    for (const row of space.rows) {
      const tick = make('input', {type: 'checkbox', 'aria-label': `Try ${row.title}`});
      tick.checked = row.on;
      const say = part => changed(row.name, part);
      const fields = row.type === 'choice' ? [make('td', {colspan: 2}, field(row, 'values', 'values', say))]
        : [['low', 'from'], ['high', 'to']].map(([key, label]) => make('td', {}, field(row, key, label, say)));
      const line = make('tr', {'data-parameter': row.name},
        make('td', {}, tick),
        make('th', {scope: 'row'}, row.title, make('small', {}, row.meaning)), ...fields);
      tick.addEventListener('change', () => {
        for (const input of line.querySelectorAll('input[type=text]')) input.disabled = !tick.checked;
        say({on: tick.checked});
      });
      const fault = make('p', {id: `air-space-fault-${row.name}`, class: 'air-fault', role: 'status'});
      line.classList.toggle('air-off', !row.on);
      body.append(line, make('tr', {class: 'air-fault-line'}, make('td', {colspan: 4}, fault)));
    }
    const titles = ['Try', 'Parameter', 'From', 'To'].map(title => make('th', {scope: 'col'}, title));
    root.replaceChildren(
      make('table', {class: 'air-table air-space'}, make('thead', {}, make('tr', {}, ...titles)), body),
      make('p', {class: 'air-fault', id: 'air-space-fault', role: 'status'}));
  }

  function faults(root, found) {
    for (const line of root.querySelectorAll('tr[data-parameter]')) {
      const own = found[line.dataset.parameter];
      const fault = line.nextElementSibling.querySelector('p');
      if (fault.textContent !== (own?.text || '')) fault.textContent = own?.text || '';
      for (const input of line.querySelectorAll('input[type=text]')) {
        const wrong = Boolean(own) && ['', input.dataset.key].includes(own.field);
        input.setAttribute('aria-invalid', String(wrong));
      }
    }
    const whole = root.querySelector('#air-space-fault');
    if (whole) whole.textContent = found['']?.text || '';
  }

  // What is typed goes into the component's value, which travels with the next click on the page.
  function start(root, props, watch, trigger) {
    let drawn = '';
    let typed = [];
    const tell = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => trigger('input'), WAIT_MS);
    };
    const show = () => {
      const space = props.value;
      if (!space?.rows) return;
      if (space.key === drawn) {
        // The same search, sent once more by a late answer: what was typed into the fields counts.
        if (JSON.stringify(space.rows) === JSON.stringify(typed)) return;
        props.value = {...space, rows: typed};
        return tell();
      }
      [drawn, typed] = [space.key, space.rows];
      draw(root(), space, (name, part) => {
        typed = typed.map(row => (row.name === name ? {...row, ...part} : row));
        props.value = {...props.value, rows: typed};
        if ('on' in part) root().querySelector(`tr[data-parameter="${CSS.escape(name)}"]`).classList.toggle('air-off', !part.on);
        tell();
      });
    };
    watch('value', show);
    show();
  }

  return {start, faults};
})();
